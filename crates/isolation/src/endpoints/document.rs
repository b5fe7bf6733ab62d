//! The operations that the served OpenAPI document names, and bodies that fit its schemas.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// An operation that asks for a token.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Its stable name, as in `appointments.book`.
    pub(super) id: String,
    /// Whether it says that it leaves no line in the audit.
    pub(super) exempt: bool,
    pub(super) method: String,
    pub(super) path: String,
    /// Names of its parameters in the query.
    pub(super) query: Vec<(String, bool)>,
    /// A body that fits its schema, if it takes one.
    pub(super) body: Option<Value>,
    /// Every field that its body may have, at whatever depth.
    pub(super) fields: Vec<String>,
    /// Whether it takes bytes, and no JSON.
    pub(super) takes_bytes: bool,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The word before the id: of what it is one.
    pub(super) fn collection(&self) -> Option<&str> {
        let (before, _) = self.path.split_once("/{")?;
        before.rsplit('/').next()
    }
}

/// Every operation of the document that asks for a token.
pub(super) fn operations(document: &Value) -> Result<Vec<Operation>> {
    let paths = document.get("paths").and_then(Value::as_object).context("no paths")?;
    let mut all = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let secured = operation.get("security").and_then(Value::as_array);
            if secured.is_none_or(Vec::is_empty) {
                continue;
            }
            let mut query = Vec::new();
            for parameter in
                operation.get("parameters").and_then(Value::as_array).into_iter().flatten()
            {
                if parameter.get("in").and_then(Value::as_str) == Some("query") {
                    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
                    let required = parameter.get("required").and_then(Value::as_bool) == Some(true);
                    query.push((name.to_owned(), required));
                }
            }
            let content = operation.pointer("/requestBody/content").and_then(Value::as_object);
            let schema = content.and_then(|content| content.values().next()?.get("schema"));
            let mut fields = Vec::new();
            if let Some(schema) = schema {
                named(document, schema, 0, &mut fields);
            }
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            let class = operation.pointer("/x-audit/class").and_then(Value::as_str);
            all.push(Operation {
                id: id.to_owned(),
                exempt: class == Some("exempt"),
                method: method.to_uppercase(),
                path: path.clone(),
                query,
                body: schema.map(|schema| fitting(document, schema, 0)),
                fields,
                takes_bytes: content
                    .is_some_and(|content| content.contains_key("application/octet-stream")),
            });
        }
    }
    // What takes something away comes last.
    all.sort_by_key(|operation| operation.method == "DELETE");
    Ok(all)
}

/// Deeper than any schema of ours: a circle ends here.
const DEPTH: usize = 8;

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str);
    let found = name.and_then(|name| document.pointer(name.trim_start_matches('#')));
    let schema = found.unwrap_or(schema);
    for way in ["oneOf", "anyOf", "allOf"] {
        let choices = schema.get(way).and_then(Value::as_array);
        let real = |choice: &&Value| choice.get("type").and_then(Value::as_str) != Some("null");
        if let Some(choice) = choices.and_then(|choices| choices.iter().find(real)) {
            return resolved(document, choice);
        }
    }
    schema
}

fn named(document: &Value, schema: &Value, depth: usize, into: &mut Vec<String>) {
    let schema = resolved(document, schema);
    if depth > DEPTH {
        return;
    }
    for (name, property) in
        schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        into.push(name.clone());
        named(document, property, depth + 1, into);
    }
    if let Some(items) = schema.get("items") {
        named(document, items, depth + 1, into);
    }
}

/// The least value that fits: what is required, and of choices the first.
fn fitting(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = resolved(document, schema);
    if let Some(first) =
        schema.get("enum").and_then(Value::as_array).and_then(|words| words.first())
    {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => {
            kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str)
        }
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("object") if depth <= DEPTH => {
            let required = schema.get("required").and_then(Value::as_array);
            let required: Vec<_> =
                required.into_iter().flatten().filter_map(Value::as_str).collect();
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .filter(|(name, _)| required.contains(&name.as_str()))
                .map(|(name, property)| (name.clone(), fitting(document, property, depth + 1)))
                .collect();
            Value::Object(fields)
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(30)),
        Some("boolean") => json!(true),
        Some("string") => match schema.get("format").and_then(Value::as_str) {
            Some("uuid") => json!("0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f"),
            Some("date-time") => json!("2030-01-01T10:00:00Z"),
            Some("date") => json!("2030-01-01"),
            _ => json!("word"),
        },
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_what_is_required_and_nothing_else() {
        let document = json!({
            "components": { "schemas": { "Reason": { "type": "string", "enum": ["other", "late"] } } },
            "paths": { "/v1/a/{id}/b": { "post": {
                "security": [{ "bearer": [] }],
                "requestBody": { "content": { "application/json": { "schema": {
                    "type": "object", "required": ["reason", "n"],
                    "properties": {
                        "reason": { "$ref": "#/components/schemas/Reason" },
                        "n": { "type": "integer", "minimum": 5 },
                        "more": { "type": "string" },
                    } } } } },
            }, "get": {} } },
        });
        let found = operations(&document).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].collection(), Some("a"));
        assert_eq!(found[0].body, Some(json!({ "reason": "other", "n": 5 })));
        let mut fields = found[0].fields.clone();
        fields.sort();
        assert_eq!(fields, ["more", "n", "reason"]);
    }
}
