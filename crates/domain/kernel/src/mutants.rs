//! Faults that are compiled in, to be planted one at a time: for `cargo xtask verify-isolation --prove`.
//!
//! A mutant stands where the code stands that it breaks, behind the feature `mutants` of its crate:
//!
//! ```ignore
//! #[cfg(feature = "mutants")]
//! if restartix_kernel::mutants::planted("video.room_without_organisation") {
//!     return Self(format!("restartix-{appointment}"));
//! }
//! ```
//!
//! Nothing that ships has the feature; `restartix-mutant-server` alone turns it on. What is named
//! here must be planted by a probe of `restartix-isolation`, and the other way round (a test looks).

use std::sync::{Mutex, PoisonError};

static PLANTED: Mutex<Option<String>> = Mutex::new(None);
static OVERHEARD: Mutex<Option<String>> = Mutex::new(None);

/// Plants the mutant of this name in the place of the one before; `None`: takes it away.
pub fn plant(name: Option<&str>) {
    put(&PLANTED, name);
}

/// Whether the mutant of this name is planted.
pub fn planted(name: &str) -> bool {
    got(&PLANTED).as_deref() == Some(name)
}

/// What a careless part heard of somebody, for another that lets it out.
pub fn overhear(text: &str) {
    put(&OVERHEARD, Some(text));
}

/// What was overheard last.
pub fn overheard() -> Option<String> {
    got(&OVERHEARD)
}

fn put(place: &Mutex<Option<String>>, text: Option<&str>) {
    // A text is changed in one go: whoever panicked while holding it left a whole one.
    *place.lock().unwrap_or_else(PoisonError::into_inner) = text.map(str::to_owned);
}

fn got(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
