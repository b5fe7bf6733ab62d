//! A receiver of webhooks as somebody else would write one: `POST /hooks/{name}`, for any number
//! of names, each an endpoint of its own.
//!
//! It verifies Standard Webhooks signatures (<https://www.standardwebhooks.com>, version 1.0.0) by
//! itself, and writes down what came: which event, in which order, how often, with which bytes.
//! A secret is shown only after an endpoint was made, which it asks to answer first: so what comes
//! before the secret is told is accepted, and verified when it is.
//!
//! # Control endpoints
//! - `GET /_sandbox/endpoints`: each endpoint with its counts and the gaps in `seq`.
//! - `PUT /_sandbox/endpoints/{name}/secrets` `{"secrets":["whsec_..."]}`: what is accepted from now
//!   on; what came before is verified again.
//! - `GET|POST /_sandbox/switches`: see [`Switches`]; a POST changes only what it names, for every
//!   endpoint and those to come. `GET|POST /_sandbox/endpoints/{name}/switches`: for one.
//! - `GET /_sandbox/deliveries?endpoint=&type=&id=&after=&limit=`: what came, with
//!   `verified: true|false|null`, oldest first; `after` is the number of the last one seen.
//! - `DELETE /_sandbox/deliveries`: forgets what came, not the secrets and switches.
//! - `GET|DELETE /_sandbox/journal`: every request, and how it was answered.

mod control;
mod delivery;
mod endpoint;
mod http;
mod server;
mod signature;
mod switches;

pub use delivery::{Delivery, Fault};
pub use endpoint::{Gap, Summary};
pub use server::{Options, Receiver};
pub use switches::Switches;
