//! The program itself, against a real PostgreSQL: how it is configured, lives, migrates, works and is killed.

mod configuration;
mod deliveries;
mod lifetime;
mod migration;
mod support;
