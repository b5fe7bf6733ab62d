//! What is to be in each table of the platform: one SELECT per table, from which loading, bringing up
//! to date and verifying are all made. Whatever is not in it is neither written nor expected.

use std::fmt::Write as _;

use restartix_storage::FileKind;

use crate::Mapping;
use crate::mapping::literal;

/// A table of the platform.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The columns that name a row, the organisation first.
    pub(crate) key: &'static [&'static str],
    /// The other columns that are written.
    pub(crate) rest: &'static [&'static str],
    /// Those of them that may change.
    pub(crate) changing: &'static [&'static str],
    /// The rows of the bound clinic: columns in the order of `key`, then `rest`.
    wanted: &'static str,
    unwanted: Unwanted,
}

/// What becomes of a row that the sources have no longer.
enum Unwanted {
    /// It goes.
    Deleted,
    /// It is put out of use: by what is set, and by what it is seen.
    Retired { set: &'static str, seen: &'static str },
    /// It stays: somebody's past does.
    Kept,
}

/// Before any booking: who there is, when they work, what they offer.
pub(crate) const FIRST: [Table; 6] = [
    Table {
        name: "people",
        key: &["org_id", "id"],
        rest: &["display_name", "email", "timezone", "created_at"],
        changing: &["display_name", "email", "timezone", "created_at"],
        wanted: "SELECT org_id, id, display_name, email, timezone, created_at FROM legacy.people WHERE {mine}",
        unwanted: Unwanted::Kept,
    },
    Table {
        name: "memberships",
        key: &["org_id", "id"],
        rest: &["person_id", "user_id", "subject", "role", "created_at", "ended_at"],
        changing: &["person_id", "user_id", "subject", "role", "ended_at"],
        wanted: "SELECT p.org_id, p.membership_id AS id, p.id AS person_id, i.new_id::uuid AS user_id, {subject} || p.\"user\" AS subject,
            p.role, p.created_at, NULL::timestamptz AS ended_at
          FROM legacy.people p JOIN legacy.ids i ON i.source = 'strapi' AND i.entity = 'users' AND i.legacy_id = p.\"user\"
          WHERE {mine} AND p.membership_id IS NOT NULL",
        unwanted: Unwanted::Retired { set: "ended_at = now()", seen: "ended_at IS NOT NULL" },
    },
    Table {
        name: "specialists",
        key: &["org_id", "id"],
        rest: &["timezone", "active"],
        changing: &["timezone", "active"],
        wanted: "SELECT p.org_id, p.id, coalesce(c.timezone, p.timezone) AS timezone, true AS active
          FROM legacy.people p LEFT JOIN legacy.calendars c ON c.specialist_id = p.id AND c.fault IS NULL
          WHERE p.org_id = public.current_app_org_id() AND p.fault IS NULL AND p.source_entity = 'specialists'",
        unwanted: Unwanted::Retired { set: "active = false", seen: "NOT active" },
    },
    Table {
        name: "specialist_weekly_hours",
        key: &["org_id", "specialist_id", "weekday", "start_minute", "end_minute"],
        rest: &[],
        changing: &[],
        wanted: "SELECT DISTINCT org_id, specialist_id, weekday, start_minute, end_minute FROM legacy.hours WHERE {mine}",
        unwanted: Unwanted::Deleted,
    },
    Table {
        name: "specialist_date_overrides",
        key: &["org_id", "specialist_id", "date", "start_minute", "end_minute"],
        rest: &[],
        changing: &[],
        wanted: "SELECT DISTINCT org_id, specialist_id, date, start_minute, end_minute FROM legacy.overrides WHERE {mine}",
        unwanted: Unwanted::Deleted,
    },
    Table {
        name: "appointment_types",
        key: &["org_id", "id"],
        rest: &[
            "name", "duration_minutes", "interval_minutes", "buffer_before_minutes", "buffer_after_minutes", "min_notice_minutes",
            "alignment", "online", "recording", "version", "retired_at",
        ],
        changing: &[
            "name", "duration_minutes", "interval_minutes", "buffer_before_minutes", "buffer_after_minutes", "min_notice_minutes",
            "online", "recording", "retired_at",
        ],
        wanted: "SELECT org_id, id, name, duration AS duration_minutes, step AS interval_minutes, coalesce(before, 0) AS buffer_before_minutes,
            coalesce(after, 0) AS buffer_after_minutes, coalesce(notice, 0) AS min_notice_minutes, 'window_start' AS alignment,
            coalesce(online, false) AS online, coalesce(recording, false) AS recording, 1 AS version, NULL::timestamptz AS retired_at
          FROM legacy.types WHERE {mine} AND canonical = legacy_id",
        unwanted: Unwanted::Retired { set: "retired_at = now()", seen: "retired_at IS NOT NULL" },
    },
];

