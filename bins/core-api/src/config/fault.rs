use std::borrow::Cow;
use std::fmt;

use super::keys;

/// One thing that is wrong with the configuration. Holds names and rules, never a value: what
/// stands in the wrong place may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: a key such as `http.bind`, or a file's name.
    place: String,
    /// What would be right.
    rule: Cow<'static, str>,
}

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, place: &str, rule: impl Into<Cow<'static, str>>) {
        let fault = Fault { place: place.to_owned(), rule: rule.into() };
        // Two commands' sections may find the same fault.
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` when nothing is wrong.
    pub(super) fn or<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            Some(_) => Err(self),
            None => {
                if self.is_empty() {
                    self.add("configuration", "is incomplete");
                }
                Err(self)
            }
        }
    }
}

impl fmt::Display for Faults {
    /// One line a fault, by key, with the environment's name of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults: Vec<&Fault> = self.0.iter().collect();
        faults.sort_by(|one, other| one.place.cmp(&other.place));
        let count = faults.len();
        write!(f, "the configuration has {count} fault{}", if count == 1 { "" } else { "s" })?;
        for Fault { place, rule } in faults {
            if keys::is_key(place) {
                write!(f, "\n  {place} ({}) {rule}", keys::variable(place))?;
            } else {
                write!(f, "\n  {place} {rule}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
