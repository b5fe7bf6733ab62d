use std::collections::BTreeMap;

use super::document::Malformed;
use super::is_like;

/// What conditions may look at, in lower case. `s3:tlsversion` is known and never there: the
/// stand-in speaks in the clear.
const KEYS: [&str; 9] = [
    "aws:securetransport",
    "s3:authtype",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// One key of one operator: any of the values will do, or none for an operator that says "not".
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    /// Whether an absent key satisfies it (`...IfExists`).
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Text { like: bool, ignoring_case: bool, not: bool },
    Bool,
    Null,
    Number { by: Comparison, not: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    pub(super) fn read(name: &str, key: &str, values: Vec<String>) -> Result<Self, Malformed> {
        let (base, if_exists) =
            name.strip_suffix("IfExists").map_or((name, false), |base| (base, true));
        let operator = Operator::named(base).ok_or_else(|| Malformed::operator(name))?;
        if operator == Operator::Null && if_exists {
            return Err(Malformed::operator(name));
        }
        let key = key.to_ascii_lowercase();
        if !KEYS.contains(&key.as_str()) {
            return Err(Malformed::new(format!("the condition key {key:?} is not known here")));
        }
        let fits = |value: &String| match operator {
            Operator::Text { .. } => true,
            Operator::Bool | Operator::Null => matches!(value.as_str(), "true" | "false"),
            Operator::Number { .. } => value.parse::<f64>().is_ok_and(f64::is_finite),
        };
        if values.is_empty() || !values.iter().all(fits) {
            return Err(Malformed::new(format!("{name} has a value that does not fit")));
        }
        Ok(Self { operator, if_exists, key, values })
    }

    /// Whether it holds of a request with these facts.
    pub(super) fn holds(&self, facts: &BTreeMap<&'static str, String>) -> bool {
        let found = facts.get(self.key.as_str());
        if self.operator == Operator::Null {
            let absent = if found.is_none() { "true" } else { "false" };
            return self.values.iter().any(|value| value == absent);
        }
        match found {
            Some(found) => {
                let matches = self.values.iter().any(|value| self.operator.matches(value, found));
                matches != self.operator.is_negated()
            }
            // An absent key matches nothing, which is what a "not" asks for.
            None => self.if_exists || self.operator.is_negated(),
        }
    }
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        let text = |like, ignoring_case, not| Self::Text { like, ignoring_case, not };
        let number = |by, not| Self::Number { by, not };
        Some(match name {
            "StringEquals" => text(false, false, false),
            "StringNotEquals" => text(false, false, true),
            "StringEqualsIgnoreCase" => text(false, true, false),
            "StringNotEqualsIgnoreCase" => text(false, true, true),
            "StringLike" => text(true, false, false),
            "StringNotLike" => text(true, false, true),
            "Bool" => Self::Bool,
            "Null" => Self::Null,
            "NumericEquals" => number(Comparison::Equal, false),
            "NumericNotEquals" => number(Comparison::Equal, true),
            "NumericLessThan" => number(Comparison::Less, false),
            "NumericLessThanEquals" => number(Comparison::LessOrEqual, false),
            "NumericGreaterThan" => number(Comparison::Greater, false),
            "NumericGreaterThanEquals" => number(Comparison::GreaterOrEqual, false),
            _ => return None,
        })
    }

    fn is_negated(self) -> bool {
        matches!(self, Self::Text { not: true, .. } | Self::Number { not: true, .. })
    }

    /// Whether `found` matches `value`, a "not" left aside.
    fn matches(self, value: &str, found: &str) -> bool {
        match self {
            Self::Text { like: true, .. } => is_like(value, found),
            Self::Text { ignoring_case: true, .. } => value.eq_ignore_ascii_case(found),
            Self::Text { .. } | Self::Bool | Self::Null => value == found,
            Self::Number { by, .. } => {
                let (Ok(value), Ok(found)) = (value.parse::<f64>(), found.parse::<f64>()) else {
                    return false;
                };
                match by {
                    Comparison::Equal => found.total_cmp(&value).is_eq(),
                    Comparison::Less => found < value,
                    Comparison::LessOrEqual => found <= value,
                    Comparison::Greater => found > value,
                    Comparison::GreaterOrEqual => found >= value,
                }
            }
        }
    }
}
