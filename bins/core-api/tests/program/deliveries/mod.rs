//! Workers that are killed, paused and lied to: every event is delivered at least once, nothing is
//! lost or recorded twice, and places have no gaps.

mod crashes;
mod paused;
mod receiver;
mod stage;
