//! A legacy row into a row of its staging table: what can be read as what we mean, and what is wrong
//! with the rest.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use restartix_scheduling::TypeName;
use restartix_scheduling::engine::{WallTime, parse_zone, wall_time};
use restartix_storage::{FileName, ForeignKey};
use restartix_tenancy::Personal;

use crate::copytext;
use crate::entity::{Entity, Kind};
use crate::mapping::Mapping;
use crate::mojibake::is_misencoded;

/// Converts the rows of one entity.
pub(crate) struct Converter<'a> {
    mapping: &'a Mapping,
    entity: &'a Entity,
    zone_at: Option<usize>,
    starts_at: Option<usize>,
    /// Each zone is looked up once; there are as many as there are names of zones, and wrong ones
    /// are not kept.
    zones: HashMap<String, Tz>,
}

/// What a value became.
enum Read<'a> {
    As(Option<Cow<'a, str>>),
    Flagged(Option<Cow<'a, str>>, &'static str),
    /// Why the row cannot be loaded, and a word of theirs that nobody mapped.
    Fault(&'static str, Option<String>),
}

const fn plain(text: &str) -> Read<'_> {
    Read::As(Some(Cow::Borrowed(text)))
}

const fn fault<'a>(reason: &'static str) -> Read<'a> {
    Read::Fault(reason, None)
}

impl<'a> Converter<'a> {
    pub(crate) fn new(mapping: &'a Mapping, entity: &'a Entity) -> Self {
        let place = |wanted| entity.fields.iter().position(|(_, kind)| *kind == wanted);
        let (zone_at, starts_at) = (place(Kind::Zone), place(Kind::Wall));
        Self { mapping, entity, zone_at, starts_at, zones: HashMap::new() }
    }

    /// Appends the staging row for a row of the source, without its line end. The first fault is
    /// the one that is told: its reason, then the field.
    pub(crate) fn convert(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let read: Vec<_> = copytext::columns(line).collect();
        let zone = self.zone_at.and_then(|at| read.get(at)?.as_deref());
        let zone = zone.and_then(|name| self.zone(name));
        let start = self.starts_at.and_then(|at| read.get(at)?.as_deref());
        let (mut faults, mut flags) = (None, Vec::new());
        for (at, (field, kind)) in self.entity.fields.iter().enumerate() {
            let value = read.get(at).and_then(Option::as_deref);
            let text = match self.value(field, *kind, value, (zone, start)) {
                Read::As(text) => text,
                Read::Flagged(text, flag) => {
                    flags.push(flag);
                    text
                }
                Read::Fault(reason, word) => {
                    let word = word.map(|word| format!(" {word}")).unwrap_or_default();
                    faults.get_or_insert_with(|| format!("{reason},{field}{word}"));
                    None
                }
            };
            copytext::write(out, text.as_deref(), b'\t');
        }
        let flags = (!flags.is_empty()).then(|| flags.join(","));
        copytext::write(out, faults.as_deref(), b'\t');
        copytext::write(out, flags.as_deref(), b'\n');
    }

    fn zone(&mut self, name: &str) -> Option<Tz> {
        if let Some(zone) = self.zones.get(name) {
            return Some(*zone);
        }
        let zone = parse_zone(name).ok()?;
        self.zones.insert(name.to_owned(), zone);
        Some(zone)
    }

