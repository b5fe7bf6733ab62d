//! Examining, proving, telling.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use restartix_isolation::{
    Circumstances, Probe, Proof, Report, Target, html, json, junit, line, probes, prove, run,
    soaks, terminal,
};
use restartix_kernel::{Clock, SystemClock};
use serde::de::DeserializeOwned;

use crate::arguments::{Arguments, Format, Stack};
use crate::attesting;

/// Whether everything is as it must be.
async fn examined(arguments: &Arguments, stack: &Stack, probes: &[Box<dyn Probe>]) -> Result<bool> {
    let started = Instant::now();
    let now = SystemClock.now();
    let today = now.format("%Y-%m-%d").to_string();
    let target = Target::connect(&stack.database_url)
        .await?
        .with_api(described(arguments.api.as_deref())?)
        .with_storage(described(arguments.storage.as_deref())?);
    if arguments.prove {
        return proven(probes, &target, &today, started).await;
    }
    let mut report = run(probes, &target, &[], &today, |outcome| say(&line(outcome))).await;
    if arguments.only.is_empty() && !arguments.soak {
        report.attested = attesting::read(stack.attestations.as_deref(), &today)?;
    }
    report.circumstances = Circumstances {
        target: stack.name.clone(),
        at: now.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        commit: arguments.commit.clone(),
        database: target.version().await?,
        took_ms: started.elapsed().as_millis(),
    };
    tell(arguments, &report)?;
    let open = stack.deployed && report.open().next().is_some();
    Ok(report.is_green() && !open)
}

/// What a file of JSON says, where one is named.
fn described<T: DeserializeOwned>(file: Option<&Path>) -> Result<Option<T>> {
    let Some(file) = file else { return Ok(None) };
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{}", file.display()))
}

/// Does what was asked.
pub(crate) async fn verify(arguments: &Arguments) -> Result<bool> {
    if let Some(id) = &arguments.attest {
        attesting::add(arguments, id, SystemClock.now())?;
        return Ok(true);
    }
    let mut chosen = if arguments.soak { soaks() } else { probes() };
    if let Some(unknown) =
        arguments.only.iter().find(|id| chosen.iter().all(|probe| probe.about().id != id.as_str()))
    {
        bail!("there is no probe {unknown}: --list names them");
    }
    chosen.retain(|probe| {
        arguments.only.is_empty() || arguments.only.iter().any(|id| id == probe.about().id)
    });
    if arguments.list {
        for probe in &chosen {
            let about = probe.about();
            put(&format!("{:8} {}\n         {}\n", about.id, about.title, about.item.wording()))?;
        }
        return Ok(true);
    }
    let stack = arguments.stack()?;
    let mut leave_out = |why: &str, which: &dyn Fn(&dyn Probe) -> bool| {
        let all = chosen.len();
        chosen.retain(|probe| !which(&**probe));
        say(&format!("{} probes {why}\n", all - chosen.len()));
    };
    if arguments.api.is_none() {
        leave_out("ask the running server and were left out: --api", &|probe| probe.needs_api());
    }
    if arguments.storage.is_none() {
        let why = "ask the bucket and were left out: --storage";
        leave_out(why, &|probe| probe.needs_storage());
    }
    if stack.deployed && !arguments.allow_writes {
        if arguments.prove {
            bail!("--prove plants faults: on a deployed stack only with --allow-writes");
        }
        leave_out("write and were left out: --allow-writes", &|probe| probe.writes());
    }
    if chosen.is_empty() {
        bail!("no probe is left: nothing would be looked at");
    }
    examined(arguments, &stack, &chosen).await
}

async fn proven(
    probes: &[Box<dyn Probe>],
    target: &Target,
    today: &str,
    started: Instant,
) -> Result<bool> {
    let green = |report: &Report| report.is_green();
    let before = run(probes, target, &[], today, |_| ()).await;
    if !green(&before) {
        put(&terminal(&before))?;
        bail!("not everything is GREEN before the first mutation");
    }
    let proofs = prove(probes, target, today, |proof| say(&told(proof))).await;
    let after = run(probes, target, &[], today, |_| ()).await;
    let survivors: Vec<_> = proofs.iter().filter(|proof| proof.survived.is_some()).collect();
    for proof in &survivors {
        put(&told(proof))?;
    }
    let killed = proofs.len() - survivors.len();
    put(&format!(
        "{killed} of {} mutations of {} probes killed in {:.1} s\n",
        proofs.len(),
        probes.len(),
        started.elapsed().as_secs_f64()
    ))?;
    if !green(&after) {
        put(&terminal(&after))?;
        put("not everything is GREEN after the last mutation\n")?;
    }
    Ok(survivors.is_empty() && green(&after))
}

fn told(proof: &Proof) -> String {
    let Proof { probe, mutation, survived } = proof;
    survived.as_ref().map_or_else(
        || format!("  killed   {probe:7} {mutation}\n"),
        |why| format!("  SURVIVED {probe:7} {mutation}: {why}\n"),
    )
}

fn tell(arguments: &Arguments, report: &Report) -> Result<()> {
    let text = match arguments.format {
        Format::Terminal => terminal(report),
        Format::Json => json(report),
        Format::Junit => junit(report),
        Format::Html => html(report),
    };
    match &arguments.output {
        None => put(&text),
        Some(file) => fs::write(file, text).with_context(|| format!("write {}", file.display())),
    }
}

/// Progress; what nobody reads is no fault.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn put(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("write to standard output")
}
