//! Files that are not what they say: each ends in `rejected` or `infected`, with a code, and its bytes go.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use restartix_testkit::TestClamd;
use serde_json::{Value, json};

use crate::client::{Answer, Client, wait_for};
use crate::files::{announcement, put};
use crate::support::{BUCKET, Stack, text};

const PATIENCE: Duration = Duration::from_secs(60);
const ODT: &str = "application/vnd.oasis.opendocument.text";

/// The test string of EICAR, put together here: this file is no malware.
fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat().into()
}

/// An OpenDocument text, which is a ZIP archive, with this file in it.
fn odt(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("mimetype", stored)?;
    archive.write_all(ODT.as_bytes())?;
    archive.start_file("Object 1", zip::write::SimpleFileOptions::default())?;
    archive.write_all(bytes)?;
    Ok(archive.finish()?.into_inner())
}

/// Announces, uploads directly, and says so; answers what became of it.
fn ends(who: &Client, body: &Value, bytes: &[u8]) -> Result<(Value, Value, String)> {
    let told = who.post("/v1/files", body)?.expect(201)?;
    let id = text(&told["id"])?;
    let status = put(&told["upload"], bytes)?;
    anyhow::ensure!(status == 200, "the upload was answered {status}");
    let completed = complete(who, &id)?.expect(200)?;
    Ok((completed["status"].clone(), completed["code"].clone(), id))
}

fn complete(who: &Client, id: &str) -> Result<Answer> {
    who.send("POST", &format!("/v1/files/{id}/complete"), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_that_is_not_what_it_says_ends_with_a_code_and_is_never_handed_out() -> Result<()>
{
    let clamd = TestClamd::start(512 << 20)?;
    let [address, _] = clamd.addresses();
    let stack = Stack::with_settings(&[("CORE_STORAGE__CLAMD", &address)]).await?;
    let clinic = stack.clinic("one")?;
    let who = &clinic.patient;
    let txt = |bytes: &[u8]| announcement("document", "note.txt", "text/plain", bytes);
    let pdf = |bytes: &[u8]| announcement("document", "report.pdf", "application/pdf", bytes);
    let png = |bytes: &[u8]| announcement("image", "knee.png", "image/png", bytes);
    let jpeg = |bytes: &[u8]| announcement("image", "knee.jpg", "image/jpeg", bytes);
    let (eicar, zipped) = (eicar(), odt(&eicar())?);
    let executable = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00".to_vec();
    let html = b"<!DOCTYPE html><script>alert(document.cookie)</script>".to_vec();
    let whole = include_bytes!("../../../../fixtures/files/knee.jpg");
    let truncated = whole[..whole.len() / 2].to_vec();
    let half = include_bytes!("../../../../fixtures/files/knee.png");
    let half = half[..half.len() / 2].to_vec();
    let odt_of = announcement("document", "letter.odt", ODT, &zipped);
    let cases = [
        ("EICAR", txt(&eicar), eicar, "infected", "malware_found"),
        ("EICAR in a ZIP archive", odt_of, zipped, "infected", "malware_found"),
        ("an executable named .pdf", pdf(&executable), executable, "rejected", "type_mismatch"),
        ("HTML named .png", png(&html), html, "rejected", "type_mismatch"),
        ("a truncated JPEG", jpeg(&truncated), truncated, "rejected", "truncated"),
        ("a truncated PNG", png(&half), half, "rejected", "truncated"),
    ];
    for (what, body, bytes, status, code) in cases {
        let (told, why, id) = ends(who, &body, &bytes).with_context(|| what.to_owned())?;
        assert_eq!((told, why), (json!(status), json!(code)), "{what}");
        let seen = who.get(&format!("/v1/files/{id}"))?.expect(200)?;
        assert_eq!((&seen["status"], &seen["code"]), (&json!(status), &json!(code)), "{what}");
        who.get(&format!("/v1/files/{id}/download"))?.refused(409, "file_not_available")?;
    }
    let (told, why, _) = ends(who, &jpeg(whole), whole)?;
    assert_eq!((told, why), (json!("available"), Value::Null), "the whole JPEG");
    let letter = odt(b"a letter")?;
    let (told, why, _) = ends(who, &announcement("document", "a.odt", ODT, &letter), &letter)?;
    assert_eq!((told, why), (json!("available"), Value::Null), "a letter");
    wait_for("the bytes of the others to go", PATIENCE, || {
        Ok((stack.s3.objects(BUCKET).len() == 2).then_some(()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_the_largest_size_with_ten_bytes_ends_rejected_whichever_way_they_come()
-> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let who = &clinic.patient;
    let largest = [
        ("document", "report.pdf", "application/pdf", 512_u64 << 20),
        ("image", "knee.png", "image/png", 25 << 20),
        ("signature", "sign.png", "image/png", 512 << 10),
    ];
    for (kind, name, content_type, size) in largest {
        let mut body = announcement(kind, name, content_type, b"ten bytes!");
        body["size_bytes"] = json!(size + 1);
        who.post("/v1/files", &body)?.refused(422, "invalid")?;
        body["size_bytes"] = json!(size);
        let told = who.post("/v1/files", &body)?.expect(201)?;
        let id = text(&told["id"])?;
        assert_eq!(put(&told["upload"], b"ten bytes!")?, 403, "S3 itself takes nothing else");
        complete(who, &id)?.refused(409, "missing_object")?;
        let bytes = [("content-type", "application/octet-stream")];
        let path = format!("/v1/files/{id}/content");
        who.send_with("PUT", &path, &bytes, Some(b"ten bytes!".to_vec()))?
            .refused(422, "size_mismatch")?;
        let told = complete(who, &id)?.expect(200)?;
        assert_eq!((&told["status"], &told["code"]), (&json!("rejected"), &json!("size_mismatch")));
    }
    assert!(stack.s3.objects(BUCKET).is_empty(), "something was kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_clamd_is_away_nothing_becomes_available_and_afterwards_everything_does() -> Result<()>
{
    let mut clamd = TestClamd::start(512 << 20)?;
    let [_, address] = clamd.addresses();
    let stack = Stack::with_settings(&[("CORE_STORAGE__CLAMD", &address)]).await?;
    let clinic = stack.clinic("one")?;
    clamd.stop();
    let bytes = b"ce mai faceti?";
    let body = announcement("document", "note.txt", "text/plain", bytes);
    let told = clinic.patient.post("/v1/files", &body)?.expect(201)?;
    let id = text(&told["id"])?;
    assert_eq!(put(&told["upload"], bytes)?, 200);
    assert_eq!(complete(&clinic.patient, &id)?.expect(202)?["status"], "scanning");
    let path = format!("/v1/files/{id}/download");
    clinic.patient.get(&path)?.refused(409, "file_not_available")?;
    wait_for("readyz to name clamd", PATIENCE, || {
        let told = stack.anybody().get("/readyz")?.text;
        Ok((told.contains("degraded") && told.contains("clamd")).then_some(()))
    })?;
    clamd.resume()?;
    wait_for("the file to be available", PATIENCE, || {
        let told = clinic.patient.get(&format!("/v1/files/{id}"))?.expect(200)?;
        Ok((told["status"] == "available").then_some(()))
    })
}
