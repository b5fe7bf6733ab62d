//! How what is told stands in a table.

use restartix_telemetry::insights::Share;
use restartix_tenancy::Personal;

use crate::wire::insight::Field;

macro_rules! columns {
    ($($name:literal: $title:literal),+ $(,)?) => {
        vec![$($crate::wire::insight::Column { name: $name, title: $title }),+]
    };
}

pub(super) use columns;

pub(super) fn text(value: impl std::fmt::Display) -> Field {
    Field::Text(value.to_string())
}

pub(super) fn count(value: u32) -> Field {
    Field::Count(value.into())
}

pub(super) fn share(value: Option<Share>) -> Field {
    value.map_or(Field::NotApplicable, |share| Field::Share(share.ten_thousandths().into()))
}

/// The band of a share.
pub(super) fn band(value: Option<Share>) -> Field {
    value.map_or(Field::NotApplicable, |share| text(share.band()))
}

/// A mean: suppressed with the number of those it is of, and not applicable for nobody.
pub(super) fn mean(of: Option<u64>, value: Option<u64>) -> Field {
    match (of, value) {
        (None, _) => Field::Suppressed,
        (Some(_), value) => value.map_or(Field::NotApplicable, Field::Share),
    }
}

/// How often a session was asked for, of sevenths, in hundredths.
pub(super) fn sessions(sevenths: u32) -> Field {
    Field::Hundredths((i64::from(sevenths) * 100 + 3) / 7)
}

pub(super) fn name(name: Option<&Personal>) -> Field {
    name.map_or(Field::NotApplicable, |name| text(name.expose()))
}
