//! Small cells: what is about so few that it would be about somebody, in each form in which it is told.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::super::client::Answer;
use super::super::scene::Api;
use super::asked::{get, insights};
use crate::Subject;

/// What adds up in one insight.
struct Sum {
    of: &'static str,
    /// Of how many it is.
    total: &'static str,
    /// Into what that is divided.
    parts: &'static [&'static str],
    /// What is said of all of them, and goes with the total.
    of_all: &'static [&'static str],
    /// Other counts of the row.
    alone: &'static [&'static str],
}

const BANDS: &[&str] = &["high", "middle", "low"];

const SUMS: [Sum; 4] = [
    Sum {
        of: "adherence",
        total: "patients",
        parts: BANDS,
        of_all: &["session_adherence", "exercise_adherence"],
        alone: &["overdone"],
    },
    Sum {
        of: "outcomes",
        total: "patients",
        parts: &["improved", "unchanged", "worsened"],
        of_all: &["mean_change"],
        alone: &[],
    },
    Sum {
        of: "activity",
        total: "appointments",
        parts: &["confirmed", "in_progress", "completed", "cancelled", "no_show"],
        of_all: &[],
        alone: &["exercises_completed"],
    },
    Sum { of: "programs", total: "programs", parts: BANDS, of_all: &[], alone: &[] },
];

/// No policy lets aggregates be about fewer.
const FLOOR: u64 = 5;

type Row = Map<String, Value>;

/// Every aggregate of the clinic at this place: without small cells, and alike as JSON, CSV and page.
pub(super) fn suppressed(api: &Api, at: usize) -> Result<Vec<Subject>> {
    let clinic = api.clinics.get(at).context("two clinics")?;
    let mut subjects = Vec::new();
    for (path, _) in insights(api)? {
        let of = path.rsplit('/').next().unwrap_or_default();
        let Some(sum) = SUMS.iter().find(|sum| sum.of == of) else {
            let fault =
                Some("nobody has said what adds up in it: endpoints/insights/cells.rs".into());
            subjects.push(Subject { name: format!("GET {path}"), fault });
            continue;
        };
        for (role, group) in
            [("admin", "everybody"), ("specialist", "everybody"), ("admin", "specialist")]
        {
            let (token, question) = (clinic.token(role)?, format!("?group_by={group}"));
            let told = get(api, token, &format!("{path}{question}"))?;
            if told.status != 200 {
                // It is not divided so; whether it is told at all, shows the first.
                if group == "everybody" {
                    let fault = Some(format!("is answered {}", told.status));
                    subjects.push(Subject { name: format!("GET {path} as {role}"), fault });
                }
                continue;
            }
            let name = format!("GET {path}{question} as {role}");
            let fault = judged(&told, sum, group == "everybody");
            subjects.push(Subject { name: name.clone(), fault });
            let csv = get(api, token, &format!("{path}{question}&format=csv"))?;
            subjects
                .push(Subject { name: format!("{name}, CSV"), fault: csv_differs(&told, &csv) });
            // Others see more on the page than the aggregate.
            if role == "admin" {
                let page = get(api, token, &format!("/console/{of}{question}"))?;
                let fault = page_differs(&told, &page);
                subjects.push(Subject { name: format!("{name}, page"), fault });
            }
        }
    }
    Ok(subjects)
}

fn rows(told: &Answer) -> Vec<&Row> {
    let rows = told.body.get("rows").and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(Value::as_object).collect()
}

fn is_hidden(row: &Row, name: &str) -> bool {
    let hidden = row.get("suppressed").and_then(Value::as_array);
    hidden.is_some_and(|hidden| hidden.iter().any(|hidden| hidden == name))
}

fn is_any_hidden(row: &Row) -> bool {
    row.get("suppressed").and_then(Value::as_array).is_some_and(|hidden| !hidden.is_empty())
}

/// What is wrong with an aggregate; some of it has to be suppressed where `few` says so.
fn judged(told: &Answer, sum: &Sum, few: bool) -> Option<String> {
    let smallest = told.body.get("smallest_cell").and_then(Value::as_u64).unwrap_or_default();
    if smallest < FLOOR {
        return Some(format!("is about {smallest} patients or more: the floor is {FLOOR}"));
    }
    let rows = rows(told);
    if few && !rows.iter().any(|row| is_any_hidden(row)) {
        return Some("suppresses nothing: nothing is proven".to_owned());
    }
    rows.iter().find_map(|row| Some(format!("{}: {row:?}", small(row, sum, smallest)?)))
}

/// What a row gives away.
fn small(row: &Row, sum: &Sum, smallest: u64) -> Option<String> {
    let count = |name: &str| row.get(name).and_then(Value::as_u64);
    let all = sum.parts.iter().chain(sum.alone).chain([&sum.total]);
    for name in all {
        if count(name).is_some_and(|count| (1..smallest).contains(&count)) {
            return Some(format!("{name} is about too few"));
        }
    }
    let hidden = sum.parts.iter().filter(|name| is_hidden(row, name)).count();
    match count(sum.total) {
        Some(total) if hidden > 0 => {
            let shown: u64 = sum.parts.iter().filter_map(|name| count(name)).sum();
            let rest = total.saturating_sub(shown);
            (hidden == 1 || rest < smallest)
                .then(|| format!("{} gives away what is suppressed, {rest}", sum.total))
        }
        None if is_hidden(row, sum.total) => {
            let said = sum.of_all.iter().find(|name| row.get(**name).is_some_and(Value::is_number));
            said.map(|name| format!("{name} is said of those whose number is not"))
        }
        _ => None,
    }
}

