use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use restartix_kernel::{
    ApiClientId, AppointmentTypeId, ClosureId, EventId, ExerciseId, FileId, HoldId, MembershipId,
    PersonId, ProgramId, RecordingId, TimeOffId, UserId, WebhookDeliveryId, WebhookEndpointId,
    WebhookJobId,
};
use restartix_scheduling::engine::parse_zone;
use restartix_workflows::Failure;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema;
use crate::failure::rfc3339;

/// A UUID that names something, in its hyphenated form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<T>(pub T);

/// A person's id.
pub type PersonKey = Id<PersonId>;
/// A user's id.
pub type UserKey = Id<UserId>;
/// A membership's id.
pub type MemberKey = Id<MembershipId>;
/// An appointment type's id.
pub type TypeKey = Id<AppointmentTypeId>;
/// The id of time off.
pub type TimeOffKey = Id<TimeOffId>;
/// A closure's id.
pub type ClosureKey = Id<ClosureId>;
/// A recording's id.
pub type RecordingKey = Id<RecordingId>;
/// A hold's id.
pub type HoldKey = Id<HoldId>;
/// A file's id.
pub type FileKey = Id<FileId>;
/// The id that a client gave an event.
pub type EventKey = Id<EventId>;
/// An exercise's id.
pub type ExerciseKey = Id<ExerciseId>;
/// A programme's id.
pub type ProgramKey = Id<ProgramId>;
/// A webhook endpoint's id.
pub type WebhookEndpointKey = Id<WebhookEndpointId>;
/// A webhook delivery's id.
pub type WebhookDeliveryKey = Id<WebhookDeliveryId>;
/// The id of a replay.
pub type WebhookJobKey = Id<WebhookJobId>;
/// The id of an organisation's own program.
pub type ApiClientKey = Id<ApiClientId>;

/// An instant: RFC 3339, UTC with `Z`, years 2000 to 2199.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(DateTime<Utc>);

/// A day of a calendar: `YYYY-MM-DD`, years 2000 to 2199.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub Tz);

/// The text is not such a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueError;

impl Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not such a value")
    }
}

impl FromStr for Instant {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if !text.ends_with('Z') {
            return Err(ValueError);
        }
        let instant = DateTime::parse_from_rfc3339(text).map_err(|_| ValueError)?.to_utc();
        // A leap second would be read as the fraction of the second before it.
        let whole = instant.nanosecond() < 1_000_000_000;
        if whole && (2000..2200).contains(&instant.year()) {
            Ok(Self(instant))
        } else {
            Err(ValueError)
        }
    }
}

impl FromStr for Date {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| ValueError)?;
        // Chrono takes a sign, spaces and single digits as well: one day has one spelling.
        if (2000..2200).contains(&day.year()) && day.to_string() == text {
            Ok(Self(day))
        } else {
            Err(ValueError)
        }
    }
}

impl FromStr for Zone {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse_zone(text).map(Self).map_err(|_| ValueError)
    }
}

impl<T: FromStr> FromStr for Id<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant)
    }
}

impl From<Instant> for DateTime<Utc> {
    fn from(Instant(instant): Instant) -> Self {
        instant
    }
}

impl Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

impl Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl<T: Display> Display for Id<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! written_as_text {
    ($name:ident $(<$param:ident>)?, $label:literal, $schema:path) => {
        impl<$($param: Display)?> Serialize for $name $(<$param>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de, $($param: FromStr)?> Deserialize<'de> for $name $(<$param>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|_| D::Error::custom("invalid"))
            }
        }

        impl<$($param)?> PartialSchema for $name $(<$param>)? {
            fn schema() -> RefOr<Schema> {
                $schema()
            }
        }

        impl<$($param)?> ToSchema for $name $(<$param>)? {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($label)
            }
        }
    };
}

written_as_text! { Id<T>, "Id", schema::uuid }
written_as_text! { Instant, "Instant", schema::instant }
written_as_text! { Date, "Date", schema::date }
written_as_text! { Zone, "Zone", schema::zone }

/// Reads a field that may be absent but not `null`, unless its own type says so: `null` would
/// otherwise quietly mean "as it is".
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A value of the body that is refused.
pub(crate) const fn invalid(pointer: &'static str, code: &'static str) -> Failure {
    Failure::Invalid { pointer, code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_instant_is_utc_and_within_two_centuries() {
        for good in ["2026-01-05T09:00:00Z", "2199-12-31T23:59:59Z", "2026-01-05T09:00:00.250Z"] {
            assert_eq!(good.parse::<Instant>().unwrap().to_string(), good);
        }
        for bad in [
            "0000-01-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "2026-01-05T09:00:00+02:00",
            "2026-01-05T23:59:60Z",
            "2026-13-05T09:00:00Z",
            "2026-01-05",
            "",
        ] {
            assert_eq!(bad.parse::<Instant>(), Err(ValueError), "{bad}");
        }
    }

    #[test]
    fn a_day_has_one_spelling() {
        assert_eq!("2028-02-29".parse::<Date>().unwrap().to_string(), "2028-02-29");
        let bad = ["2027-02-29", "1999-12-31", "2200-01-01", "2026-1-05", "+2026-01-05", ""];
        for bad in bad {
            assert_eq!(bad.parse::<Date>(), Err(ValueError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_an_instant_never_panics(text in "\\PC{0,40}Z?") {
            let _ = text.parse::<Instant>();
        }
    }
}
