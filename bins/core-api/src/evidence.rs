//! What an operator does with the audit and with telemetry from the command line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use restartix_kernel::{
    Clock, EventId, ExposeSecret, Random, RandomExt, Secret, SystemClock, SystemRandom,
};
use restartix_postgres::{Database, Operator, PgAuditLog, PgTelemetryQueue, PgUnits};
use restartix_telemetry::{
    Act, AuditEvent, AuditLog, ExportVerifier, ForwardQueue, KeyEpoch, Operation, Outcome,
    PoisonReason, PublicKey, Resource, ResourceKind, Verified,
};
use restartix_tenancy::{ClaimedRows, OrgId, Tenant};
use restartix_workflows::{Desk, Records};
use serde_json::{Value, json};

use crate::config::{Member, Requeue, Rotation, pseudonym_keys};

/// Longer than any line of an export.
const LINE_LIMIT: u64 = 16 * 1024;
/// The largest file of keys, in bytes.
const KEYS_LIMIT: u64 = 64 * 1024;

/// Writes what is sealed of an organisation's audit: whoever looks is in it first.
pub(crate) async fn export(config: &Member, organization: OrgId, out: Option<&Path>) -> Result<()> {
    let database = Database::new(&config.database.app())?;
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
        (Arc::new(SystemClock), Arc::new(SystemRandom));
    let desk = Desk::new(Arc::new(PgUnits::new(database.clone())), clock.clone(), random);
    let (records, log) = (Records::new(desk), PgAuditLog::start(database, clock));
    let Member { migrator, .. } = config;
    let operator = Operator::connect(&migrator.url, migrator.ca_file.as_deref()).await?;
    let organisations = ClaimedRows::new(operator);
    let Some(row) = organisations.claim(&organization).await?.pop() else {
        bail!("there is no such organisation")
    };
    let writer: Box<dyn Write> = match out {
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("make {}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let mut writer = BufWriter::new(writer);
    let work = async |tenant: &Tenant, ()| export_of(tenant, &records, &log, &mut writer).await;
    organisations.run(row, work).await?;
    writer.flush().context("the export cannot be written")
}

async fn export_of(
    tenant: &Tenant,
    records: &Records,
    log: &PgAuditLog,
    writer: &mut dyn Write,
) -> Result<()> {
    log.append(tenant, exported()).await?;
    let mut write = |line: &str| writeln!(writer, "{line}").context("the export cannot be written");
    write(&restartix_telemetry::export_begin(tenant))?;
    let mut after = 0;
    while let Some(part) = records.export(tenant, after).await? {
        part.lines.iter().try_for_each(|line| write(line))?;
        after = part.to;
    }
    Ok(())
}

/// The line of an export.
fn exported() -> AuditEvent {
    AuditEvent {
        id: EventId::fresh(&SystemClock, &SystemRandom),
        occurred_at: SystemClock.now(),
        act: Act { operation: Operation::new("operator.export_audit"), request: None },
        resource: Resource::many(ResourceKind::AuditEvent),
        patient: None,
        outcome: Outcome::Success,
    }
}

/// Verifies an export; the error names the line.
pub(crate) fn verify(keys: Vec<PublicKey>, path: &Path) -> Result<Value> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut verifier = ExportVerifier::new(keys);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line);
        if read.with_context(|| format!("read {}", path.display()))? == 0 {
            break;
        }
        // What has no end, or is no text, is no line of an export: it is judged as one that is empty.
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        verifier.line(text.unwrap_or_default())?;
    }
    let Verified { organisation, events, sealed_at } = verifier.finish()?;
    Ok(json!({"organization_id": organisation, "events": events, "sealed_at": sealed_at}))
}

/// Lets events wait again that were put aside.
pub(crate) async fn requeue(config: &Requeue, reason: PoisonReason) -> Result<Value> {
    let database = Database::new(&config.database.worker())?;
    Ok(json!({"waiting": queue(database).requeue(reason).await?}))
}

fn queue(worker: Database) -> PgTelemetryQueue {
    PgTelemetryQueue::new(worker, Arc::new(SystemClock), Arc::new(SystemRandom))
}

/// Adds a key to the file of keys, or destroys one that nothing under way needs.
pub(crate) async fn rotate_key(config: &Rotation, destroy: Option<u32>) -> Result<Value> {
    let path = &config.file;
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    file.take(KEYS_LIMIT).read_to_string(&mut text).context("the file cannot be read")?;
    let text = Secret::from(text.trim());
    let held = pseudonym_keys(&text)
        .with_context(|| format!("{} does not hold keys of pseudonyms", path.display()))?;
    let latest = held.current().get();
    let mut pairs: Vec<&str> = text.expose_secret().split(',').map(str::trim).collect();
    let fresh;
    let epoch = match destroy {
        None => {
            let epoch = latest.checked_add(1).context("there is no further epoch")?;
            fresh = format!("{epoch}:{}", STANDARD.encode(SystemRandom.bytes::<32>()));
            pairs.push(&fresh);
            epoch
        }
        Some(epoch) => {
            ensure!(epoch != latest, "the latest key cannot be destroyed: add one first");
            let worker = Database::new(&config.database.worker())?;
            let busy = queue(worker).epochs().await?.contains(&KeyEpoch::new(epoch));
            ensure!(!busy, "a batch with this key is on its way: try again when it has arrived");
            let before = pairs.len();
            pairs.retain(|pair| epoch_of(pair) != Some(epoch));
            ensure!(pairs.len() < before, "there is no key of this epoch");
            epoch
        }
    };
    let mut epochs: Vec<_> = pairs.iter().filter_map(|pair| epoch_of(pair)).collect();
    epochs.sort_unstable();
    replace(path, &Secret::from(pairs.join(",")))?;
    Ok(json!({"epoch": epoch, "held": epochs}))
}

fn epoch_of(pair: &str) -> Option<u32> {
    pair.split_once(':')?.0.parse().ok()
}

/// Replaces a file whole or not at all, for its owner's eyes only.
fn replace(path: &Path, content: &Secret) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // What a command that was killed left there.
    let _ = std::fs::remove_file(&beside);
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        writeln!(file, "{}", content.expose_secret())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        File::open(
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        )?
        .sync_all()
    };
    written().with_context(|| format!("write {}", path.display()))
}
