//! Where in the legacy databases each thing stands: `mapping.toml`, read and checked.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use crate::entity::{ENTITIES, Entity, Source};

/// The mapping that the program comes with.
const BUILT_IN: &str = include_str!("mapping.toml");

/// Where in the legacy databases each thing stands.
#[derive(Clone, Debug)]
pub struct Mapping(Root);

/// What is wrong with a mapping.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It is no TOML, or lacks a key, or has one that means nothing.
    #[error("the mapping cannot be read")]
    Toml(#[from] toml::de::Error),
    /// It names something that this program knows nothing of, or leaves out what it needs.
    #[error("the mapping {0}")]
    Wrong(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    plausible: Plausible,
    locale: String,
    subject: String,
    rollback_hours: u32,
    object_prefix: String,
    strapi: Database,
    intakes: Database,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plausible {
    from: NaiveDateText,
    until: NaiveDateText,
}

/// A date in quotes: TOML's own dates would need more of the parser.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct NaiveDateText(NaiveDate);

impl TryFrom<String> for NaiveDateText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is no date"))
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Database {
    schema: String,
    #[serde(flatten)]
    entities: BTreeMap<String, Described>,
}

/// Where the rows of an entity are.
#[derive(Clone, Debug, Deserialize)]
struct Described {
    table: String,
    changed: Option<String>,
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(flatten)]
    fields: BTreeMap<String, Place>,
}

/// Where a field is.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Place {
    Column(String),
    Always { value: String },
    Joined { columns: Vec<String> },
    Linked { links: String, from: String, to: String, named_by: Option<Named> },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    table: String,
    id: String,
    column: String,
}

impl Mapping {
    /// The mapping that the program comes with.
    pub fn built_in() -> Result<Self, MappingError> {
        Self::parse(BUILT_IN)
    }

    /// A mapping of one's own.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mapping = Self(toml::from_str(text)?);
        mapping.check().map_err(MappingError::Wrong)?;
        Ok(mapping)
    }

    fn check(&self) -> Result<(), String> {
        for source in Source::ALL {
            for (name, described) in &self.database(source).entities {
                let known = ENTITIES.iter().find(|one| one.source == source && one.name == name);
                let Some(entity) = known else {
                    return Err(format!("knows {source}.{name}, which means nothing here"));
                };
                for field in described.fields.keys().chain(described.words.keys()) {
                    if !entity.has(field) {
                        return Err(format!(
                            "gives {source}.{name} a field `{field}`, which means nothing here"
                        ));
                    }
                }
            }
        }
        for entity in &ENTITIES {
            let id = self.described(entity)?.fields.get("id");
            if !matches!(id, Some(Place::Column(_))) {
                return Err(format!(
                    "must name the column of {}.{}.id",
                    entity.source, entity.name
                ));
            }
        }
        Ok(())
    }

    const fn database(&self, source: Source) -> &Database {
        match source {
            Source::Strapi => &self.0.strapi,
            Source::Intakes => &self.0.intakes,
        }
    }

    fn described(&self, entity: &Entity) -> Result<&Described, String> {
        let Entity { source, name, .. } = entity;
        let found = self.database(*source).entities.get(*name);
        found.ok_or_else(|| format!("says nothing of {source}.{name}"))
    }

    /// Our word for one of theirs.
    pub(crate) fn word(&self, entity: &Entity, field: &str, theirs: &str) -> Option<&str> {
        let words = self.described(entity).ok()?.words.get(field)?;
        words.get(theirs).map(String::as_str)
    }

    /// Whether an instant can be meant.
    pub(crate) fn is_plausible(&self, day: NaiveDate) -> bool {
        (self.0.plausible.from.0..self.0.plausible.until.0).contains(&day)
    }

    /// The key of an object, by its URL; `None` where it is not one of theirs.
    pub(crate) fn object<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(&self.0.object_prefix).filter(|key| !key.is_empty())
    }

    pub(crate) fn locale(&self) -> &str {
        &self.0.locale
    }

    pub(crate) fn subject(&self) -> &str {
        &self.0.subject
    }

    /// How long after the flip the way back is open.
    pub(crate) const fn rollback_hours(&self) -> u32 {
        self.0.rollback_hours
    }

    /// Whether later readings of the entity can take what has changed alone.
    pub(crate) fn tells_changes(&self, entity: &Entity) -> bool {
        entity.is_large && self.described(entity).is_ok_and(|one| one.changed.is_some())
    }

    /// The schema and every table of a source that this mapping names.
    pub(crate) fn schema(&self, source: Source) -> &str {
        &self.database(source).schema
    }

    /// The query for the ids of an entity.
    pub(crate) fn ids(&self, entity: &Entity) -> Result<String, MappingError> {
        let (described, table) = self.table(entity)?;
        let Some(Place::Column(id)) = described.fields.get("id") else {
            return Err(MappingError::Wrong("has an entity without an id".to_owned()));
        };
        Ok(format!("SELECT t.{}::text FROM {table} t", name(id)))
    }

    /// The query for how many rows an entity has; with `since`, how many have changed.
    pub(crate) fn count(
        &self,
        entity: &Entity,
        since: Option<DateTime<Utc>>,
    ) -> Result<String, MappingError> {
        let (described, table) = self.table(entity)?;
        Ok(format!("SELECT count(*) FROM {table} t{}", since_then(described, since)))
    }

    /// The query for the rows of an entity, a column of text for each field; with `since`, for those
    /// that have changed since then.
    pub(crate) fn rows(
        &self,
        entity: &Entity,
        since: Option<DateTime<Utc>>,
    ) -> Result<String, MappingError> {
        let (described, table) = self.table(entity)?;
        let schema = name(self.schema(entity.source));
        let id = match described.fields.get("id") {
            Some(Place::Column(column)) => name(column),
            _ => return Err(MappingError::Wrong("has an entity without an id".to_owned())),
        };
        let (mut columns, mut joins) = (Vec::new(), Vec::new());
        for (number, (field, _)) in entity.fields.iter().enumerate() {
            columns.push(match described.fields.get(*field) {
                None => "NULL".to_owned(),
                Some(Place::Column(column)) => format!("t.{}::text", name(column)),
                Some(Place::Always { value }) => literal(value),
                Some(Place::Joined { columns }) => {
                    let all: Vec<_> =
                        columns.iter().map(|column| format!("t.{}", name(column))).collect();
                    format!("concat_ws('/', {})", all.join(", "))
                }
                Some(Place::Linked { links, from, to, named_by }) => {
                    let links = format!("{schema}.{}", name(links));
                    let (from, to) = (name(from), name(to));
                    let of = match named_by {
                        None => format!("SELECT l.{from} AS of, {} AS found FROM {links} l", several(entity, &format!("l.{to}"))),
                        Some(Named { table, id, column }) => format!(
                            "SELECT l.{from} AS of, {} AS found FROM {links} l JOIN {schema}.{} n ON n.{} = l.{to}",
                            several(entity, &format!("n.{}", name(column))), name(table), name(id)
                        ),
                    };
                    joins.push(format!(" LEFT JOIN ({of} GROUP BY 1) l{number} ON l{number}.of = t.{id}"));
                    format!("l{number}.found")
                }
            });
        }
        let changed = since_then(described, since);
        Ok(format!("SELECT {} FROM {table} t{}{changed}", columns.join(", "), joins.concat()))
    }

    fn table(&self, entity: &Entity) -> Result<(&Described, String), MappingError> {
        let described = self.described(entity).map_err(MappingError::Wrong)?;
        let schema = name(self.schema(entity.source));
        Ok((described, format!("{schema}.{}", name(&described.table))))
    }
}

