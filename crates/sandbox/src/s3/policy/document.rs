use serde_json::{Map, Value};

use super::condition::Condition;
use super::is_like;

/// A bucket's policy, understood.
#[derive(Clone, Debug)]
pub(in crate::s3) struct Policy {
    pub(super) statements: Vec<Statement>,
}

/// Why a policy cannot be put.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::s3) struct Malformed(String);

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) principals: Principals,
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug)]
pub(super) enum Principals {
    Everybody,
    /// ARNs or account numbers.
    Named(Vec<String>),
}

impl Malformed {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(super) fn operator(name: &str) -> Self {
        Self(format!("the condition operator {name:?} is not known here"))
    }
}

impl Policy {
    /// Reads a policy of the bucket whose ARN is `bucket`.
    ///
    /// # Errors
    /// It is no policy, concerns another bucket, or says what this stand-in cannot evaluate.
    pub(in crate::s3) fn read(text: &str, bucket: &str) -> Result<Self, Malformed> {
        let document: Value =
            serde_json::from_str(text).map_err(|_| Malformed::new("the policy is not JSON"))?;
        let fields = fields(&document, "the policy", &["Version", "Id", "Statement"])?;
        if fields.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
            return Err(Malformed::new("the version must be 2012-10-17"));
        }
        let statements = match fields.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            _ => return Err(Malformed::new("the policy has no statement")),
        };
        let statements = statements.iter().map(|one| statement(one, bucket));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }
}

fn statement(value: &Value, bucket: &str) -> Result<Statement, Malformed> {
    const KNOWN: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let fields = fields(value, "a statement", &KNOWN)?;
    let effect = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(Malformed::new("the effect must be Allow or Deny")),
    };
    let actions = texts(fields.get("Action"), "Action")?;
    if !actions.iter().all(|action| action.starts_with("s3:") || action == "*") {
        return Err(Malformed::new("an action is not one of S3"));
    }
    let resources = texts(fields.get("Resource"), "Resource")?;
    let objects = format!("{bucket}/*");
    let ours = |resource: &String| resource == bucket || is_like(&objects, resource);
    if !resources.iter().all(ours) {
        return Err(Malformed::new("a resource is not of this bucket"));
    }
    let conditions = match fields.get("Condition") {
        Some(condition) => conditions(condition)?,
        None => Vec::new(),
    };
    let principals = principals(fields.get("Principal"))?;
    Ok(Statement { effect, principals, actions, resources, conditions })
}

fn principals(value: Option<&Value>) -> Result<Principals, Malformed> {
    let names = match value {
        Some(Value::String(all)) if all == "*" => return Ok(Principals::Everybody),
        Some(Value::Object(kinds)) if kinds.len() == 1 => texts(kinds.get("AWS"), "Principal")?,
        _ => return Err(Malformed::new("the principal must be \"*\" or of AWS")),
    };
    let everybody = names.iter().any(|name| name == "*");
    Ok(if everybody { Principals::Everybody } else { Principals::Named(names) })
}

fn conditions(value: &Value) -> Result<Vec<Condition>, Malformed> {
    let wrong = || Malformed::new("a condition is not an object of objects");
    let mut found = Vec::new();
    for (operator, keys) in value.as_object().ok_or_else(wrong)? {
        for (key, values) in keys.as_object().ok_or_else(wrong)? {
            found.push(Condition::read(operator, key, texts(Some(values), operator)?)?);
        }
    }
    Ok(found)
}

/// An object without a field that is not known.
fn fields<'a>(
    value: &'a Value,
    what: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, Malformed> {
    let fields =
        value.as_object().ok_or_else(|| Malformed::new(format!("{what} is not an object")))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Malformed::new(format!("{what} has {name:?}, which is not known here"))),
        None => Ok(fields),
    }
}

/// One text or a list of them; truths and numbers are texts too. Variables are refused.
fn texts(value: Option<&Value>, what: &str) -> Result<Vec<String>, Malformed> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.contains("${") => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let found: Option<Vec<_>> = match value {
        Some(Value::Array(values)) if !values.is_empty() => values.iter().map(text).collect(),
        Some(value) => text(value).map(|text| vec![text]),
        None => None,
    };
    found
        .ok_or_else(|| Malformed::new(format!("{what} must be one text or several, without ${{}}")))
}