    fn value<'t>(
        &self,
        field: &str,
        kind: Kind,
        value: Option<&'t str>,
        (zone, start): (Option<Tz>, Option<&str>),
    ) -> Read<'t> {
        if kind == Kind::Published {
            return plain(if value.is_some() { "t" } else { "f" });
        }
        let Some(text) = value else {
            return match kind {
                Kind::Name | Kind::TypeName | Kind::FileName => fault("invalid_name"),
                Kind::Object => fault("foreign_object"),
                Kind::Word => Read::Fault("unmapped_value", Some("(nothing)".to_owned())),
                Kind::Zone if self.entity.name == "organisations" => fault("unknown_zone"),
                Kind::Instant | Kind::Wall | Kind::WallEnd => fault("bad_interval"),
                _ => Read::As(None),
            };
        };
        match kind {
            Kind::Id | Kind::Text => plain(text),
            Kind::Name => named(text, Personal::new(text).is_ok()),
            Kind::TypeName => named(text, TypeName::new(text).is_ok()),
            Kind::FileName => named(text, FileName::new(text.trim()).is_ok()),
            Kind::Email if Personal::email(text).is_ok() => plain(text.trim()),
            Kind::Email => fault("invalid_email"),
            Kind::Zone if zone.is_some() => plain(text),
            Kind::Zone => fault("unknown_zone"),
            Kind::Instant => self.instant(text).map_or(fault("implausible_date"), |_| plain(text)),
            Kind::Stamp => match self.instant(text) {
                Some(_) => plain(text),
                None => Read::Flagged(None, "implausible_created_at"),
            },
            Kind::Wall => self.wall(text, zone),
            Kind::WallEnd => self.wall_end(text, start, zone),
            Kind::Day => {
                let day =
                    text.parse::<NaiveDate>().ok().filter(|day| self.mapping.is_plausible(*day));
                day.map_or(fault("implausible_date"), |_| plain(text))
            }
            Kind::Minute => minutes(text).map_or(fault("bad_interval"), |minutes| {
                Read::As(Some(minutes.to_string().into()))
            }),
            Kind::Number => text.parse::<i32>().map_or(fault("out_of_bounds"), |_| plain(text)),
            Kind::Flag => plain(if matches!(text, "t" | "true" | "1") { "t" } else { "f" }),
            Kind::Word => match self.mapping.word(self.entity, field, text) {
                Some(ours) => Read::As(Some(ours.to_owned().into())),
                None => Read::Fault("unmapped_value", Some(shown(text))),
            },
            Kind::Object => match self.mapping.object(text) {
                Some(key) if ForeignKey::new(key).is_some() => plain(key),
                _ => fault("foreign_object"),
            },
            Kind::Published => Read::As(None),
        }
    }

    /// An instant of the source's session, which is in UTC, when it can be meant.
    fn instant(&self, text: &str) -> Option<NaiveDateTime> {
        let plain = text.strip_suffix("+00").unwrap_or(text);
        let instant = NaiveDateTime::parse_from_str(plain, "%Y-%m-%d %H:%M:%S%.f").ok()?;
        self.mapping.is_plausible(instant.date()).then_some(instant)
    }

    /// A time on the wall, by the rule of the scheduling domain.
    fn wall<'t>(&self, text: &str, zone: Option<Tz>) -> Read<'t> {
        let Some(zone) = zone else { return fault("unknown_zone") };
        let Some(wall) = self.instant(text).and_then(|wall| wall_time(zone, wall)) else {
            return fault("implausible_date");
        };
        let told = told(wall.instant());
        match wall {
            WallTime::Once(_) => Read::As(Some(told.into())),
            WallTime::Skipped(_) => Read::Flagged(Some(told.into()), "local_time_in_gap"),
            WallTime::Twice(_) => Read::Flagged(Some(told.into()), "local_time_twice"),
        }
    }

    /// The end of what begins at `start`: as long after it as the wall says. Where the clocks change
    /// meanwhile, the wall's own end is another instant, and somebody should look.
    fn wall_end<'t>(&self, text: &str, start: Option<&str>, zone: Option<Tz>) -> Read<'t> {
        let Some(zone) = zone else { return fault("unknown_zone") };
        let both = self.instant(text).zip(start.and_then(|start| self.instant(start)));
        let Some((end, start)) = both else { return fault("implausible_date") };
        let walls = wall_time(zone, start).zip(wall_time(zone, end));
        let Some((begins, ends)) = walls else { return fault("implausible_date") };
        let after = begins.instant() + (end - start);
        if matches!(begins, WallTime::Once(_)) && after != ends.instant() {
            return Read::Flagged(Some(told(after).into()), "clocks_change_meanwhile");
        }
        Read::As(Some(told(after).into()))
    }
}

/// An instant, as a staging table reads it.
fn told(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%d %H:%M:%S%.f+00").to_string()
}