/// What keeps a query to what has changed.
fn since_then(described: &Described, since: Option<DateTime<Utc>>) -> String {
    match (since, &described.changed) {
        (Some(since), Some(column)) => {
            format!(" WHERE t.{} >= {}", name(column), literal(&since.to_rfc3339()))
        }
        _ => String::new(),
    }
}

/// The ids that links name: one, or all of them with commas between. Of a large entity two tell as
/// well as all that they are too many.
fn several(entity: &Entity, column: &str) -> String {
    if entity.is_large {
        let (least, most) = (format!("min({column})"), format!("max({column})"));
        return format!(
            "{least}::text || CASE WHEN {least} <> {most} THEN ',' || {most} ELSE '' END"
        );
    }
    format!("string_agg(DISTINCT {column}::text, ',')")
}

/// A name, quoted (PostgreSQL's documentation, section 4.1.1).
pub(crate) fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\"").replace('\0', ""))
}

/// A literal, quoted (section 4.1.2.1): `standard_conforming_strings` is on in our sessions.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''").replace('\0', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(from: &str, to: &str) -> Result<Mapping, MappingError> {
        assert!(BUILT_IN.contains(from), "{from}");
        Mapping::parse(&BUILT_IN.replacen(from, to, 1))
    }

    #[test]
    fn the_mapping_that_comes_along_says_something_of_everything() {
        let mapping = Mapping::built_in().unwrap();
        for entity in &ENTITIES {
            assert!(
                mapping.rows(entity, None).unwrap().starts_with("SELECT t.\""),
                "{}",
                entity.name
            );
        }
    }

    #[test]
    fn what_means_nothing_is_named() {
        for (from, to, told) in [
            ("full_name\"", "full_name\"\nnickname = \"x\"", "a field `nickname`"),
            (
                "[strapi.patients]",
                "[strapi.pets]\ntable = \"p\"\nid = \"id\"\n[strapi.patients]",
                "strapi.pets",
            ),
            ("[intakes.holds]\ntable = \"holds\"\nid = \"id\"\n", "", "nothing of intakes.holds"),
            ("locale = \"ro\"", "", "cannot be read"),
        ] {
            let error = changed(from, to).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn a_name_is_quoted_whatever_is_in_it() {
        let mapping =
            changed("starts_at = \"start_time\"", "starts_at = 'a\"; DROP TABLE b'").unwrap();
        let entity = ENTITIES.iter().find(|one| one.name == "appointments").unwrap();
        let query = mapping.rows(entity, None).unwrap();
        assert!(query.contains("t.\"a\"\"; DROP TABLE b\"::text"), "{query}");
    }
}
