//! S3 goes away at any call, and clients in the middle of a body: what is left is nothing, or what a retry
//! or the keeper makes whole.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::client::{Answer, Client, wait_for};
use crate::files::{announcement, put};
use crate::support::{BUCKET, Clinic, Stack, text};

const PATIENCE: Duration = Duration::from_secs(60);
const PDF: &[u8] = b"%PDF-1.7\n% a prescription\n%%EOF\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_midway_leaves_no_object_and_nothing_available() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.resize(8 << 20, b'a');
    bytes.extend_from_slice(b"\n%%EOF\n");
    let body = announcement("document", "long.pdf", "application/pdf", &bytes);
    let id = text(&clinic.patient.post("/v1/files", &body)?.expect(201)?["id"])?;
    let token = stack.operator(&["token", "--subject", "one-patient"])?;
    let address = stack.base().replace("http://", "");
    for sent in [0, 1, 65_536, bytes.len() / 2, bytes.len() - 1] {
        let mut stream = TcpStream::connect(&address)?;
        write!(
            stream,
            "PUT /v1/files/{id}/content HTTP/1.1\r\nhost: {address}\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/octet-stream\r\n\
             content-length: {}\r\n\r\n",
            bytes.len()
        )?;
        stream.write_all(&bytes[..sent])?;
        stream.flush()?;
        stream.shutdown(std::net::Shutdown::Both)?;
        // Whether the server says something to nobody is its affair.
        let _ = stream.read(&mut [0; 1]);
    }
    // What follows is answered after the server has seen all of them go.
    clinic
        .patient
        .send("POST", &format!("/v1/files/{id}/complete"), None)?
        .refused(409, "missing_object")?;
    let told = clinic.patient.get(&format!("/v1/files/{id}"))?.expect(200)?;
    assert_eq!(told["status"], "pending");
    assert!(stack.s3.objects(BUCKET).is_empty(), "half of a body was kept");
    let kind = [("content-type", "application/octet-stream")];
    let path = format!("/v1/files/{id}/content");
    clinic.patient.send_with("PUT", &path, &kind, Some(bytes.clone()))?.expect(200)?;
    let complete = format!("/v1/files/{id}/complete");
    let told = clinic.patient.send("POST", &complete, None)?.expect(200)?;
    assert_eq!(told["status"], "available");
    assert_eq!(stack.s3.objects(BUCKET).len(), 1);
    Ok(())
}

/// Somebody who tries again when S3 is back.
struct Stubborn<'a> {
    stack: &'a Stack,
    who: &'a Client,
}

impl Stubborn<'_> {
    /// Whether S3 has gone away meanwhile.
    fn outage_began(&self) -> bool {
        self.stack.s3.switches().healthy_for == Some(0)
            && self.stack.s3.journal().last().is_some_and(|asked| asked.status.is_none())
    }

    /// S3 comes back, and the leases of what was claimed while it was away end.
    async fn back(&self) -> Result<()> {
        self.stack.s3.switch(|switches| switches.healthy_for = None);
        let end = "UPDATE files SET due_at = now() \
                   WHERE due_at IS NOT NULL AND status NOT IN ('pending', 'available')";
        restartix_testkit::sql(&self.stack.database, end).await
    }

    /// Until the answer has this status: once where S3 is there, else again after its return. An answer
    /// besides must be one that says so.
    async fn until(&self, status: u16, ask: impl Fn() -> Result<Answer>) -> Result<Answer> {
        let answer = ask()?;
        if answer.status == status {
            return Ok(answer);
        }
        ensure!(self.stack.s3.switches().healthy_for == Some(0), "S3 was there: {answer:?}");
        ensure!(matches!(answer.status, 202 | 503), "S3 was away: {answer:?}");
        self.back().await?;
        let answer = ask()?;
        ensure!(matches!(answer.status, 200..=204), "S3 is back: {answer:?}");
        Ok(answer)
    }

    /// Until the file is available.
    async fn available(&self, id: &str) -> Result<()> {
        let path = format!("/v1/files/{id}");
        let complete = format!("{path}/complete");
        let told = self.until(200, || self.who.send("POST", &complete, None)).await?;
        ensure!(told.body["status"] != "rejected", "{told:?}");
        let path = path.clone();
        wait_for("the file to be available", PATIENCE, || {
            let told = self.who.get(&path)?.expect(200)?;
            ensure!(told["status"] == "scanning" || told["status"] == "available", "{told}");
            Ok((told["status"] == "available").then_some(()))
        })
    }

    /// Until the file's bytes have gone.
    async fn gone(&self, id: &str) -> Result<()> {
        let deleted = self.who.send("DELETE", &format!("/v1/files/{id}"), None)?;
        ensure!(deleted.status == 204, "a deletion asks nobody: {deleted:?}");
        let left = || self.stack.s3.objects(BUCKET).len() + self.stack.s3.uploads(BUCKET).len();
        wait_for("the bytes to go, or S3", PATIENCE, || {
            Ok((left() == 0 || self.outage_began()).then_some(()))
        })?;
        if left() > 0 {
            self.back().await?;
        }
        wait_for("the bytes to go", PATIENCE, || Ok((left() == 0).then_some(())))
    }
}

