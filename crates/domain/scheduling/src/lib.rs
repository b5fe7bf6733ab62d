//! When somebody may be booked, and what became of it: availability, holds, appointments.
//!
//! Knows nothing of SQL, Redis, HTTP or video. [`engine`] computes free slots from plain values;
//! the ports [`AppointmentTypes`], [`Calendars`], [`Exceptions`], [`Appointments`] and [`Holds`] keep what it
//! computes from; [`decide`] is the rule by which a booking is made under the specialist's lock.
//!
//! Why these crates: `chrono-tz` carries the IANA time zone database inside, so that two servers
//! cannot disagree on when Cairo changes its clocks.

mod appointment;
mod appointment_type;
mod booking;
mod calendar;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod engine;
mod exceptions;
mod hold;
#[cfg(feature = "conformance")]
pub mod memory;
mod reminders;
mod rescheduling;
mod session;

pub use appointment::{
    Appointment, AppointmentFilter, Appointments, Booked, ChangeReason, Patient, Reminded, Status,
    TransitionRefused,
};
pub use appointment_type::{AppointmentType, AppointmentTypes, TypeName, TypeNameError};
pub use booking::{Booking, BookingRefused, BookingRequest, decide};
pub use calendar::{Calendars, Specialist, SpecialistDiary};
pub use exceptions::{Closure, Exceptions, Override, StretchError, TimeOff, closed_days, time_off};
pub use hold::{Hold, HoldError, Holds, Slot};
pub use reminders::{Reminders, RemindersError};
pub use rescheduling::{MoveRefused, Moving, Rescheduling, reschedule};
pub use session::{Capacity, Seat, Session};
