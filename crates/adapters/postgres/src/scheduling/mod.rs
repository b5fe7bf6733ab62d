//! Appointment types, calendars, appointments.

mod appointments;
mod calendars;
mod exceptions;
mod types;
