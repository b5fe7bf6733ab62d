//! Rooms at the provider, kept as the appointments say.

mod keeper;
mod mend;
mod sweep;

use restartix_scheduling::Appointment;
use restartix_tenancy::Organisation;
use restartix_video::{Window, WindowPolicy};

pub use keeper::RoomKeeper;
pub(crate) use mend::may_record;
pub use sweep::{KeptRoom, RoomDuties, RoomDuty, RoomSweeper, Standing};

/// When the room of `appointment` is open, by its organisation's own choice.
pub(crate) fn window(organisation: &Organisation, appointment: &Appointment) -> Window {
    let (starts_at, ends_at) = (appointment.starts_at, appointment.ends_at);
    WindowPolicy::new(organisation.lead_minutes, organisation.grace_minutes)
        .map_or(Window { opens_at: starts_at, closes_at: ends_at }, |policy| {
            policy.window(starts_at, ends_at)
        })
}