/// A booking: its session, whose time it takes, and who has it. In parts of a clinic's bookings.
pub(crate) const BOOKINGS: [Table; 3] = [
    Table {
        name: "appointment_sessions",
        key: &["org_id", "id"],
        rest: &["appointment_type_id", "starts_at", "ends_at", "seats_taken"],
        changing: &["appointment_type_id", "starts_at", "ends_at", "seats_taken"],
        wanted: "SELECT org_id, session_id AS id, type_id AS appointment_type_id, starts_at, ends_at,
            CASE WHEN status IN ('confirmed', 'in_progress') THEN 1 ELSE 0 END AS seats_taken
          FROM legacy.bookings WHERE {mine}{part}",
        unwanted: Unwanted::Retired { set: "seats_taken = 0", seen: "seats_taken = 0" },
    },
    Table {
        name: "occupancies",
        key: &["org_id", "session_id", "specialist_id"],
        rest: &["starts_at", "ends_at", "buffer_before_minutes", "buffer_after_minutes", "blocked", "active"],
        changing: &["starts_at", "ends_at", "buffer_before_minutes", "buffer_after_minutes", "blocked", "active"],
        wanted: "SELECT org_id, session_id, specialist_id, starts_at, ends_at, coalesce(before, 0) AS buffer_before_minutes,
            coalesce(after, 0) AS buffer_after_minutes,
            tstzrange(starts_at - coalesce(before, 0) * interval '1 minute', ends_at + coalesce(after, 0) * interval '1 minute') AS blocked,
            status IN ('confirmed', 'in_progress') AS active
          FROM legacy.bookings WHERE {mine}{part}",
        unwanted: Unwanted::Retired { set: "active = false", seen: "NOT active" },
    },
    Table {
        name: "appointments",
        key: &["org_id", "id"],
        rest: &[
            "session_id", "appointment_type_id", "specialist_id", "patient_id", "starts_at", "ends_at", "online", "recording_consent",
            "status", "cancel_reason", "version", "created_at",
        ],
        changing: &[
            "appointment_type_id", "specialist_id", "patient_id", "starts_at", "ends_at", "online", "recording_consent", "status", "cancel_reason",
        ],
        wanted: "SELECT org_id, appointment_id AS id, session_id, type_id AS appointment_type_id, specialist_id, patient_id, starts_at, ends_at,
            coalesce(online, false) AS online, consent AS recording_consent, status, cancel_reason, 1 AS version, created_at
          FROM legacy.bookings WHERE {mine}{part}",
        unwanted: Unwanted::Retired { set: "status = 'cancelled', cancel_reason = 'other'", seen: "status = 'cancelled'" },
    },
];

/// Whom a specialist treats: whoever had a booking with them that was not cancelled.
pub(crate) const CARE: Table = Table {
    name: "care_relations",
    key: &["org_id", "specialist_id", "patient_id"],
    rest: &["valid_from", "valid_until"],
    changing: &["valid_from", "valid_until"],
    wanted: "SELECT org_id, specialist_id, patient_id, min(created_at) AS valid_from, NULL::timestamptz AS valid_until
      FROM legacy.bookings WHERE {mine} AND status <> 'cancelled' GROUP BY org_id, specialist_id, patient_id",
    unwanted: Unwanted::Retired { set: "valid_until = greatest(now(), t.valid_from + interval '1 second')", seen: "valid_until IS NOT NULL" },
};

/// What was copied, and what was signed.
pub(crate) const FILES: [Table; 2] = [
    Table {
        name: "files",
        key: &["org_id", "id"],
        rest: &[
            "kind", "name", "content_type", "size", "sha256", "patient_id", "appointment_id", "uploader_id", "status", "object_version",
            "created_at", "due_at", "version",
        ],
        changing: &[],
        wanted: "SELECT f.org_id, f.id, f.kind, f.name, f.content_type, c.size, c.sha256, f.patient_id, f.appointment_id, f.uploader_id,
            'available' AS status, c.object_version, f.created_at, f.created_at + k.kept * interval '1 day' AS due_at, 1 AS version
          FROM legacy.files f
          JOIN legacy.file_copies c ON c.legacy_id = f.legacy_id AND c.file_id = f.id AND c.fault IS NULL
          JOIN (VALUES {kept}) AS k (kind, kept) ON k.kind = f.kind
          WHERE f.org_id = public.current_app_org_id() AND f.fault IS NULL AND c.org_id = f.org_id",
        unwanted: Unwanted::Kept,
    },
    Table {
        name: "file_signatures",
        key: &["org_id", "id"],
        rest: &["document_id", "document_sha256", "picture_id", "signer_id", "signer_role", "signed_at"],
        changing: &[],
        wanted: "SELECT s.org_id, s.id, s.document_id, s.document_sha256, s.picture_id, s.signer_id, s.signer_role, s.signed_at
          FROM legacy.signatures s
          JOIN legacy.file_copies d ON d.file_id = s.document_id AND d.fault IS NULL
          JOIN legacy.file_copies p ON p.file_id = s.picture_id AND p.fault IS NULL
          WHERE s.org_id = public.current_app_org_id() AND s.fault IS NULL",
        unwanted: Unwanted::Kept,
    },
];

