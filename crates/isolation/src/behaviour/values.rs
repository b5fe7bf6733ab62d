//! Values that a column might take, in the order in which they are tried.

use anyhow::{Result, bail};

use super::tables::{Column, Table};

/// More columns in one check than there are values to be tried for all of them together.
const MANY: usize = 5;

/// SQL expressions for a column; `salt` makes them this row's own.
pub(super) fn candidates(table: &Table, column: &Column, salt: &str) -> Result<Vec<String>> {
    let checks: Vec<_> =
        table.checks.iter().filter(|check| check.columns.contains(&column.name)).collect();
    // The words of a check that speaks of several columns are those of its texts.
    let is_text = matches!(column.r#type.as_str(), "text" | "character varying");
    let mut found = Vec::new();
    // A check over many columns is met soonest by those that are absent.
    if column.nullable && checks.iter().any(|check| check.columns.len() >= MANY) {
        found.push("NULL".to_owned());
    }
    let sets = checks.iter().filter(|check| check.definition.contains("= ANY (ARRAY["));
    for check in sets.filter(|_| is_text) {
        found.extend(quoted(&check.definition));
    }
    let own = format!("{}.{}.{salt}", table.name, column.name);
    let documents = checks.iter().any(|check| check.definition.contains("jsonb"));
    found.extend(of_type(&column.r#type, &own, documents)?);
    // What a check says by itself, as `status = 'cancelled'`.
    for check in checks.into_iter().filter(|_| is_text) {
        found.extend(quoted(&check.definition));
    }
    if column.nullable {
        found.push("NULL".to_owned());
    }
    Ok(found)
}

fn of_type(r#type: &str, own: &str, documents: bool) -> Result<Vec<String>> {
    let all = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    Ok(match r#type {
        "uuid" => vec![format!("md5('{own}')::uuid")],
        "bigint" => {
            let own = format!("('x' || left(md5('{own}'), 8))::bit(32)::bigint");
            [own].into_iter().chain(all(&["1", "2", "30", "0"])).collect()
        }
        "integer" | "smallint" | "numeric" | "double precision" | "real" => {
            all(&["1", "2", "30", "60", "0", "200", "1440"])
        }
        "text" | "character varying" => {
            let mut texts = Vec::new();
            if documents {
                let event = "'{\"object\":\"word\",\"id\":1,\"version\":1}'";
                texts.extend(all(&["'{\"kind\":\"word\"}'", event, "'[]'"]));
            }
            texts.extend([
                format!("left('seed-' || md5('{own}'), 20)"),
                format!("'seed_' || left(md5('{own}'), 10)"),
                format!("md5('{own}') || md5('{own}')"),
                format!("md5('{own}')::uuid::text"),
            ]);
            texts.extend(all(&[
                "'abc'",
                "'a.b'",
                "'a/b'",
                "'abc/def'",
                "'UTC'",
                "'application/pdf'",
                "'RO'",
                "'https://example.test/a'",
                "'file.pdf'",
                "'a'",
                "'1'",
                "'123456'",
            ]));
            // A key that has to begin with its organisation's number.
            texts.push(format!("split_part('{own}', '.', 3) || '/' || md5('{own}')::uuid::text"));
            texts
        }
        "boolean" => all(&["true", "false"]),
        "timestamp with time zone" | "timestamp without time zone" => all(&[
            "'2030-01-01 10:00Z'",
            "'2030-01-01 11:00Z'",
            "'2030-01-01 12:00Z'",
            "'2030-01-01 00:00Z'",
        ]),
        // A first of the month, a day after it, and a Monday.
        "date" => all(&["'2030-01-01'", "'2030-01-02'", "'2030-02-01'", "'2030-01-07'"]),
        "time without time zone" => all(&["'10:00'", "'11:00'"]),
        "interval" => all(&["'1 hour'", "'0'"]),
        "tstzrange" => all(&["'[2030-01-01 10:00Z,2030-01-01 11:00Z)'"]),
        "daterange" => all(&["'[2030-01-01,2030-01-02)'"]),
        "bytea" => [32, 16, 12, 64, 1, 20, 8]
            .map(|length| {
                format!("substr(decode(md5('{own}') || repeat('ab', 64), 'hex'), 1, {length})")
            })
            .to_vec(),
        "text[]" => {
            let event = "ARRAY['{\"object\":\"word\",\"id\":1,\"version\":1}']";
            all(&["ARRAY['word']", "ARRAY['appointment.created']", event, "'{}'"])
        }
        "timestamp with time zone[]" => all(&["ARRAY['2030-01-01 10:00Z'::timestamptz]"]),
        "uuid[]" => vec![format!("ARRAY[md5('{own}')::uuid]")],
        "smallint[]" | "integer[]" | "bigint[]" => all(&["'{1}'", "'{1,2}'", "'{200}'"]),
        "json" | "jsonb" => all(&["'{}'", "'[]'", "'{\"kind\":\"word\"}'"]),
        "inet" => all(&["'192.0.2.1'"]),
        other => bail!(
            "the generator of rows does not know the type {other} of {own}: crates/isolation/src/behaviour/values.rs"
        ),
    })
}

/// The literals of a definition, as they stand there.
fn quoted(definition: &str) -> Vec<String> {
    let inner = definition.split('\'').skip(1).step_by(2);
    inner.map(|literal| format!("'{literal}'")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_check_are_found() {
        let definition = "CHECK ((status = ANY (ARRAY['open'::text, 'done'::text])))";
        assert_eq!(quoted(definition), ["'open'", "'done'"]);
    }

    #[test]
    fn a_type_that_nobody_thought_of_is_an_error() {
        assert!(of_type("polygon", "a.b.1", false).is_err());
    }
}
