use std::fmt;
use std::str::FromStr;

use restartix_kernel::{WebhookEndpointId, words};
use restartix_tenancy::Version;

use crate::EventType;

/// Endpoints that one organisation may have.
pub const MAX_ENDPOINTS: usize = 20;

/// Secrets of one endpoint that sign at once.
pub const MAX_LIVE_SECRETS: usize = 3;

/// Filters of one endpoint.
const MAX_FILTERS: usize = 50;

words! {
    /// Where an endpoint stands.
    State {
        /// It has not yet answered the question whether anybody is there.
        Pending = "pending_verification",
        /// It hears of what it subscribes to.
        Enabled = "enabled",
        /// It hears nothing.
        Disabled = "disabled",
    }
}

words! {
    /// Why an endpoint hears nothing.
    Disabled {
        /// An administrator wanted it so.
        ByAdmin = "admin",
        /// It failed for five days.
        ByFailure = "failure",
        /// It said that it is gone (410).
        Gone = "gone",
    }
}

/// What an endpoint wants to hear of: one type (`appointment.created`), all of a group
/// (`appointment.*`), or everything (`*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Everything.
    All,
    /// All types whose names begin so; it ends in a dot.
    Group(&'static str),
    /// One type.
    One(EventType),
}

/// The text is no filter, or no list of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known event type, group or `*`")]
pub struct FilterError;

impl Filter {
    /// Whether it lets `kind` through. What is sent to one endpoint by name is nobody's to
    /// subscribe to.
    pub fn admits(self, kind: EventType) -> bool {
        !kind.is_addressed()
            && match self {
                Self::All => true,
                Self::Group(prefix) => kind.as_str().starts_with(prefix),
                Self::One(one) => one == kind,
            }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(prefix) = text.strip_suffix('*').filter(|prefix| prefix.ends_with('.')) {
            let known = EventType::ALL.iter().map(|kind| kind.as_str());
            let mut groups = known.filter_map(|name| name.split_inclusive('.').next());
            return groups.find(|group| *group == prefix).map(Self::Group).ok_or(FilterError);
        }
        let kind: EventType = text.parse().map_err(|_| FilterError)?;
        if kind.is_addressed() { Err(FilterError) } else { Ok(Self::One(kind)) }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Group(prefix) => write!(f, "{prefix}*"),
            Self::One(kind) => kind.fmt(f),
        }
    }
}

/// The filters of one endpoint: 1 to 50, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters(Vec<Filter>);

impl Filters {
    /// Reads them.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, FilterError> {
        let mut filters: Vec<Filter> = Vec::new();
        for text in texts {
            let filter = text.as_ref().parse()?;
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        }
        if (1..=MAX_FILTERS).contains(&filters.len()) {
            Ok(Self(filters))
        } else {
            Err(FilterError)
        }
    }

    /// As they were written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// The types that they let through, by name: what the sequencer compares with.
    pub fn admitted(&self) -> Vec<&'static str> {
        let kinds = EventType::ALL.iter().copied();
        kinds
            .filter(|kind| self.0.iter().any(|filter| filter.admits(*kind)))
            .map(EventType::as_str)
            .collect()
    }
}

/// An address that hears of events. Its secrets are elsewhere, and never listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where to; it may bear a token of the receiver's.
    pub url: String,
    /// What it hears of.
    pub filters: Filters,
    /// Where it stands.
    pub state: State,
    /// Why it hears nothing, when it does not.
    pub disabled: Option<Disabled>,
    /// Deliveries a minute at most, when it has a limit of its own.
    pub rate: Option<RatePerMinute>,
    /// How many headers of its own go with each delivery; what they are is never told.
    pub headers: usize,
    /// Changes so far.
    pub version: Version,
}

/// Deliveries a minute: 1 to 60,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePerMinute(u16);

impl RatePerMinute {
    /// The rate, when it is in range.
    pub const fn new(deliveries: u16) -> Option<Self> {
        if deliveries >= 1 && deliveries <= 60_000 { Some(Self(deliveries)) } else { None }
    }

    /// Deliveries a minute.
    pub const fn get(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_filter_is_a_type_a_group_or_everything() {
        let filters = Filters::parse(&["appointment.*", "member.added", "member.added"]).unwrap();
        assert_eq!(filters.texts(), ["appointment.*", "member.added"]);
        let admitted = filters.admitted();
        assert_eq!(admitted.len(), 8);
        assert!(admitted.contains(&"appointment.no_show") && !admitted.contains(&"member.removed"));
        for bad in ["", "appointment", "appointment*", "app.*", "*.created", "x.y", "endpoint.test"]
        {
            assert_eq!(Filters::parse(&[bad]), Err(FilterError), "{bad:?}");
        }
        assert!(Filters::parse::<&str>(&[]).is_err());
    }

    #[test]
    fn what_is_addressed_to_one_endpoint_is_nobodys_to_subscribe_to() {
        let all = Filters::parse(&["*", "endpoint.*"]).unwrap().admitted();
        assert_eq!(all.len(), EventType::ALL.len() - 2);
        assert!(!all.contains(&"endpoint.verification"));
    }

    proptest! {
        #[test]
        fn reading_a_filter_never_panics(text in "\\PC{0,40}") {
            if let Ok(filter) = text.parse::<Filter>() {
                prop_assert_eq!(filter.to_string(), text);
            }
        }
    }
}
