//! Appointment types, calendars, appointments.

mod appointments;
mod calendars;
mod exceptions;
mod reminders;
mod seats;
mod types;

pub use reminders::PgDueReminders;
