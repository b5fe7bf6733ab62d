//! Bad input: a clear refusal, never a 500, never a panic.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::support::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_problem_and_never_a_500() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let kind = |name: &str| json!({"name": name, "duration_minutes": 30});
    let hold = |starts_at: &str| clinic.slot(starts_at).to_string().into_bytes();
    let mut unknown = clinic.slot("2030-01-01T10:00:00Z");
    unknown["org_id"] = json!(2);
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(10 * 1024 * 1024));
    let types = "/v1/appointment-types";
    let bodies: Vec<(&str, &str, Vec<u8>)> = vec![
        ("unknown field", "/v1/holds", unknown.to_string().into_bytes()),
        ("wrong type", types, json!({"name": 7, "duration_minutes": "x"}).to_string().into()),
        ("no JSON", types, b"{".to_vec()),
        ("an array", types, b"[]".to_vec()),
        ("nothing", types, Vec::new()),
        ("invalid UTF-8", types, b"{\"name\":\"\xff\xfe\"}".to_vec()),
        ("NUL", types, kind("a\u{0}b").to_string().into_bytes()),
        ("a raw NUL", types, b"{\"name\":\"a\0b\"}".to_vec()),
        ("10 MB", types, huge.into_bytes()),
        ("negative", types, json!({"name": "a", "duration_minutes": -1}).to_string().into()),
        ("2^70", types, b"{\"name\":\"a\",\"duration_minutes\":1180591620717411303424}".to_vec()),
        ("1e999", types, b"{\"name\":\"a\",\"duration_minutes\":1e999}".to_vec()),
        ("deep", types, "[".repeat(200_000).into_bytes()),
        ("year 0", "/v1/holds", hold("0000-01-01T00:00:00Z")),
        ("year 99999", "/v1/holds", hold("99999-01-01T00:00:00Z")),
        ("year -1", "/v1/holds", hold("-0001-01-01T00:00:00Z")),
        ("leap second", "/v1/holds", hold("2030-06-30T23:59:60Z")),
        ("a local time", "/v1/holds", hold("2030-06-30T10:00:00")),
    ];
    for (what, path, body) in bodies {
        let answer = clinic.admin.send("POST", path, Some(body))?;
        ensure!((400..500).contains(&answer.status), "{what}: {answer:?}");
        let code = answer.body["code"].as_str().unwrap_or_default().to_owned();
        answer.refused(answer.status, &code)?;
        ensure!(!code.is_empty(), "{what}: {answer:?}");
    }
    let none = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    for path in [
        "/v1/appointments/-1".to_owned(),
        "/v1/appointments/0".to_owned(),
        "/v1/appointments/99999999999999999999".to_owned(),
        "/v1/appointments/%00".to_owned(),
        "/v1/appointments/%ff".to_owned(),
        "/v1/appointments?limit=0".to_owned(),
        "/v1/appointments?limit=201".to_owned(),
        "/v1/appointments?cursor=%00".to_owned(),
        "/v1/appointments?cursor=x.y".to_owned(),
        "/v1/appointments?from=0000-01-01T00:00:00Z".to_owned(),
        "/v1/appointments?from=99999-01-01T00:00:00Z".to_owned(),
        "/v1/appointments?status=%ff".to_owned(),
        "/v1/people?cursor=1".to_owned(),
        "/v1/people/x".to_owned(),
        format!(
            "/v1/availability?appointment_type_id={none}&from=2030-01-01T00:00:00Z&to=2031-01-01T00:00:00Z"
        ),
        format!("/v1/availability?appointment_type_id={none}&from=x&to=y"),
        "/v1/nothing-here".to_owned(),
    ] {
        let answer = clinic.admin.get(&path)?;
        ensure!((400..500).contains(&answer.status), "{path}: {answer:?}");
        ensure!(answer.body["code"].is_string(), "{path}: {answer:?}");
    }
    // The server is as well as before.
    stack.anybody().get("/readyz")?.expect(200)?;
    Ok(())
}
