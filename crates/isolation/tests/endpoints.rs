//! The endpoint matrix over a server that names an operation nobody dealt with.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use restartix_isolation::endpoints::{self, Api};
use restartix_isolation::{Target, Verdict, examine};
use restartix_kernel::ExposeSecret;
use restartix_testkit::TestDatabase;
use serde_json::{Value, json};

/// A server that answers every request with this document, as long as the test runs.
fn serving(document: Value) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(reading) = stream.try_clone() else { continue };
            let lines = BufReader::new(reading).lines();
            // The head; no request of this test has a body.
            let _head: Vec<_> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let body = document.to_string();
            let _gone = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    Ok(url)
}

/// Two clinics as the stack describes them, at `url`.
fn described(url: &str) -> Result<Api> {
    let clinic = |organization: i64| {
        json!({
            "organization_id": organization,
            "tokens": { "admin": "a", "specialist": "s", "patient": "p" },
            "specialist_id": "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f",
            "patient_id": "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e70",
            "receiver": "http://127.0.0.1:1/hooks/probe",
        })
    };
    let described = json!({
        "url": url,
        "clinics": [clinic(1), clinic(2)],
        "removed": "r",
        "suspended": "s",
    });
    Ok(serde_json::from_value(described)?)
}

/// Nobody edits a list: the document names it, so it is tried.
#[tokio::test]
async fn an_id_of_a_kind_that_nobody_can_make_turns_the_matrix_red() -> Result<()> {
    let url = serving(json!({ "paths": { "/v1/gadgets/{id}": { "get": {
        "security": [{ "bearer": [] }], "parameters": [],
    } } } }))?;
    let database = TestDatabase::create().await?;
    let target = Target::connect(database.url("postgres").expose_secret())
        .await?
        .with_api(Some(described(&url)?));
    let probes = endpoints::probes();
    let oracle = probes.iter().find(|probe| probe.about().id == "API-02").context("API-02")?;
    let outcome = examine(&**oracle, &target, &[], "2026-11-24").await;
    let Verdict::Red(findings) = outcome.verdict else { anyhow::bail!("API-02 is GREEN") };
    ensure!(findings.len() == 1, "{findings:?}");
    let finding = findings.first().context("a finding")?;
    ensure!(finding.subject == "GET /v1/gadgets/{id}", "{finding:?}");
    ensure!(finding.fault.contains("nobody knows how to make one of gadgets"), "{finding:?}");
    Ok(())
}
