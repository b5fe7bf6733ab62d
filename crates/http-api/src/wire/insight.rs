//! Insights as tables: the one form from which JSON, CSV and pages are made.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use restartix_kernel::PersonId;
use restartix_telemetry::insights::Weeks;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Date;
use crate::View;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Column {
    /// Its name in each row.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A word, an id, a name, a week.
    Text(String),
    /// A count.
    Count(u64),
    /// A number, in hundredths.
    Hundredths(i64),
    /// A share, in ten-thousandths.
    Share(u64),
    /// There is nothing to say.
    NotApplicable,
    /// It is about too few.
    Suppressed,
}

impl Field {
    /// A count that may be suppressed.
    pub(crate) fn count(value: Option<u64>) -> Self {
        value.map_or(Self::Suppressed, Self::Count)
    }

    /// As it stands in JSON; what is not there is null.
    pub fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Hundredths(_) | Self::Share(_) => {
                let number: Option<serde_json::Number> = self.text().parse().ok();
                number.map_or(Value::Null, Value::Number)
            }
            Self::NotApplicable | Self::Suppressed => Value::Null,
        }
    }

    /// As it stands in CSV and on pages: a decimal point, and no more digits than are known.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Hundredths(number) => {
                let sign = if *number < 0 { "-" } else { "" };
                let number = number.unsigned_abs();
                format!("{sign}{}.{:02}", number / 100, number % 100)
            }
            Self::Share(share) => format!("{}.{:04}", share / 10_000, share % 10_000),
            Self::NotApplicable => String::new(),
            Self::Suppressed => "suppressed".to_owned(),
        }
    }
}

/// An insight: what was asked, by which definition, and what is to be told of it.
#[derive(Clone, Debug)]
pub struct InsightTable {
    /// What the numbers mean.
    pub definition: &'static str,
    /// The weeks that were asked for.
    pub weeks: Weeks,
    /// How it is divided.
    pub group_by: &'static str,
    /// Aggregates about fewer patients are suppressed; `None` where nothing is aggregated.
    pub smallest_cell: Option<u32>,
    /// Whose records it shows, where it is no aggregate.
    pub patients: BTreeSet<PersonId>,
    /// What its rows hold.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Field>>,
    /// Facts of the whole: names and values.
    pub facts: Vec<(&'static str, Field)>,
}

/// An insight and its definition.
#[derive(Debug, Serialize, ToSchema)]
pub struct InsightView {
    /// What the numbers mean.
    definition: &'static str,
    /// The version of the definitions, which changes with any of them.
    definition_version: u16,
    /// The first day of the first week.
    from: Date,
    /// The last day of the last week that was asked for.
    to: Date,
    /// As asked.
    group_by: &'static str,
    /// Aggregates about fewer patients are suppressed; `null` where nothing is aggregated.
    #[schema(required = true)]
    smallest_cell: Option<u32>,
    /// Facts of the whole, by name.
    #[schema(value_type = Object)]
    summary: Map<String, Value>,
    /// What the rows hold, in the order of the CSV's columns.
    columns: Vec<Column>,
    /// By the names of the columns; what is `null` and named in `suppressed` is about too few, any
    /// other `null` is not applicable.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Map<String, Value>>,
    #[serde(skip)]
    patients: BTreeSet<PersonId>,
}

impl View for InsightView {
    fn patients(&self) -> BTreeSet<PersonId> {
        self.patients.clone()
    }
}

impl InsightTable {
    /// One row as JSON.
    fn object(&self, row: &[Field]) -> Map<String, Value> {
        let named = || self.columns.iter().map(|column| column.name).zip(row);
        let mut object: Map<String, Value> =
            named().map(|(name, field)| (name.to_owned(), field.json())).collect();
        let suppressed: Vec<_> = named()
            .filter(|(_, field)| **field == Field::Suppressed)
            .map(|(name, _)| name)
            .collect();
        object.insert("suppressed".to_owned(), json!(suppressed));
        object
    }

