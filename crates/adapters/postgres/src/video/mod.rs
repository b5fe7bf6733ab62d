//! Video rooms, who was in them, and what was recorded there.

mod duties;
mod presence;
mod recordings;
mod rooms;

pub use duties::{PgOpenCalls, PgRoomDuties};
pub use presence::PgRoomNames;
pub use recordings::PgDueRecordings;
pub use rooms::PgJoinCodes;