/// A prescription's life, through the API.
async fn through_the_api(stubborn: &Stubborn<'_>, clinic: &Clinic) -> Result<()> {
    let mut body = announcement("prescription", "a.pdf", "application/pdf", PDF);
    body["patient_id"] = json!(clinic.patient_id);
    let id = text(&stubborn.who.post("/v1/files", &body)?.expect(201)?["id"])?;
    let path = format!("/v1/files/{id}");
    let kind = [("content-type", "application/octet-stream")];
    let send =
        || stubborn.who.send_with("PUT", &format!("{path}/content"), &kind, Some(PDF.to_vec()));
    stubborn.until(200, send).await?;
    stubborn.available(&id).await?;
    let got = stubborn.until(200, || stubborn.who.get(&format!("{path}/download"))).await?;
    ensure!(got.text.as_bytes() == PDF, "other bytes: {got:?}");
    stubborn.gone(&id).await
}

/// A document's life, in parts.
async fn in_parts(stubborn: &Stubborn<'_>) -> Result<()> {
    let body = announcement("document", "a.pdf", "application/pdf", PDF);
    let told = stubborn.who.post("/v1/files", &body)?.expect(201)?;
    let id = text(&told["id"])?;
    let said = json!({"parts": [{"size_bytes": PDF.len(), "sha256": body["sha256"]}]});
    let path = format!("/v1/files/{id}/parts");
    let parts = stubborn.until(200, || stubborn.who.post(&path, &said)).await?;
    if put(&parts.body["items"][0], PDF).ok() != Some(200) {
        stubborn.back().await?;
        ensure!(put(&parts.body["items"][0], PDF)? == 200, "S3 is back");
    }
    stubborn.available(&id).await?;
    stubborn.gone(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_failing_at_any_call_leaves_what_a_retry_or_the_keeper_repairs() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    clinic.book(&clinic.slots()?[0])?;
    let stubborn = Stubborn { stack: &stack, who: &clinic.specialist };
    for (way, least) in [("through the API", 8), ("in parts", 9)] {
        let mut calls = 0;
        loop {
            stack.s3.switch(|switches| switches.healthy_for = Some(calls));
            let lived = match way {
                "through the API" => through_the_api(&stubborn, &clinic).await,
                _ => in_parts(&stubborn).await,
            };
            lived.with_context(|| format!("{way}, S3 gone after {calls} calls"))?;
            let left = stack.s3.switches().healthy_for;
            stack.s3.switch(|switches| switches.healthy_for = None);
            // It was never needed, or only by what cleans up after everything was done.
            if left.is_some_and(|left| left > 0) {
                break;
            }
            calls += 1;
            ensure!(calls < 40, "the calls have no end");
        }
        assert!(calls >= least, "{way}: only {calls} calls");
    }
    Ok(())
}
