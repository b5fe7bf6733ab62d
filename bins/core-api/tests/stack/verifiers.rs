//! What is sent verifies with the published libraries of two languages, through two rotations of the
//! secret, and no copy of it with a byte flipped does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::{Client, wait_for};
use crate::support::{Clinic, Stack, text};

const PATIENCE: Duration = Duration::from_secs(60);
/// Tests that are sent between two rotations.
const EACH: u64 = 8;

/// A receiver in another language, gone with the test.
struct Foreign {
    child: Child,
    base: String,
    talk: Client,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, and tells what it said when it fails.
fn done(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {told}");
    Ok(())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/webhooks").join(name)
}

/// A folder for a library, filled once by the registry's ordinary client.
fn library(name: &str, fill: impl FnOnce(&Path) -> Command) -> Result<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("standardwebhooks").join(name);
    if !home.join("complete").exists() {
        std::fs::create_dir_all(&home)?;
        done(&mut fill(&home))?;
        std::fs::write(home.join("complete"), "")?;
    }
    Ok(home)
}

impl Foreign {
    fn python() -> Result<Self> {
        let home = library("pypi", |home| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip.arg("--target").arg(home).arg("standardwebhooks==1.0.0");
            pip
        })?;
        let mut command = Command::new("python3");
        command.arg(fixture("receiver.py")).env("PYTHONPATH", home);
        Self::start(command)
    }

    fn node() -> Result<Self> {
        let home = library("npm", |home| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"]);
            npm.arg(home).arg("standardwebhooks@1.0.0");
            npm
        })?;
        let mut command = Command::new("node");
        command.arg(fixture("receiver.cjs")).env("NODE_PATH", home.join("node_modules"));
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line)?;
        let base = format!("http://127.0.0.1:{}", line.trim().parse::<u16>().context("its port")?);
        Ok(Self { child, talk: Client::new(&base, None), base })
    }

    fn tell(&self, secrets: &[String]) -> Result<()> {
        self.talk.post("/secrets", &json!(secrets))?.expect(204).map(drop)
    }

    fn stats(&self) -> Result<Value> {
        self.talk.get("/stats")?.expect(200)
    }
}

/// Sends some tests, and waits until so many more were accepted, all of them by the newest secret.
fn exchange(foreign: &Foreign, clinic: &Clinic, id: &str) -> Result<()> {
    let before = foreign.stats()?["accepted"].as_u64().unwrap_or_default();
    for _ in 0..EACH {
        clinic.admin.post(&format!("/v1/webhook-endpoints/{id}/test"), &json!({}))?.expect(200)?;
    }
    wait_for("every test to be accepted", PATIENCE, || {
        let told = foreign.stats()?;
        ensure!(told["failures"] == json!([]), "{told}");
        let enough = told["accepted"].as_u64() >= Some(before + EACH);
        Ok((enough && told["by_newest"].as_u64() >= Some(EACH)).then_some(()))
    })
}

async fn two_rotations_with(foreign: Foreign) -> Result<()> {
    // More tests are sent than a user may send in so short a time.
    let stack = Stack::start_for_crowds().await?;
    let clinic = stack.clinic("one")?;
    let body = json!({"url": format!("{}/hook", foreign.base), "event_types": ["*"]});
    let told = clinic.admin.post("/v1/webhook-endpoints", &body)?.expect(201)?;
    let (id, mut secrets) = (text(&told["id"])?, vec![text(&told["secret"])?]);
    foreign.tell(&secrets)?;
    let path = format!("/v1/webhook-endpoints/{id}");
    wait_for("it to be verified", PATIENCE, || {
        Ok((clinic.admin.get(&path)?.expect(200)?["status"] == "enabled").then_some(()))
    })?;
    foreign.tell(&secrets)?;
    exchange(&foreign, &clinic, &id)?;
    for _ in 0..2 {
        let path = format!("{path}/rotate-secret");
        let told = clinic.admin.post(&path, &json!({"grace_hours": 168}))?.expect(200)?;
        secrets.push(text(&told["secret"])?);
        // The receiver keeps to its first secret, and looks whether the newest signs as well.
        foreign.tell(&secrets)?;
        exchange(&foreign, &clinic, &id)?;
    }
    let slots = clinic.slots()?;
    let before = foreign.stats()?["accepted"].as_u64().unwrap_or_default();
    clinic.book(&slots[0])?;
    wait_for("the booking", PATIENCE, || {
        Ok((foreign.stats()?["accepted"].as_u64() > Some(before)).then_some(()))
    })?;
    let told = foreign.stats()?;
    let (accepted, refused) = (told["accepted"].as_u64(), told["refused_copies"].as_u64());
    ensure!(accepted >= Some(3 * EACH + 2), "{told}");
    ensure!(refused == accepted.map(|accepted| 4 * accepted), "{told}");
    // A fourth secret ends the first: three at most sign.
    let told = clinic
        .admin
        .post(&format!("{path}/rotate-secret"), &json!({"grace_hours": 168}))?
        .expect(200)?;
    foreign.tell(&secrets[1..])?;
    secrets.push(text(&told["secret"])?);
    exchange(&foreign, &clinic, &id)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_library_for_python_accepts_every_request_and_no_changed_copy() -> Result<()>
{
    two_rotations_with(Foreign::python()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_library_for_node_accepts_every_request_and_no_changed_copy() -> Result<()> {
    two_rotations_with(Foreign::node()?).await
}
