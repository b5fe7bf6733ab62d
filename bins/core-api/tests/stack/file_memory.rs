//! Large files go through the API in constant memory, byte for byte.

use std::ffi::OsString;
use std::io::{self, BufRead as _, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::client::{Client, wait_for};
use crate::support::{Stack, text};

/// How many at once.
const FILES: u64 = 8;
/// How much the server may grow.
const GROWTH: u64 = 48 << 20;
const MIB: u64 = 1 << 20;

/// A PDF of some length that nobody has to hold: noise over and over, from another place for each number.
struct Noise {
    block: Arc<[u8]>,
    number: u64,
    at: u64,
    size: u64,
}

/// A prime, so that no buffer's length divides it.
const BLOCK: usize = 65_521;
const BEGIN: &[u8] = b"%PDF-1.7\n";
const END: &[u8] = b"\n%%EOF\n";

impl Noise {
    fn new(number: u64, size: u64) -> Self {
        let mut seed = 1_u32;
        let block = (0..BLOCK).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        Self { block: block.collect(), number, at: 0, size }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let place = (self.at + self.number * 7919) % u64::try_from(BLOCK).unwrap_or(u64::MAX);
        let block = &self.block[usize::try_from(place).unwrap_or_default()..];
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let length = buffer.len().min(left).min(block.len());
        let part = &mut buffer[..length];
        part.copy_from_slice(&block[..length]);
        // The two ends, wherever the parts are cut.
        let end = self.size - u64::try_from(END.len()).unwrap_or_default();
        for (text, from) in [(BEGIN, 0), (END, end)] {
            for (byte, place) in text.iter().zip(from..) {
                let inside = place.checked_sub(self.at).and_then(|at| usize::try_from(at).ok());
                if let Some(slot) = inside.and_then(|at| part.get_mut(at)) {
                    *slot = *byte;
                }
            }
        }
        self.at += u64::try_from(length).unwrap_or_default();
        Ok(length)
    }
}

fn hash(mut source: impl Read) -> Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The resident memory of a process, in bytes (proc_pid_status(5)).
fn resident(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024)
}

/// The stand-in for S3 as a program: in the long form it hashes gigabytes, and is built with optimisation.
struct Store {
    url: String,
    program: Child,
}

impl Store {
    fn start(program: OsString) -> Result<Self> {
        let mut program = Command::new(program)
            .args(["s3", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the stand-in")?;
        let mut told = String::new();
        let out = program.stdout.take().context("its output")?;
        io::BufReader::new(out).read_line(&mut told)?;
        let url = text(&serde_json::from_str::<serde_json::Value>(&told)?["url"])?;
        Ok(Self { url, program })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Somebody who sends and takes large bodies in parts.
struct Carrier {
    base: String,
    token: String,
    agent: ureq::Agent,
}

impl Carrier {
    fn new(base: String, token: String) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(900)))
            .max_redirects(0)
            .proxy(None)
            .build();
        Self { base, token, agent: config.into() }
    }

    fn put(&self, id: &str, noise: Noise) -> Result<u16> {
        let size = noise.size.to_string();
        let answer = self
            .agent
            .put(format!("{}/v1/files/{id}/content", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/octet-stream")
            .header("content-length", size)
            .send(ureq::SendBody::from_owned_reader(noise))?;
        Ok(answer.status().as_u16())
    }

    fn get(&self, id: &str) -> Result<String> {
        let answer = self
            .agent
            .get(format!("{}/v1/files/{id}/download", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .call()?;
        ensure!(answer.status() == 200, "a download was answered {}", answer.status());
        hash(answer.into_body().into_with_config().limit(u64::MAX).reader())
    }
}

/// Puts a file up, waits until it is available, and gets it again.
fn there_and_back(
    carrier: &Carrier,
    who: &Client,
    patient: &str,
    number: u64,
    size: u64,
) -> Result<()> {
    let noise = || Noise::new(number, size);
    let sha256 = hash(noise())?;
    let body = json!({
        "kind": "prescription",
        "file_name": "a.pdf",
        "content_type": "application/pdf",
        "size_bytes": size,
        "sha256": sha256,
        "patient_id": patient,
    });
    let id = text(&who.post("/v1/files", &body)?.expect(201)?["id"])?;
    ensure!(carrier.put(&id, noise())? == 200, "the upload was refused");
    wait_for("the upload to be complete", Duration::from_secs(120), || {
        let told = who.send("POST", &format!("/v1/files/{id}/complete"), None)?;
        // A busy machine may take longer than a request may; what was begun goes on.
        ensure!(matches!(told.status, 200 | 202 | 503), "{told:?}");
        Ok((told.status != 503).then_some(()))
    })?;
    wait_for("the file to be available", Duration::from_secs(900), || {
        let told = who.get(&format!("/v1/files/{id}"))?.expect(200)?;
        ensure!(told["status"] == "scanning" || told["status"] == "available", "{told}");
        Ok((told["status"] == "available").then_some(()))
    })?;
    ensure!(carrier.get(&id)? == sha256, "other bytes came back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_files_go_up_and_down_through_the_api_in_constant_memory() -> Result<()> {
    let long = std::env::var_os("RESTARTIX_SOAK").is_some();
    let size = if long { 256 * MIB } else { 8 * MIB };
    let mut settings = vec![("CORE_HTTP__RATE_LIMITS", "lifted")];
    let store = std::env::var_os("RESTARTIX_SANDBOX").map(Store::start).transpose()?;
    settings.extend(store.as_ref().map(|store| ("CORE_STORAGE__ENDPOINT", store.url.as_str())));
    let stack = Stack::with_settings(&settings).await?;
    let clinic = stack.clinic("one")?;
    clinic.book(&clinic.slots()?[0])?;
    let token = stack.operator(&["token", "--subject", "one-specialist"])?;
    let carrier = Carrier::new(stack.base(), token);
    let process = stack.process().context("a server")?;
    // What every first request allocates is there before it is measured.
    there_and_back(&carrier, &clinic.specialist, &clinic.patient_id, 99, MIB)?;
    let before = resident(process)?;
    let (most, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| -> Result<()> {
        let watch = scope.spawn(|| -> Result<()> {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(resident(process)?, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        });
        let files = (0..FILES).map(|number| {
            let (carrier, who, patient) = (&carrier, &clinic.specialist, &clinic.patient_id);
            scope.spawn(move || there_and_back(carrier, who, patient, number, size))
        });
        let files: Vec<_> = files.collect();
        let ended = files.into_iter().map(std::thread::ScopedJoinHandle::join);
        let ended: Vec<_> = ended.collect();
        done.store(true, Ordering::Relaxed);
        watch.join().map_err(|_| anyhow::anyhow!("the watch panicked"))??;
        for file in ended {
            file.map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })?;
    let most = most.load(Ordering::Relaxed);
    let growth = most.saturating_sub(before);
    println!(
        "{FILES} files of {} MiB: {} MiB resident before, {} MiB at most, {} MiB more",
        size / MIB,
        before / MIB,
        most / MIB,
        growth / MIB
    );
    ensure!(growth < GROWTH, "the server grew by {growth} bytes");
    Ok(())
}