    /// As comma-separated values (RFC 4180), the names of the columns first.
    ///
    /// A text that a spreadsheet would take for a formula is kept from it by an apostrophe (OWASP, CSV
    /// injection).
    pub fn csv(&self) -> String {
        let names = self.columns.iter().map(|column| column.name);
        let mut text = names.collect::<Vec<_>>().join(",");
        text.push_str("\r\n");
        for row in &self.rows {
            let fields: Vec<_> = row.iter().map(csv_field).collect();
            text.push_str(&fields.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

fn csv_field(field: &Field) -> String {
    #[cfg(feature = "mutants")]
    if *field == Field::Suppressed
        && restartix_kernel::mutants::planted("http-api.nothing_for_what_is_suppressed")
    {
        return Field::Count(0).text();
    }
    let Field::Text(text) = field else { return field.text() };
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    if formula || text.contains(['"', ',', '\r', '\n', ';']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.clone()
    }
}

impl From<&InsightTable> for InsightView {
    fn from(table: &InsightTable) -> Self {
        let fact = |(name, field): &(&'static str, Field)| ((*name).to_owned(), field.json());
        Self {
            definition: table.definition,
            definition_version: restartix_telemetry::insights::DEFINITION,
            from: Date(table.weeks.first().monday()),
            to: Date(table.weeks.last().sunday()),
            group_by: table.group_by,
            smallest_cell: table.smallest_cell,
            summary: table.facts.iter().map(fact).collect(),
            columns: table.columns.clone(),
            rows: table.rows.iter().map(|row| table.object(row)).collect(),
            patients: table.patients.clone(),
        }
    }
}

/// A day as a field.
pub(crate) fn day(day: NaiveDate) -> Field {
    Field::Text(day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Vec<Vec<Field>>) -> InsightTable {
        let day = "2026-03-23".parse().unwrap();
        InsightTable {
            definition: "what it means",
            weeks: Weeks::new(day, day).unwrap(),
            group_by: "everybody",
            smallest_cell: Some(11),
            patients: BTreeSet::new(),
            columns: vec![
                Column { name: "name", title: "Name" },
                Column { name: "patients", title: "Patients" },
            ],
            rows,
            facts: Vec::new(),
        }
    }

    #[test]
    fn what_is_suppressed_is_named_and_what_is_not_applicable_is_null() {
        let table = table(vec![vec![Field::NotApplicable, Field::Suppressed]]);
        let view = serde_json::to_value(InsightView::from(&table)).unwrap();
        assert_eq!(
            view["rows"],
            json!([{ "name": null, "patients": null, "suppressed": ["patients"] }])
        );
        assert_eq!((&view["from"], &view["to"]), (&json!("2026-03-23"), &json!("2026-03-29")));
        assert_eq!(view["definition_version"], 1);
        assert_eq!(table.csv(), "name,patients\r\n,suppressed\r\n");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let share = [0, 5_714, 10_000].map(|share| Field::Share(share).json());
        assert_eq!(share.map(|share| share.to_string()), ["0.0", "0.5714", "1.0"]);
        let change = [-250, 5, -5].map(|change| Field::Hundredths(change).text());
        assert_eq!(change, ["-2.50", "0.05", "-0.05"]);
    }

    #[test]
    fn no_name_becomes_a_formula() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            let table = table(vec![vec![Field::Text(name.to_owned()), Field::Count(12)]]);
            let csv = table.csv();
            let (_, row) = csv.split_once("\r\n").unwrap();
            assert!(row.starts_with("\"'") && row.ends_with("\",12\r\n"), "{row:?}");
        }
        let named =
            |name: &str| table(vec![vec![Field::Text(name.to_owned()), Field::Count(1)]]).csv();
        assert!(named("Ana \"A\", Pop").ends_with("\"Ana \"\"A\"\", Pop\",1\r\n"));
        assert!(named("Ana Pop").ends_with("\r\nAna Pop,1\r\n"));
    }
}
