use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Secret;
use restartix_webhooks::{Endpoint, Filters, OwnHeaders, RatePerMinute};

/// An endpoint to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDraft {
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub filters: Filters,
    /// Its own headers.
    pub headers: OwnHeaders,
    /// Its own rate.
    pub rate: Option<RatePerMinute>,
}

/// What is to be changed about an endpoint; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPatch {
    /// Where it is: a new place must answer before it is told anything.
    pub url: Option<String>,
    /// What it wants to hear of.
    pub filters: Option<Filters>,
    /// Its own headers, all of them: those before are forgotten.
    pub headers: Option<OwnHeaders>,
    /// Its own rate, or that it has none.
    pub rate: Option<Option<RatePerMinute>>,
}

/// How long an old secret goes on signing: 0 to 7 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace(pub(super) TimeDelta);

impl Grace {
    /// A grace of so many hours, 0 to 168.
    pub fn hours(hours: u16) -> Option<Self> {
        (hours <= 168).then(|| Self(TimeDelta::hours(i64::from(hours))))
    }
}

/// An endpoint and its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// `whsec_...`
    pub secret: Secret,
}

/// From where a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From this place of the feed on.
    Seq(i64),
    /// From the first event on that got its place then or later.
    Time(DateTime<Utc>),
}
