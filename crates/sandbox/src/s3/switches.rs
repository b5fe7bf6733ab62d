//! What can be told to the stand-in while it runs.

use serde::{Deserialize, Serialize};

use crate::Faults;

/// All switches. A patch over `POST /_sandbox/switches` changes only the keys that it names and
/// refuses keys that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// Failures that every stand-in has. A change is a PUT, POST or DELETE.
    #[serde(flatten)]
    pub faults: Faults,
    /// The next so many objects that are read break off in the middle.
    pub cut_bodies: u32,
    /// The next so many answers have a header whose value holds bytes above 0x7f, which HTTP
    /// allows (RFC 9110, section 5.5) and some clients do not survive.
    pub strange_headers: u32,
    /// The next so many answers have a header `Location` that leads elsewhere, with status 307.
    pub redirect: u32,
    /// After so many requests about objects, parts, versions or uploads, every request loses its
    /// connection before anything is done, until this is taken away: an outage that begins at one
    /// certain call. Whether a bucket is there is not counted.
    pub healthy_for: Option<u32>,
    /// Every other request but PUTs answers 503 before anything is done.
    pub stumbles: bool,
    /// The bucket's policy is kept and told, and not obeyed: nobody is refused by it, and nobody
    /// is somebody. For proofs that a bucket which only says so is found out.
    pub ignore_policy: bool,
}
