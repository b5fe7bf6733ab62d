//! The endpoint matrix over a server that names an operation nobody dealt with.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_isolation::endpoints::{self, Api};
use restartix_isolation::{Target, Verdict, examine, soaks};
use restartix_kernel::ExposeSecret;
use restartix_testkit::TestDatabase;
use serde_json::{Value, json};

/// A server that answers so to method and path, as long as the test runs.
fn serving(answer: impl Fn(&str, &str) -> (u16, Value) + Send + 'static) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up learns nothing.
            let _gone = serve(stream, &answer);
        }
    });
    Ok(url)
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&str, &str) -> (u16, Value)) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let (status, body) = answer(method, path);
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

/// The document of one operation on an id.
fn documented(path: &str) -> Value {
    json!({ "paths": { path: { "get": { "security": [{ "bearer": [] }], "parameters": [] } } } })
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
    let url = serving(|_, _| (200, documented("/v1/gadgets/{id}")))?;
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

/// The people of both clinics of a server; a foreign id takes it so much longer than one of nobody.
fn clinics(longer: Duration) -> Result<String> {
    let made = Mutex::new(Vec::<String>::new());
    serving(move |method, path| {
        let Ok(mut made) = made.lock() else { return (500, Value::Null) };
        match (method, path.strip_prefix("/v1/people")) {
            ("GET", None) => (200, documented("/v1/people/{id}")),
            ("POST", Some("")) => {
                let id = format!("0198c6f0-7e6b-7c3a-9f5e-{:012}", made.len());
                made.push(id.clone());
                (201, json!({ "id": id }))
            }
            // The first that is made is the other clinic's: the probe begins with what is foreign.
            ("GET", Some(id)) => match made.iter().position(|made| id == format!("/{made}")) {
                Some(0) => {
                    std::thread::sleep(longer);
                    (404, json!({ "code": "not_found" }))
                }
                Some(_) => (200, json!({ "id": id })),
                None => (404, json!({ "code": "not_found" })),
            },
            _ => (404, Value::Null),
        }
    })
}

async fn timed(longer: Duration) -> Result<Verdict> {
    let database = TestDatabase::create().await?;
    let target = Target::connect(database.url("postgres").expose_secret())
        .await?
        .with_api(Some(described(&clinics(longer)?)?));
    let probes = soaks();
    let times = probes.iter().find(|probe| probe.about().id == "TIME-01").context("TIME-01")?;
    Ok(examine(&**times, &target, &[], "2026-11-24").await.verdict)
}

#[tokio::test]
async fn a_server_that_takes_longer_for_what_another_clinic_has_is_found_by_the_time() -> Result<()>
{
    let Verdict::Red(findings) = timed(Duration::from_millis(5)).await? else {
        anyhow::bail!("TIME-01 is GREEN")
    };
    let fault = &findings.first().context("a finding")?.fault;
    ensure!(fault.contains("the time tells them apart, twice in a row"), "{fault}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_takes_as_long_for_either_is_not() -> Result<()> {
    let verdict = timed(Duration::ZERO).await?;
    ensure!(verdict.is_green(), "{verdict:?}");
    Ok(())
}
