//! What is read of the legacy databases, in our words: the names on the left of the mapping.

use std::fmt;

use serde::Serialize;

/// One of the two legacy databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The application.
    Strapi,
    /// The scheduling service.
    Intakes,
}

impl Source {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Strapi, Self::Intakes];

    /// Its name, as in the mapping.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strapi => "strapi",
            Self::Intakes => "intakes",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a legacy value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An id of theirs, or the ids that a link names.
    Id,
    /// As it stands.
    Text,
    /// What somebody is called.
    Name,
    /// What an appointment type is called.
    TypeName,
    /// What a file is called.
    FileName,
    /// An e-mail address.
    Email,
    /// An IANA zone.
    Zone,
    /// An instant without which the row is nothing.
    Instant,
    /// When a row was made; one that cannot be is dropped, and the row is flagged.
    Stamp,
    /// A time on the wall, in the zone that the row's field `timezone` names.
    Wall,
    /// The time on the wall at which what begins at `starts_at` ends.
    WallEnd,
    /// A date.
    Day,
    /// Minutes since midnight, of a time of day.
    Minute,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// Whether there is a value: a draft has none.
    Published,
    /// A word of theirs for one of ours.
    Word,
    /// Where an object lies: the URL without the mapping's prefix.
    Object,
}

/// Rows of one kind.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) source: Source,
    pub(crate) name: &'static str,
    /// In the order of the staging table's columns, after which `faults` and `flags` come.
    pub(crate) fields: &'static [(&'static str, Kind)],
    /// Whether it may be so large that a later reading takes what has changed alone.
    pub(crate) is_large: bool,
}

impl Entity {
    /// The table that its rows are staged in.
    pub(crate) fn staged(&self) -> String {
        format!("legacy.staged_{}", self.name)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| *name == field)
    }
}

use Kind::{
    Day, Email, FileName, Flag, Id, Instant, Minute, Name, Number, Object, Published, Stamp, Text,
    TypeName, Wall, WallEnd, Word, Zone,
};

/// Everything, in the order in which it is read.
pub(crate) const ENTITIES: [Entity; 15] = [
    small(
        Source::Strapi,
        "organisations",
        &[
            ("id", Id),
            ("name", Name),
            ("timezone", Zone),
            ("created_at", Stamp),
            ("published", Published),
        ],
    ),
    small(
        Source::Strapi,
        "users",
        &[
            ("id", Id),
            ("email", Email),
            ("name", Name),
            ("role", Word),
            ("blocked", Flag),
            ("organisations", Id),
            ("created_at", Stamp),
        ],
    ),
    small(Source::Strapi, "patients", &PERSON),
    small(Source::Strapi, "specialists", &PERSON),
    small(
        Source::Strapi,
        "types",
        &[
            ("id", Id),
            ("name", TypeName),
            ("duration", Number),
            ("step", Number),
            ("before", Number),
            ("after", Number),
            ("notice", Number),
            ("online", Flag),
            ("recording", Flag),
            ("organisation", Id),
            ("locale", Text),
            ("created_at", Stamp),
            ("published", Published),
        ],
    ),
    small(Source::Strapi, "type_locales", &[("id", Id), ("sibling", Id)]),
    Entity {
        source: Source::Strapi,
        name: "appointments",
        fields: &[
            ("id", Id),
            ("booking", Id),
            ("patient", Id),
            ("specialist", Id),
            ("type", Id),
            ("organisation", Id),
            ("starts_at", Instant),
            ("ends_at", Instant),
            ("status", Word),
            ("online", Flag),
            ("consent", Flag),
            ("created_at", Stamp),
            ("published", Published),
        ],
        is_large: true,
    },
    small(
        Source::Strapi,
        "files",
        &[
            ("id", Id),
            ("name", FileName),
            ("content_type", Text),
            ("object", Object),
            ("created_at", Stamp),
        ],
    ),
    small(
        Source::Strapi,
        "file_links",
        &[("id", Id), ("file", Id), ("related", Id), ("what", Word)],
    ),
    small(
        Source::Strapi,
        "signatures",
        &[("id", Id), ("signer", Id), ("signed_at", Instant), ("published", Published)],
    ),
    small(
        Source::Intakes,
        "calendars",
        &[("id", Id), ("specialist", Id), ("organisation", Id), ("timezone", Zone)],
    ),
    small(
        Source::Intakes,
        "rules",
        &[("id", Id), ("calendar", Id), ("weekday", Word), ("starts", Minute), ("ends", Minute)],
    ),
    small(
        Source::Intakes,
        "overrides",
        &[
            ("id", Id),
            ("calendar", Id),
            ("date", Day),
            ("starts", Minute),
            ("ends", Minute),
            ("closed", Flag),
        ],
    ),
    small(Source::Intakes, "holds", &[("id", Id)]),
    Entity {
        source: Source::Intakes,
        name: "bookings",
        fields: &[
            ("id", Id),
            ("calendar", Id),
            ("patient", Id),
            ("type", Id),
            ("timezone", Zone),
            ("starts_at", Wall),
            ("ends_at", WallEnd),
            ("status", Word),
            ("created_at", Stamp),
        ],
        is_large: true,
    },
];

const PERSON: [(&str, Kind); 8] = [
    ("id", Id),
    ("name", Name),
    ("email", Email),
    ("timezone", Zone),
    ("user", Id),
    ("organisation", Id),
    ("created_at", Stamp),
    ("published", Published),
];

const fn small(
    source: Source,
    name: &'static str,
    fields: &'static [(&'static str, Kind)],
) -> Entity {
    Entity { source, name, fields, is_large: false }
}
