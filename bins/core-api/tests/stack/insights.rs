//! Insights over HTTP and as pages, of a clinic with sixty patients and ninety days.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_kernel::{Clock, SystemClock};
use restartix_testkit::sql;
use serde_json::{Value, json};

use crate::client::{Client, wait_for};
use crate::support::{Clinic, Stack};

const DEMO: &str = include_str!("../../../../fixtures/insights/demo.sql");

/// The clinic's ninety days, and their insights.
pub(crate) async fn with_history(stack: &Stack, organisation: i64, admin: &Client) -> Result<()> {
    let now = SystemClock.now().format("'%Y-%m-%dT%H:%M:%SZ'").to_string();
    let text = DEMO.replace(":now", &now);
    sql(&stack.database, &text.replace(":org", &organisation.to_string())).await?;
    wait_for("the keeper", Duration::from_secs(120), || {
        let told = admin.get("/v1/insights/programs")?.expect(200)?;
        let count = |row: &Value| row["programs"].as_u64().unwrap_or_default();
        let counted: u64 = told["rows"].as_array().into_iter().flatten().map(count).sum();
        Ok((counted >= 59).then_some(()))
    })
}

pub(crate) fn organisation(admin: &Client) -> Result<i64> {
    admin.get("/v1/me")?.expect(200)?["organization_id"].as_i64().context("an organisation")
}

