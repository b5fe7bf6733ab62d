//! Reads a JSON value into a type, and says of what it refuses where it stands and why, by stable
//! codes. `serde_json`'s own errors are prose: a client could not branch on them.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::{Kind, Problem};

/// A JSON value that a type is read from.
#[derive(Debug)]
pub(super) struct Node(Value);

/// What is refused: where it stands, and why.
#[derive(Debug)]
pub(super) struct Fault {
    kind: Kind,
    pointer: String,
    code: &'static str,
}

impl Fault {
    fn here(code: &'static str) -> Self {
        Self { kind: Kind::INVALID, pointer: String::new(), code }
    }

    fn within(mut self, member: &str) -> Self {
        self.pointer = format!("/{}{}", escaped(member), self.pointer);
        self
    }
}

/// A name as a step of a JSON pointer (RFC 6901, section 3), cut where a client would only be
/// sent back its own megabyte.
fn escaped(member: &str) -> String {
    let short: String = member.chars().take(64).collect();
    short.replace('~', "~0").replace('/', "~1")
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::from(fault.kind).at(fault.pointer, fault.code)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::here("invalid")
    }

    fn invalid_type(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::here("invalid_type")
    }

    fn invalid_value(_: de::Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::here("out_of_range")
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::here("invalid_length")
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::here("unknown_word")
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self { kind: Kind::UNKNOWN_FIELD, ..Self::here("unknown_field") }.within(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::here("required").within(field)
    }
}

impl Node {
    pub(super) const fn new(value: Value) -> Self {
        Self(value)
    }
}

/// The text, unless it holds the one character that PostgreSQL cannot keep.
fn text(text: String) -> Result<String, Fault> {
    if text.contains('\0') { Err(Fault::here("nul")) } else { Ok(text) }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(value) => visitor.visit_string(text(value)?),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Object(members) => {
                visitor.visit_map(Members { rest: members.into_iter(), next: None })
            }
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is no object: derived types would take it, by position.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.0.is_object() {
            self.deserialize_any(visitor)
        } else {
            Err(Fault::here("invalid_type"))
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(StringDeserializer::new(text(word)?)),
            _ => Err(Fault::here("invalid_type")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items(std::iter::Enumerate<std::vec::IntoIter<Value>>);

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Node(item)).map(Some).map_err(|fault| fault.within(&index.to_string()))
    }
}

struct Members {
    rest: serde_json::map::IntoIter,
    next: Option<(String, Value)>,
}

impl<'de> de::MapAccess<'de> for Members {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let key = seed.deserialize(StringDeserializer::new(name.clone()))?;
        self.next = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((name, value)) = self.next.take() else { return Err(Fault::here("invalid")) };
        seed.deserialize(Node(value)).map_err(|fault| fault.within(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Outer {
        name: String,
        #[serde(default)]
        rows: Vec<Row>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Row {
        minutes: u16,
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Yes,
    }

    #[test]
    fn what_is_refused_is_told_by_place_and_code() {
        let fault = |value: Value| match Outer::deserialize(Node::new(value)) {
            Ok(read) => format!("{read:?}"),
            Err(fault) => format!("{} {}", fault.pointer, fault.code),
        };
        assert_eq!(fault(json!({})), "/name required");
        assert_eq!(fault(json!(["a", []])), " invalid_type");
        assert_eq!(fault(json!({"name": 1})), "/name invalid_type");
        assert_eq!(fault(json!({"name": "a\0b"})), "/name nul");
        assert_eq!(fault(json!({"name": "a", "a/b~c": 1})), "/a~1b~0c unknown_field");
        let row = |row: Value| fault(json!({"name": "a", "rows": [{"minutes": 1}, row]}));
        assert_eq!(row(json!({"minutes": 70_000})), "/rows/1/minutes out_of_range");
        assert_eq!(row(json!({"minutes": -1})), "/rows/1/minutes out_of_range");
        assert_eq!(row(json!({"minutes": 1.5})), "/rows/1/minutes invalid_type");
        assert_eq!(row(json!({"minutes": 1, "word": "no"})), "/rows/1/word unknown_word");
        assert_eq!(row(json!({"minutes": 1, "word": {}})), "/rows/1/word invalid_type");
        assert_eq!(row(json!({"minutes": 1, "more": 1})), "/rows/1/more unknown_field");
        assert!(row(json!({"minutes": 1, "word": "yes"})).contains("Yes"));
    }
}
