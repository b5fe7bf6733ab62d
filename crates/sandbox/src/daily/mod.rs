//! Daily.co: rooms, meeting tokens, presence, recordings and webhooks as its REST API describes
//! them (<https://docs.daily.co/reference/rest-api>), and in the place of its call page a hook
//! that decides, as Daily's servers would, who gets in.
//!
//! What is certain and what is not is labelled in `fixtures/daily/`: `doc` (the vendor's page),
//! `seen` (observed on the real service), `assumed` (our guess where neither says).
//!
//! # Control endpoints
//! - `POST /_sandbox/join` `{"room","token"}` or `{"url"}`: 200 admitted, 403 with the reason.
//! - `POST /_sandbox/leave` `{"participant_id"}`.
//! - `GET|POST /_sandbox/switches`: see [`Switches`]; a POST changes only what it names.
//! - `GET /_sandbox/rooms`: every room, expired ones too, with who is in it.
//! - `POST /_sandbox/recordings` `{"room","length","content","duration","error"}`: a recording
//!   ends, ready or failed.
//! - `GET|DELETE /_sandbox/journal`: what was asked and sent; the greatest rate seen.

mod answer;
mod api;
mod control;
mod delivery;
mod events;
mod http;
mod join;
mod limits;
mod page;
mod presence;
mod properties;
mod recordings;
mod rooms;
mod server;
mod state;
mod switches;
mod tokens;
mod webhooks;

pub use join::Reason;
pub use server::{Daily, Options, Subscription};
pub use switches::Switches;
