//! The published schemas, read as they are. Only the keywords that they use are known, and another
//! one is a refusal: nothing in them can go unchecked.

use regex_lite::Regex;
use serde_json::{Map, Value};

const SOURCES: [(&str, &str); 3] = [
    ("audit", include_str!("../../../../fixtures/telemetry/audit.v1.schema.json")),
    ("analytics", include_str!("../../../../fixtures/telemetry/analytics.v1.schema.json")),
    ("rehab", include_str!("../../../../fixtures/telemetry/rehab.v1.schema.json")),
];

/// The schemas by kind.
pub(super) struct Schemas(Vec<(&'static str, Value)>);

impl Schemas {
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        let read = |(kind, text)| Ok((kind, serde_json::from_str(text)?));
        SOURCES.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What is wrong with `event`, by the schema of its own kind.
    pub(super) fn judge(&self, event: &Value) -> Result<(), String> {
        let kind = event.get("kind").and_then(Value::as_str).unwrap_or_default();
        let found = self.0.iter().find(|(name, _)| *name == kind);
        let (_, root) = found.ok_or_else(|| format!("there is no kind {kind:?}"))?;
        judge(root, root, event, "event")
    }
}

fn judge(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let Some(rules) = schema.as_object() else { return Err(format!("{at}: not a schema")) };
    rules.iter().try_for_each(|(keyword, rule)| apply(root, rules, keyword, rule, value, at))
}

fn apply(
    root: &Value,
    rules: &Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let told = |holds: bool| if holds { Ok(()) } else { Err(format!("{at}: {keyword} {rule}")) };
    let number = |rule: &Value| rule.as_i64().unwrap_or_default();
    match keyword {
        "$schema" | "$defs" | "title" | "description" => Ok(()),
        "$ref" => {
            let pointer = rule.as_str().unwrap_or_default().trim_start_matches('#');
            let target = root.pointer(pointer).ok_or_else(|| format!("{at}: no {rule}"))?;
            judge(root, target, value, at)
        }
        "type" => told(match rule.as_str() {
            Some("object") => value.is_object(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("null") => value.is_null(),
            _ => false,
        }),
        "const" => told(value == rule),
        "enum" => told(rule.as_array().is_some_and(|words| words.contains(value))),
        "minimum" => told(value.as_i64().is_some_and(|value| value >= number(rule))),
        "maximum" => told(value.as_i64().is_some_and(|value| value <= number(rule))),
        "pattern" => {
            let pattern = Regex::new(rule.as_str().unwrap_or_default());
            let pattern = pattern.map_err(|error| format!("{at}: {error}"))?;
            told(value.as_str().is_some_and(|text| pattern.is_match(text)))
        }
        "required" => {
            let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
            told(names.into_iter().all(|name| value.get(name).is_some()))
        }
        "properties" => {
            let properties = rule.as_object().into_iter().flatten();
            properties.into_iter().try_for_each(|(name, schema)| match value.get(name) {
                Some(value) => judge(root, schema, value, &format!("{at}.{name}")),
                None => Ok(()),
            })
        }
        "additionalProperties" => {
            let known = rules.get("properties").and_then(Value::as_object);
            let known = |name: &String| known.is_some_and(|known| known.contains_key(name));
            let closed = rule == &Value::Bool(false);
            told(closed && value.as_object().is_none_or(|value| value.keys().all(known)))
        }
        "oneOf" => {
            let ways = rule.as_array().into_iter().flatten();
            let fitting = ways.filter(|way| judge(root, way, value, at).is_ok()).count();
            if fitting == 1 { Ok(()) } else { Err(format!("{at}: {fitting} of oneOf fit")) }
        }
        other => Err(format!("{at}: the keyword {other} is not known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: [&str; 3] = [
        include_str!("../../../../fixtures/telemetry/audit.v1.jsonl"),
        include_str!("../../../../fixtures/telemetry/analytics.v1.jsonl"),
        include_str!("../../../../fixtures/telemetry/rehab.v1.jsonl"),
    ];

    fn events() -> impl Iterator<Item = Value> {
        let lines = GOLDEN.into_iter().flat_map(str::lines);
        lines.map(|line| serde_json::from_str(line).unwrap())
    }

    #[test]
    fn the_golden_batches_are_of_their_schemas() {
        let schemas = Schemas::load().unwrap();
        assert!(events().count() > 15);
        for event in events() {
            assert_eq!(schemas.judge(&event), Ok(()), "{event}");
        }
    }

    #[test]
    fn a_field_more_or_less_a_text_and_a_wrong_word_are_refused() {
        let schemas = Schemas::load().unwrap();
        for event in events() {
            let mut more = event.clone();
            more["name"] = "Ana Pop".into();
            assert!(schemas.judge(&more).is_err(), "{more}");
            for field in event.as_object().unwrap().keys() {
                let mut less = event.clone();
                less.as_object_mut().unwrap().remove(field);
                assert!(schemas.judge(&less).is_err(), "without {field}: {less}");
                let mut prose = event.clone();
                prose[field] = "Ana Pop".into();
                assert!(schemas.judge(&prose).is_err(), "{prose}");
            }
            if event["data"].is_object() {
                let mut more = event.clone();
                more["data"]["note"] = 1.into();
                assert!(schemas.judge(&more).is_err(), "{more}");
                let mut other = event.clone();
                let same = event["type"] == "appointment.no_show";
                let kind = if same { "video.joined" } else { "appointment.no_show" };
                other["type"] = kind.into();
                let plain = event["data"].as_object().unwrap().len() == 1;
                assert!(schemas.judge(&other).is_err() || plain, "{other}");
            }
        }
    }
}