/// How the CSV says something else.
fn csv_differs(told: &Answer, csv: &Answer) -> Option<String> {
    let mut lines = csv.text.lines();
    let names = fields(lines.next().unwrap_or_default());
    let (rows, lines): (Vec<_>, Vec<_>) = (rows(told), lines.collect());
    if csv.status != 200 || rows.len() != lines.len() {
        return Some(format!("{} rows in place of {}", lines.len(), rows.len()));
    }
    rows.iter().zip(lines).find_map(|(row, line)| {
        let cells = fields(line);
        names.iter().zip(&cells).find_map(|(name, cell)| {
            let same = match row.get(name) {
                _ if is_hidden(row, name) => cell == "suppressed",
                Some(Value::Number(number)) => number.as_f64() == cell.parse().ok(),
                Some(Value::Null) => cell.is_empty(),
                Some(Value::String(_)) => true,
                _ => false,
            };
            (!same).then(|| format!("{name} is {cell:?} in {row:?}"))
        })
    })
}

/// The fields of a line of CSV (RFC 4180) in which no field has a line's end.
fn fields(line: &str) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            letter => {
                if let Some(field) = all.last_mut() {
                    field.push(letter);
                }
            }
        }
    }
    all
}

/// How the tables of the page say something else: in whatever order.
fn page_differs(told: &Answer, page: &Answer) -> Option<String> {
    if page.status != 200 {
        return Some(format!("is answered {}", page.status));
    }
    let rows = rows(told);
    let hidden = |row: &&Row| row.get("suppressed").and_then(Value::as_array).map_or(0, Vec::len);
    let (hidden, shown) =
        (rows.iter().map(hidden).sum::<usize>(), page.text.matches("class=\"suppressed\"").count());
    if hidden != shown {
        return Some(format!("suppresses {shown} in place of {hidden}"));
    }
    let numbers = rows.iter().flat_map(|row| row.values()).filter_map(Value::as_f64);
    let cells = page.text.split("<td class=\"number\">").skip(1);
    let cells = cells.filter_map(|cell| cell.split_once('<')?.0.parse::<f64>().ok());
    let (mut numbers, mut cells): (Vec<_>, Vec<_>) = (numbers.collect(), cells.collect());
    numbers.sort_by(f64::total_cmp);
    cells.sort_by(f64::total_cmp);
    (numbers != cells).then(|| format!("shows {cells:?} in place of {numbers:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn adherence() -> &'static Sum {
        SUMS.iter().find(|sum| sum.of == "adherence").unwrap()
    }

    fn row(row: &Value) -> Option<String> {
        small(row.as_object().unwrap(), adherence(), 11)
    }

    #[test]
    fn what_gives_somebody_away_is_found() {
        let hidden = ["high", "low"];
        let well =
            json!({ "patients": 15, "high": null, "middle": 0, "low": null, "suppressed": hidden });
        assert_eq!(row(&well), None);
        assert!(row(&json!({ "patients": 15, "high": 12, "middle": 0, "low": 3 })).is_some());
        let one =
            json!({ "patients": 15, "high": 12, "middle": 0, "low": null, "suppressed": ["low"] });
        assert!(row(&one).unwrap().contains("gives away what is suppressed, 3"));
        let few = json!({ "patients": 20, "high": 11, "middle": null, "low": null, "suppressed": ["middle", "low"] });
        assert!(row(&few).is_some(), "nine who are hidden");
        let mean =
            json!({ "patients": null, "session_adherence": 0.5, "suppressed": ["patients"] });
        assert!(row(&mean).unwrap().contains("session_adherence"));
    }

    fn answer(body: Value, text: &str) -> Answer {
        Answer { status: 200, headers: Vec::new(), body, text: text.to_owned(), request: None }
    }

    #[test]
    fn csv_and_page_say_what_is_told() {
        let rows =
            json!([{ "name": "Pop, A", "high": null, "share": 0.5, "suppressed": ["high"] }]);
        let told = answer(json!({ "rows": rows }), "");
        let csv = |text: &str| csv_differs(&told, &answer(Value::Null, text));
        assert_eq!(csv("name,high,share\r\n\"Pop, A\",suppressed,0.5000\r\n"), None);
        assert!(csv("name,high,share\r\n\"Pop, A\",3,0.5000\r\n").is_some());
        assert!(csv("name,high,share\r\n").is_some());
        let page = |text: &str| page_differs(&told, &answer(Value::Null, text));
        let (hidden, half) =
            ("<td class=\"suppressed\">x</td>", "<td class=\"number\">0.5000</td>");
        assert_eq!(page(&format!("{hidden}{half}")), None);
        assert!(page(half).is_some());
        assert!(page(&format!("{hidden}{half}<td class=\"number\">3</td>")).is_some());
    }
}
