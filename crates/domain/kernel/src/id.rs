//! Public ids. A raw integer or `Uuid` stops at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::{Clock, Random, RandomExt};

/// A text or number that is not an id of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct IdError;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $make:item) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was read from a place that holds only such ids.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The id as it stands in the database.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            $make
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Accepts the hyphenated form only: one id has one spelling.
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != uuid::fmt::Hyphenated::LENGTH {
                    return Err(IdError);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }
        }
    };
}

macro_rules! timed_id {
    ($(#[$doc:meta])* $name:ident) => {
        uuid_id! {
            $(#[$doc])* $name,
            /// A fresh id: UUIDv7, so that ids sort by time.
            pub fn fresh(clock: &dyn Clock, random: &dyn Random) -> Self {
                Self(random.uuid_v7(clock.now()))
            }
        }
    };
}

macro_rules! human_id {
    ($(#[$doc:meta])* $name:ident) => {
        uuid_id! {
            $(#[$doc])*
            ///
            /// UUIDv4, because a v7 tells when somebody became a patient.
            $name,
            /// A fresh id: 122 random bits.
            pub fn fresh(random: &dyn Random) -> Self {
                Self(random.uuid_v4())
            }
        }
    };
}

human_id! {
    /// Somebody who can sign in; the same in every organisation.
    UserId
}
human_id! {
    /// Somebody as one organisation knows them: a patient, a specialist, an administrator.
    PersonId
}
timed_id! {
    /// The tie between a sign-in subject and a person of one organisation.
    MembershipId
}
timed_id! {
    /// A kind of appointment that an organisation offers.
    AppointmentTypeId
}
timed_id! {
    /// A slot reserved for some minutes.
    HoldId
}
timed_id! {
    /// A time with one or more specialists, in which appointments are seats.
    SessionId
}
timed_id! {
    /// A file that an organisation keeps.
    FileId
}
timed_id! {
    /// A signature that was bound to a document.
    SignatureId
}
timed_id! {
    /// What is recorded of a video visit.
    RecordingId
}
timed_id! {
    /// A stretch of time in which a specialist is away.
    TimeOffId
}
timed_id! {
    /// Days on which an organisation is closed.
    ClosureId
}
timed_id! {
    /// A plan of exercises for one patient.
    ProgramId
}
timed_id! {
    /// An exercise, as the library calls it from which the organisation prescribes.
    ExerciseId
}
timed_id! {
    /// An address of an organisation that hears of events.
    WebhookEndpointId
}
timed_id! {
    /// One event on its way to one endpoint.
    WebhookDeliveryId
}
timed_id! {
    /// A part of an organisation's events that an endpoint is to hear once more.
    WebhookJobId
}
timed_id! {
    /// A program of an organisation's own that acts for it.
    ApiClientId
}
timed_id! {
    /// Something that happened; the key by which consumers drop duplicates.
    EventId
}
timed_id! {
    /// One request, as in the header `x-request-id`.
    RequestId
}

/// An appointment: an integer in `1..=2^53-1`, so that it is exact in JSON.
///
/// Random and not counted: a sequence would show another clinic's volume.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AppointmentId(i64);

impl AppointmentId {
    /// The largest integer that JSON readers keep exactly (RFC 8259, section 6).
    pub const MAX: i64 = (1 << 53) - 1;

    /// The id `value`, when it is in `1..=2^53-1`.
    pub const fn new(value: i64) -> Result<Self, IdError> {
        if value >= 1 && value <= Self::MAX { Ok(Self(value)) } else { Err(IdError) }
    }

    /// The id as it stands in the database.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// A fresh id: 53 random bits.
    pub fn fresh(random: &dyn Random) -> Self {
        loop {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            // 53 bits always fit an i64; zero is drawn again.
            let value = i64::try_from(u64::from_be_bytes(bytes) >> 11).unwrap_or_default();
            if let Ok(id) = Self::new(value) {
                return id;
            }
        }
    }
}

impl fmt::Display for AppointmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AppointmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppointmentId({})", self.0)
    }
}

impl FromStr for AppointmentId {
    type Err = IdError;

    /// Decimal digits without sign or leading zero: one id has one spelling.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.starts_with(['+', '0']) {
            return Err(IdError);
        }
        Self::new(text.parse().map_err(|_| IdError)?)
    }
}

impl<'de> Deserialize<'de> for AppointmentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appointment_id_is_exact_in_json_and_has_one_spelling() {
        assert_eq!("102".parse(), AppointmentId::new(102));
        assert_eq!(AppointmentId::new(AppointmentId::MAX).unwrap().get(), 9_007_199_254_740_991);
        for bad in ["", "0", "-1", "+5", "007", "9007199254740992", "1e3", "１"] {
            assert_eq!(bad.parse::<AppointmentId>(), Err(IdError), "{bad:?}");
        }
        assert!(serde_json::from_str::<AppointmentId>("-3").is_err());
    }

    #[test]
    fn a_uuid_id_accepts_the_hyphenated_form_only() {
        let text = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
        assert_eq!(text.parse::<HoldId>().unwrap().to_string(), text);
        assert!(text.replace('-', "").parse::<HoldId>().is_err());
        assert!(format!("{{{text}}}").parse::<HoldId>().is_err());
    }
}