/// A name as it stands, white space around it aside; what cannot be one, or has lost a character
/// (U+FFFD), is a fault. What was decoded wrongly is loaded as it stands, and flagged: which of its
/// letters are meant is not for us to say.
fn named(text: &str, is_name: bool) -> Read<'_> {
    let text = text.trim();
    if !is_name || text.contains('\u{fffd}') {
        return fault("invalid_name");
    }
    if is_misencoded(text) {
        return Read::Flagged(Some(Cow::Borrowed(text)), "misencoded_name");
    }
    plain(text)
}

/// A word of theirs as a report may show it: 40 characters of the kind that words are made of.
fn shown(text: &str) -> String {
    let shown = text.chars().take(40);
    shown.map(|c| if c.is_alphanumeric() || "_-/:. ".contains(c) { c } else { '?' }).collect()
}

/// Minutes since midnight of a time of day to the minute; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<u16> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u16>().ok()?, parts.next()?.parse::<u16>().ok()?);
    let whole = parts.next().is_none_or(|seconds| seconds.trim_matches(['0', '.']).is_empty());
    let all = hours.checked_mul(60)?.checked_add(minutes)?;
    (whole && minutes < 60 && all <= 1440).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::ENTITIES;

    fn told(entity: &str, line: &str) -> String {
        let mapping = Mapping::built_in().unwrap();
        let entity = ENTITIES.iter().find(|one| one.name == entity).unwrap();
        let mut out = Vec::new();
        Converter::new(&mapping, entity).convert(line.as_bytes(), &mut out);
        String::from_utf8(out).unwrap().trim_end().to_owned()
    }

    fn booking(starts: &str, zone: &str) -> String {
        let line = format!("b\t1\t2\t3\t{zone}\t{starts}\t{starts}\tbooked\t\\N");
        let told = told("bookings", &line);
        let columns: Vec<_> = told.split('\t').collect();
        format!("{} {} {}", columns[5], columns[9], columns[10])
    }

    #[test]
    fn local_times_become_instants_by_the_rule_of_the_engine() {
        let zone = "Europe/Bucharest";
        assert_eq!(booking("2026-01-12 10:00:00", zone), "2026-01-12 08:00:00+00 \\N \\N");
        assert_eq!(
            booking("2026-03-29 03:30:00", zone),
            "2026-03-29 01:30:00+00 \\N local_time_in_gap"
        );
        assert_eq!(
            booking("2026-10-25 03:10:00", zone),
            "2026-10-25 00:10:00+00 \\N local_time_twice"
        );
        assert_eq!(booking("2026-01-12 10:00:00", "EET+2"), "\\N unknown_zone,timezone \\N");
        for never in [
            "1970-01-01 00:00:00",
            "9999-12-31 10:00:00",
            "infinity",
            "10000-01-01 00:00:00",
            "2026-01-01 00:00:00 BC",
        ] {
            assert_eq!(booking(never, zone), "\\N implausible_date,starts_at \\N", "{never}");
        }
    }

    #[test]
    fn words_that_nobody_mapped_are_told_and_bounded() {
        let line = "1\tb\t1\t1\t1\t1\t2026-01-01 08:00:00\t2026-01-01 09:00:00\tpe\\nding!\tt\tf\t\\N\t2026-01-01 08:00:00";
        assert!(told("appointments", line).ends_with("t\tunmapped_value,status pe?ding?\t\\N"));
        assert_eq!(told("rules", "1\t1\t0\t09:00:00\t24:00:00"), "1\t1\t7\t540\t1440\t\\N\t\\N");
        assert_eq!(
            told("rules", "1\t1\t9\t09:00:30\t24:01:00"),
            "1\t1\t\\N\t\\N\t\\N\tunmapped_value,weekday 9\t\\N"
        );
    }

    #[test]
    fn names_are_kept_as_they_are_or_refused() {
        let person =
            |name: &str| told("patients", &format!("7\t{name}\t\\N\t\\N\t\\N\t1\t\\N\t2026"));
        assert_eq!(person(" Ana Pop "), "7\tAna Pop\t\\N\t\\N\t\\N\t1\t\\N\tt\t\\N\t\\N");
        assert!(person("È™tefan").ends_with("misencoded_name"));
        assert!(person("Ma\u{fffd}ria").ends_with("invalid_name,name\t\\N"));
        assert!(person("\\N").ends_with("invalid_name,name\t\\N"));
    }
}
