//! A deployed stack is looked at and not touched, unless somebody says that it may be.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use restartix_kernel::ExposeSecret;
use restartix_testkit::TestDatabase;
use serde_json::{Value, json};

/// What a session says that may write nothing, whatever it is asked.
const READ_ONLY: &str = "?options=-c%20default_transaction_read_only%3Don";

/// The program, told of a deployed stack over `database`.
fn deployed(database: &TestDatabase, session: &str, arguments: &[&str]) -> Result<Output> {
    let url = format!("{}{session}", database.url("postgres").expose_secret());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", database.name()));
    std::fs::write(&file, json!({ "name": "staging", "database_url": url }).to_string())?;
    let mut program = Command::new(env!("CARGO_BIN_EXE_verify-isolation"));
    program.arg("--config").arg(&file).args(arguments).env_clear();
    let output = program.output().context("verify-isolation")?;
    std::fs::remove_file(&file)?;
    Ok(output)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn nothing_is_written_and_what_is_not_proven_stands_open() -> Result<()> {
    let database = TestDatabase::create().await?;
    let output = deployed(&database, READ_ONLY, &["--format", "json"])?;
    let report: Value = serde_json::from_slice(&output.stdout).context(told(&output))?;
    ensure!(report["target"] == "staging", "{report}");
    let probes = report["probes"].as_array().context("probes")?;
    ensure!(probes.len() > 25, "only {} probes", probes.len());
    for probe in probes {
        ensure!(probe["verdict"] == "GREEN", "{probe}");
    }
    ensure!(told(&output).contains("write and were left out: --allow-writes"), "{}", told(&output));
    let open = report["checklist"].as_array().into_iter().flatten();
    ensure!(open.clone().any(|item| item["verdict"] == "OPEN"), "{report}");
    ensure!(output.status.code() == Some(1), "not everything is proven: {:?}", output.status);
    Ok(())
}

#[tokio::test]
async fn what_writes_runs_where_somebody_allows_it() -> Result<()> {
    let database = TestDatabase::create().await?;
    let seeding = ["--only", "BEH-01", "--allow-writes", "--format", "json"];
    // It does write: where that cannot be, it is RED.
    for (session, verdict) in [("", "GREEN"), (READ_ONLY, "RED")] {
        let output = deployed(&database, session, &seeding)?;
        let report: Value = serde_json::from_slice(&output.stdout).context(told(&output))?;
        let probe = &report["probes"][0];
        ensure!(probe["id"] == "BEH-01" && probe["verdict"] == verdict, "{session}: {probe}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_left_to_look_at_proves_nothing_and_no_fault_is_planted() -> Result<()> {
    let database = TestDatabase::create().await?;
    for (arguments, why) in [
        (&["--only", "BEH-01"][..], "no probe is left"),
        (&["--prove"], "only with --allow-writes"),
        (&["--only", "XYZ-99"], "there is no probe XYZ-99"),
    ] {
        let output = deployed(&database, READ_ONLY, arguments)?;
        ensure!(output.status.code() == Some(2), "{arguments:?}: {:?}", output.status);
        ensure!(told(&output).contains(why), "{arguments:?}: {}", told(&output));
    }
    Ok(())
}
