//! Every adapter against a real PostgreSQL. One program, because each that is linked costs a disk and a link.

mod answers;
mod directory;
mod insights;
mod leaving;
mod migrations;
mod rehab;
mod scheduling;
mod seals;
mod support;
mod telemetry;
mod together;
mod transaction;
mod webhooks;