/// Every table that the migration writes for a clinic, in the order in which rows refer to each other.
pub(crate) fn all() -> impl Iterator<Item = &'static Table> {
    FIRST.iter().chain(&BOOKINGS).chain([&CARE]).chain(&FILES)
}

/// A part of a clinic's bookings, by their numbers.
pub(crate) type Part = (i64, i64);

impl Table {
    /// The rows that are to be there: of the bound clinic, or of a part of its bookings.
    pub(crate) fn wanted(&self, mapping: &Mapping, part: Option<Part>) -> String {
        let part = part.map(|(from, to)| format!(" AND n BETWEEN {from} AND {to}"));
        let mine = if self.name == "memberships" {
            "p.org_id = public.current_app_org_id() AND p.fault IS NULL"
        } else {
            "org_id = public.current_app_org_id() AND fault IS NULL"
        };
        self.wanted
            .replace("{mine}", mine)
            .replace("{part}", &part.unwrap_or_default())
            .replace("{subject}", &literal(mapping.subject()))
            .replace("{kept}", &kept())
    }

    /// All columns, each after `of`.
    pub(crate) fn columns(&self, of: &str) -> String {
        let all = self.key.iter().chain(self.rest);
        all.map(|column| format!("{of}{column}")).collect::<Vec<_>>().join(", ")
    }

    /// That a row of the table, `t`, and a wanted one, `w`, are the same.
    pub(crate) fn same(&self) -> String {
        let mut all = String::new();
        for column in self.key {
            let and = if all.is_empty() { "" } else { " AND " };
            // Writing to a text cannot fail.
            let _ = write!(all, "{and}t.{column} = w.{column}");
        }
        all
    }

    /// Writes the wanted rows that are not there yet.
    pub(crate) fn insert(&self, wanted: &str) -> String {
        let Self { name, .. } = self;
        format!(
            "INSERT INTO public.{name} ({}) SELECT {} FROM ({wanted}) w
             WHERE NOT EXISTS (SELECT FROM public.{name} t WHERE {})",
            self.columns(""),
            self.columns("w."),
            self.same()
        )
    }

    /// Brings the rows that are there to what is wanted of them; `None` where nothing may change.
    pub(crate) fn update(&self, wanted: &str) -> Option<String> {
        if self.changing.is_empty() {
            return None;
        }
        let Self { name, .. } = self;
        let list = |of: &str| {
            self.changing
                .iter()
                .map(|column| format!("{of}{column}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let set: Vec<_> =
            self.changing.iter().map(|column| format!("{column} = w.{column}")).collect();
        Some(format!(
            "UPDATE public.{name} t SET {} FROM ({wanted}) w WHERE {} AND ROW({}) IS DISTINCT FROM ROW({})",
            set.join(", "),
            self.same(),
            list("t."),
            list("w.")
        ))
    }

    /// Puts out of use what is there and not wanted; `None` where it stays.
    pub(crate) fn retire(&self, wanted: &str) -> Option<String> {
        let Self { name, .. } = self;
        let mine = "t.org_id = public.current_app_org_id()";
        let unwanted = format!("NOT EXISTS (SELECT FROM ({wanted}) w WHERE {})", self.same());
        match self.unwanted {
            Unwanted::Kept => None,
            Unwanted::Deleted => {
                Some(format!("DELETE FROM public.{name} t WHERE {mine} AND {unwanted}"))
            }
            Unwanted::Retired { set, seen } => Some(format!(
                "UPDATE public.{name} t SET {set} WHERE {mine} AND NOT ({seen}) AND {unwanted}"
            )),
        }
    }

    /// The rows that are there and count: wanted, or in use.
    pub(crate) fn present(&self, wanted: &str) -> String {
        let Self { name, .. } = self;
        let is_wanted = format!("EXISTS (SELECT FROM ({wanted}) w WHERE {})", self.same());
        let counts = match self.unwanted {
            Unwanted::Deleted => "true".to_owned(),
            Unwanted::Retired { seen, .. } => format!("(NOT ({seen}) OR {is_wanted})"),
            Unwanted::Kept => is_wanted,
        };
        format!(
            "SELECT {} FROM public.{name} t WHERE t.org_id = public.current_app_org_id() AND {counts}",
            self.columns("t.")
        )
    }
}

/// How long each kind of file is kept, in days, as rows.
fn kept() -> String {
    let rows = FileKind::ALL
        .iter()
        .map(|kind| format!("({}, {})", literal(kind.as_str()), kind.kept_days()));
    rows.collect::<Vec<_>>().join(", ")
}
