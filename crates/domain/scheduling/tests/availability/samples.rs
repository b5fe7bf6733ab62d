//! `fixtures/scheduling/slots_sample.json`, and how the tool takes what is not a case.

use crate::case::{Case, answers};
use chrono::{DateTime, Utc};
use restartix_scheduling::engine::opening_windows;
use serde_json::{Value, json};

const SAMPLES: &str = include_str!("../../../../../fixtures/scheduling/slots_sample.json");

fn samples() -> Vec<Value> {
    let file: Value = serde_json::from_str(SAMPLES).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn answered(input: &Value) -> Vec<Value> {
    let input = serde_json::to_vec(input).unwrap();
    answers(&input).unwrap().map(|answer| serde_json::to_value(&answer).unwrap()).collect()
}

#[test]
fn every_sample_case_has_the_expected_slots() {
    let cases = samples();
    let got = answered(&json!({ "cases": cases }));
    assert_eq!(got.len(), cases.len());
    for (case, got) in cases.iter().zip(got) {
        let expected = json!({ "id": case["id"], "slots": case["expected_slot_starts_utc"] });
        assert_eq!(got, expected, "{}", case["title"]);
    }
}

#[test]
fn every_sample_case_has_the_expected_windows() {
    for case in samples() {
        let expected: Vec<[DateTime<Utc>; 2]> =
            serde_json::from_value(case["expected_windows_utc"].clone()).unwrap();
        let title = case["title"].clone();
        let asked = serde_json::from_value::<Case>(case).unwrap().question().unwrap();
        let windows: Vec<_> = opening_windows(&asked.calendar, asked.query)
            .into_iter()
            .map(|window| [window.starts_at, window.ends_at])
            .collect();
        assert_eq!(windows, expected, "{title}");
    }
}

/// A day of ten-hour slots, changed in one field.
fn with(field: &str, value: Value) -> Value {
    let mut case = json!({
        "id": field,
        "timezone": "UTC",
        "query": { "from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z" },
        "duration_min": 600,
        "interval_min": 600,
        "weekly_hours": [{ "weekday": "mon", "start": "08:00", "end": "18:00" }],
    });
    case[field] = value;
    case
}

#[test]
fn a_bad_case_tells_its_error_and_the_next_is_still_answered() {
    let bad = [
        ("timezone", json!("Europe/Atlantis")),
        ("timezone", json!(7)),
        ("query", json!({ "from": "yesterday", "to": "2026-01-06T00:00:00Z" })),
        ("query", json!({ "from": "2026-01-05T00:00:00Z", "to": "2026-01-04T00:00:00Z" })),
        ("query", json!({ "from": "2026-01-05T00:00:00Z", "to": "2026-03-09T00:00:00Z" })),
        ("duration_min", json!(0)),
        ("duration_min", json!(-30)),
        ("interval_min", json!(0)),
        ("buffer_before_min", json!(-1)),
        ("alignment", json!({ "mode": "by_feeling" })),
        ("alignment", json!({ "mode": "round_window_start" })),
        ("alignment", json!({ "mode": "local_day_grid", "tz": "Nowhere" })),
        ("weekly_hours", json!([{ "weekday": "someday", "start": "08:00", "end": "18:00" }])),
        ("weekly_hours", json!([{ "weekday": "mon", "start": "8", "end": "18:00" }])),
        ("weekly_hours", json!([{ "weekday": "mon", "start": "08:00", "end": "24:01" }])),
        ("overrides", json!([{ "date": "2026-02-30", "closed": true }])),
        ("overrides", json!([{ "date": "2026-01-05" }])),
        ("time_off", json!(["soon"])),
        ("busy", json!([{ "start": "2026-01-05T10:00:00Z", "end": "2026-01-05T09:00:00Z" }])),
        ("holds", json!([{ "start": "2026-01-05T10:00:00Z" }])),
    ];
    let good = with("id", json!("good"));
    for (field, value) in bad {
        let got = answered(&json!({ "cases": [with(field, value.clone()), good] }));
        assert_eq!(got[0]["id"], field);
        assert!(got[0]["error"].is_string() && got[0].get("slots").is_none(), "{field}: {value}");
        assert_eq!(got[1], json!({ "id": "good", "slots": ["2026-01-05T08:00:00Z"] }));
    }
    let got = answered(&json!({ "cases": [null, 3, "case", [], {}, good] }));
    assert_eq!(got.iter().filter(|answer| answer.get("error").is_some()).count(), 5);
}

#[test]
fn what_json_allows_and_no_machine_holds_spoils_its_own_case_only() {
    let good = with("id", json!("good")).to_string();
    let deep = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    for bad in [r#"{"id":"bad","x":1e999}"#, r#"{"id":"bad","timezone":"\ud800"}"#, &deep] {
        let input = format!(r#"{{"cases":[{bad},{good}]}}"#);
        let got: Vec<_> = answers(input.as_bytes())
            .unwrap()
            .map(|answer| serde_json::to_value(&answer).unwrap())
            .collect();
        assert!(got[0]["error"].is_string());
        assert_eq!(got[1], json!({ "id": "good", "slots": ["2026-01-05T08:00:00Z"] }));
    }
}

#[test]
fn absent_and_unknown_fields_do_no_harm() {
    let mut case = with("colour", json!("red"));
    for field in ["overrides", "busy", "holds", "now", "viewer", "alignment", "max_per_day"] {
        case[field] = Value::Null;
    }
    let got = answered(&json!({ "cases": [case], "semantics": 1 }));
    assert_eq!(got, [json!({ "id": "colour", "slots": ["2026-01-05T08:00:00Z"] })]);
}

#[test]
fn a_block_that_ends_before_it_starts_is_ignored_and_still_overrides_its_date() {
    let night = json!([
        { "weekday": "mon", "start": "22:00", "end": "06:00" },
        { "weekday": "mon", "start": "08:00", "end": "18:00" },
    ]);
    let ignored = answered(&json!({ "cases": [with("weekly_hours", night)] }));
    assert_eq!(ignored[0]["slots"], json!(["2026-01-05T08:00:00Z"]));
    let void = json!([{ "date": "2026-01-05", "start": "22:00", "end": "06:00" }]);
    assert_eq!(answered(&json!({ "cases": [with("overrides", void)] }))[0]["slots"], json!([]));
    let beside = json!([
        { "date": "2026-01-05", "start": "22:00", "end": "06:00" },
        { "date": "2026-01-05", "start": "06:00", "end": "16:00" },
    ]);
    let beside = answered(&json!({ "cases": [with("overrides", beside)] }));
    assert_eq!(beside[0]["slots"], json!(["2026-01-05T06:00:00Z"]));
}

#[test]
fn input_that_is_no_list_of_cases_is_refused_as_a_whole() {
    for input in ["", "{", "[]", "{}", "{\"cases\":3}", "{\"cases\":[]} trailing", "\u{0}"] {
        assert!(answers(input.as_bytes()).is_err(), "{input}");
    }
    assert!(answers(&[0xff, 0xfe]).is_err());
}