fn rows(told: &Value) -> &[Value] {
    told["rows"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The ids of the clinic's patients: those who have a progress.
fn patients(specialist: &Client) -> Result<Vec<String>> {
    let told = specialist.get("/v1/insights/adherence?group_by=patient")?.expect(200)?;
    let id = |row: &Value| row["patient_id"].as_str().map(str::to_owned);
    Ok(rows(&told).iter().filter_map(id).collect())
}

/// The rows of every table of a page: what stands in each cell.
fn tables(page: &str) -> Vec<Vec<Vec<String>>> {
    let inside = |text: &str| {
        let (mut plain, mut tag) = (String::new(), false);
        for letter in text.chars() {
            match letter {
                '<' => tag = true,
                '>' => tag = false,
                letter if !tag => plain.push(letter),
                _ => {}
            }
        }
        plain
    };
    let body = |table: &str| {
        let body = table.split("<tbody>").nth(1).unwrap_or_default();
        let body = body.split("</tbody>").next().unwrap_or_default();
        let row = |row: &str| {
            let cells = row.split("<td").skip(1);
            cells.map(|cell| inside(&format!("<td{cell}"))).collect()
        };
        body.split("<tr>").skip(1).map(row).collect()
    };
    page.split("<table>").skip(1).map(body).collect()
}

/// A row of the API as a page shows it.
fn as_shown(columns: &[Value], row: &Value) -> Vec<String> {
    let suppressed = row["suppressed"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown = |column: &Value| {
        let name = column["name"].as_str().unwrap_or_default();
        match &row[name] {
            Value::Null if suppressed.contains(&json!(name)) => "suppressed".to_owned(),
            Value::Null => "–not applicable".to_owned(),
            Value::String(text) => text.clone(),
            number => number.to_string(),
        }
    };
    columns.iter().map(shown).collect()
}

fn same(page: &str, api: &str) -> bool {
    page == api || page.parse::<f64>().is_ok_and(|number| api.parse::<f64>() == Ok(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_charts_table_equals_the_numbers_of_the_api() -> Result<()> {
    let stack = Stack::start().await?;
    let one = stack.clinic("one")?;
    with_history(&stack, organisation(&one.admin)?, &one.admin).await?;
    let mut suppressed = 0;
    for (who, path, page) in [
        (&one.admin, "adherence", "adherence"),
        (&one.admin, "adherence?group_by=specialist", "adherence?group_by=specialist"),
        (&one.specialist, "adherence", "adherence"),
        (&one.admin, "outcomes", "outcomes"),
        (&one.admin, "activity", "activity"),
        (&one.specialist, "activity", "activity"),
        (&one.admin, "programs", "programs"),
        (&one.specialist, "adherence?group_by=patient", "patients"),
    ] {
        let told = who.get(&format!("/v1/insights/{path}"))?.expect(200)?;
        let columns = told["columns"].as_array().context("columns")?;
        let mut expected: Vec<_> = rows(&told).iter().map(|row| as_shown(columns, row)).collect();
        ensure!(!expected.is_empty(), "nothing is told by {path}");
        suppressed += expected.iter().flatten().filter(|cell| *cell == "suppressed").count();
        let seen = who.get(&format!("/console/{page}"))?;
        ensure!(seen.status == 200, "{page}: {}", seen.text);
        let mut shown: Vec<_> = tables(&seen.text).into_iter().flatten().collect();
        // Outcomes have a table for each instrument.
        shown.sort();
        expected.sort();
        ensure!(shown.len() == expected.len(), "{page}: {shown:?} and not {expected:?}");
        for (page_row, api_row) in shown.iter().zip(&expected) {
            let equal = page_row.len() == api_row.len()
                && page_row.iter().zip(api_row).all(|(page, api)| same(page, api));
            ensure!(equal, "{page}: {page_row:?} and not {api_row:?}");
        }
        // And the CSV says the same.
        let separator = if path.contains('?') { '&' } else { '?' };
        let csv = who.get(&format!("/v1/insights/{path}{separator}format=csv"))?;
        let kind = csv.headers.iter().find(|(name, _)| name == "content-type");
        ensure!(kind.is_some_and(|(_, value)| value.starts_with("text/csv")), "{csv:?}");
        ensure!(csv.text.lines().count() == expected.len() + 1, "{}", csv.text);
    }
    ensure!(suppressed > 0, "the demo shows what is suppressed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn insights_are_for_those_within_reach_and_no_total_gives_a_cell_away() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    with_history(&stack, organisation(&one.admin)?, &one.admin).await?;
    let told = one.admin.get("/v1/insights/adherence")?.expect(200)?;
    assert_eq!((&told["definition_version"], &told["smallest_cell"]), (&json!(1), &json!(11)));
    assert_eq!(rows(&told).len(), 12, "weeks");
    for row in rows(&told) {
        let bands = ["high", "middle", "low"].map(|band| row[band].as_u64());
        let hidden = bands.iter().filter(|band| band.is_none()).count();
        let shown: u64 = bands.iter().flatten().sum();
        match row["patients"].as_u64() {
            Some(patients) if hidden == 0 => assert_eq!(shown, patients, "{row}"),
            Some(patients) => ensure!(hidden > 1 && patients - shown >= 11, "{row}"),
            None => assert_eq!(shown, 0, "{row}"),
        }
        for name in ["patients", "high", "middle", "low", "overdone"] {
            let small = row[name].as_u64().is_some_and(|count| (1..11).contains(&count));
            ensure!(!small, "{name} is about too few: {row}");
        }
    }
    let of_groups = one.admin.get("/v1/insights/adherence?group_by=specialist")?.expect(200)?;
    let mut by_week: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
    for row in rows(&of_groups) {
        let week = row["week"].as_str().unwrap_or_default().to_owned();
        by_week.entry(week).or_default().push(row["patients"].as_u64());
    }
    for row in rows(&told) {
        let Some(groups) = by_week.get(row["week"].as_str().unwrap_or_default()) else { continue };
        let hidden = groups.iter().filter(|group| group.is_none()).count();
        ensure!(hidden != 1 || row["patients"].is_null(), "{row}: {groups:?}");
    }

    // Who may what.
    let own = one.patient.get("/v1/insights/adherence")?.expect(200)?;
    assert_eq!(own["smallest_cell"], Value::Null, "one's own progress is no aggregate");
    for path in [
        "/v1/insights/adherence?group_by=patient",
        "/v1/insights/adherence?group_by=specialist",
        "/v1/insights/programs",
    ] {
        one.patient.get(path)?.refused(403, "forbidden")?;
    }
    one.admin.get("/v1/insights/adherence?group_by=patient")?.refused(403, "forbidden")?;
    one.specialist.get("/v1/insights/adherence?group_by=specialist")?.refused(403, "forbidden")?;

    // No id of clinic 1 is anything to clinic 2.
    let ids = patients(&one.specialist)?;
    ensure!(ids.len() == 20, "{} patients", ids.len());
    let random = "0198c6f0-7e6b-4c3a-9f5e-1a2b3c4d5e6f".to_owned();
    let unknown = two.specialist.get(&format!("/console/patients/{random}"))?;
    for id in ids.iter().chain([&one.patient_id, &one.specialist_id, &random]) {
        for what in ["adherence", "outcomes", "activity"] {
            let path = format!("/v1/insights/{what}?patient_id={id}");
            for stranger in [&two.specialist, &two.admin, &two.patient] {
                stranger.get(&path)?.refused(404, "not_found")?;
            }
        }
        let page = two.specialist.get(&format!("/console/patients/{id}"))?;
        assert_eq!((page.status, &page.text), (404, &unknown.text));
    }
    let progress = format!("/v1/insights/adherence?patient_id={}", ids[0]);
    one.specialist.get(&progress)?.expect(200)?;
    one.patient.get(&progress)?.refused(404, "not_found")?;

    // Bad questions.
    for query in [
        "from=2026-01-01",
        "from=2026-02-01&to=2026-01-01",
        "from=2020-01-01&to=2026-01-01",
        "from=yesterday&to=today",
        "group_by=zodiac",
        "format=xlsx",
        &format!("group_by=specialist&patient_id={}", ids[0]),
    ] {
        let refused = one.admin.get(&format!("/v1/insights/adherence?{query}"))?;
        ensure!((400..500).contains(&refused.status), "{query}: {refused:?}");
    }
    let lines = one.admin.get("/v1/audit-events?resource=insight&limit=100")?.expect(200)?;
    let named = lines["items"].as_array().context("items")?.iter();
    ensure!(named.clone().any(|line| line["patient_id"] == ids[0].as_str()), "whose progress");
    ensure!(named.clone().any(|line| line["outcome"] == "refused"), "refusals too");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rollups_are_renewed_while_the_server_is_killed() -> Result<()> {
    let mut stack = Stack::start().await?;
    let one = stack.clinic("one")?;
    let program = crate::rehab::assign(&one.admin, &one)?;
    let done = || -> Result<u64> {
        let told = progress(&one)?;
        Ok(rows(&told).iter().filter_map(|row| row["sessions_done"].as_u64()).sum())
    };
    for round in 1..=3_u64 {
        crate::rehab::report(&one.patient, &[crate::rehab::done(&program)])?;
        stack.kill();
        stack.serve()?;
        wait_for("the killed keeper's work", Duration::from_secs(60), || {
            Ok((done()? == round).then_some(()))
        })?;
    }
    let rebuilt = stack.operator(&["insights", "rebuild", "--organization", "1"])?;
    assert_eq!(rebuilt, r#"{"patients":1}"#);
    wait_for("the rollups again", Duration::from_secs(60), || Ok((done()? == 3).then_some(())))
}

fn progress(clinic: &Clinic) -> Result<Value> {
    clinic.patient.get("/v1/insights/adherence")?.expect(200)
}
