//! Files go up, are looked at, come down again byte for byte, and stay in their clinic.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_sandbox::receiver::{Options, Receiver};
use restartix_testkit::sql;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::{Answer, Client, wait_for};
use crate::support::{BUCKET, Clinic, Stack, text};
use crate::telemetry::all_arrived;
use crate::webhooks::{listen, wait_booked};

const PATIENCE: Duration = Duration::from_secs(60);
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n%%EOF\n";
const PNG: &[u8] = include_bytes!("../../../../fixtures/files/signature.png");

/// What is said of `bytes` before they come.
pub(crate) fn announcement(kind: &str, name: &str, content_type: &str, bytes: &[u8]) -> Value {
    json!({
        "kind": kind,
        "file_name": name,
        "content_type": content_type,
        "size_bytes": bytes.len(),
        "sha256": hex::encode(Sha256::digest(bytes)),
    })
}

fn pdf() -> Value {
    announcement("document", "raport nou.pdf", "application/pdf", PDF)
}

fn about(mut body: Value, clinic: &Clinic) -> Value {
    body["patient_id"] = json!(clinic.patient_id);
    body
}

/// Sends `bytes` where the answer says, with the headers that it names.
pub(crate) fn put(upload: &Value, bytes: &[u8]) -> Result<u16> {
    let headers = upload["headers"].as_object().context("headers")?;
    let headers: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "content-length")
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
        .collect();
    let direct = Client::new(&text(&upload["url"])?, None);
    Ok(direct.send_with("PUT", "", &headers, Some(bytes.to_vec()))?.status)
}

/// Announces, uploads directly, and says so; answers the id and the last answer.
pub(crate) fn upload(who: &Client, body: &Value, bytes: &[u8]) -> Result<(String, Answer)> {
    let told = who.post("/v1/files", body)?.expect(201)?;
    ensure!(told["status"] == "pending", "{told}");
    let id = text(&told["id"])?;
    let status = put(&told["upload"], bytes)?;
    ensure!(status == 200, "the upload was answered {status}");
    let completed = who.send("POST", &format!("/v1/files/{id}/complete"), None)?;
    Ok((id, completed))
}

/// Follows a download to its end; answers the bytes and how they present themselves.
fn download(who: &Client, id: &str) -> Result<(Vec<u8>, String)> {
    let answer = who.get(&format!("/v1/files/{id}/download"))?;
    ensure!(answer.status == 302, "{answer:?}");
    let link = header(&answer, "location").context("a location")?;
    let got = Client::new(&link, None).get("")?;
    ensure!(got.status == 200, "{got:?}");
    let shown = header(&got, "content-disposition").unwrap_or_default();
    Ok((got.text.into_bytes(), shown))
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.clone())
}

fn settled(who: &Client, id: &str, status: &str) -> Result<Value> {
    wait_for(&format!("{id} to be {status}"), PATIENCE, || {
        let told = who.get(&format!("/v1/files/{id}"))?.expect(200)?;
        Ok((told["status"] == status).then_some(told))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_up_directly_and_comes_down_byte_for_byte_and_to_no_other_clinic()
-> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    one.book(&one.slots()?[0])?;
    let (id, completed) = upload(&one.specialist, &about(pdf(), &one), PDF)?;
    let told = completed.expect(200)?;
    assert_eq!((&told["status"], &told["code"]), (&json!("available"), &Value::Null));
    for who in [&one.patient, &one.specialist, &one.admin] {
        let (bytes, shown) = download(who, &id)?;
        assert_eq!(bytes, PDF);
        assert!(shown.starts_with("attachment; filename=\"raport nou.pdf\""), "{shown}");
    }
    // No key, and no other clinic's folder.
    let listed = one.patient.get("/v1/files")?;
    assert!(!listed.text.contains("documents/"), "{}", listed.text);
    let objects = stack.s3.objects(BUCKET);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].key, format!("1/documents/{id}"));

    let path = format!("/v1/files/{id}");
    for who in [&two.admin, &two.specialist, &two.patient] {
        who.get(&path)?.refused(404, "not_found")?;
        who.get(&format!("{path}/download"))?.refused(404, "not_found")?;
        who.send("POST", &format!("{path}/complete"), None)?.refused(404, "not_found")?;
        let bytes = [("content-type", "application/octet-stream")];
        who.send_with("PUT", &format!("{path}/content"), &bytes, Some(PDF.to_vec()))?
            .refused(404, "not_found")?;
        who.send("DELETE", &path, None)?.refused(404, "not_found")?;
        let theirs = json!({"signature_file_id": id});
        who.post(&format!("{path}/sign"), &theirs)?.refused(404, "not_found")?;
        who.get(&format!("{path}/signatures"))?.refused(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_is_for_one_key_one_body_and_one_purpose() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let told = clinic.patient.post("/v1/files", &pdf())?.expect(201)?;
    let url = text(&told["upload"]["url"])?;
    let id = text(&told["id"])?;
    let with = |url: String| json!({"url": url, "headers": told["upload"]["headers"]});
    // Another clinic's folder, another file of the same one, a longer and another body.
    assert_eq!(put(&with(url.replace("/1/documents/", "/2/documents/")), PDF)?, 403);
    assert_eq!(put(&with(url.replace(&id, "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f")), PDF)?, 403);
    let longer = [PDF, b"more"].concat();
    assert_ne!(put(&told["upload"], &longer)?, 200);
    assert_ne!(put(&told["upload"], &PDF.to_ascii_uppercase())?, 200);
    assert!(stack.s3.objects(BUCKET).is_empty(), "something was kept");
    assert_ne!(Client::new(&url, None).get("")?.status, 200, "a URL to put is none to get");
    clinic
        .patient
        .send("POST", &format!("/v1/files/{id}/complete"), None)?
        .refused(409, "missing_object")?;
    assert_eq!(put(&told["upload"], PDF)?, 200);
    clinic.patient.send("POST", &format!("/v1/files/{id}/complete"), None)?.expect(200)?;

    let answer = clinic.patient.get(&format!("/v1/files/{id}/download"))?;
    let link = header(&answer, "location").context("a location")?;
    assert!(link.contains("X-Amz-Expires=60&"), "a link that is good for a minute");
    let strange = link.replace("/1/documents/", "/2/documents/");
    assert_eq!(Client::new(&strange, None).get("")?.status, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_through_the_api_is_exactly_what_was_announced_or_nothing() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let who = &clinic.patient;
    let announce = || text(&who.post("/v1/files", &pdf())?.expect(201)?["id"]);
    let send_to = |id: &str, bytes: &[u8]| {
        let kind = [("content-type", "application/octet-stream")];
        who.send_with("PUT", &format!("/v1/files/{id}/content"), &kind, Some(bytes.to_vec()))
    };
    let cases: [(Vec<u8>, &str); 4] = [
        (PDF[1..].to_vec(), "size_mismatch"),
        ([PDF, b"x"].concat(), "size_mismatch"),
        (PDF.to_ascii_uppercase(), "checksum_mismatch"),
        (vec![7; 20 << 20], "size_mismatch"),
    ];
    for (bytes, code) in cases {
        let id = announce()?;
        send_to(&id, &bytes)?.refused(422, code)?;
        let told = who.send("POST", &format!("/v1/files/{id}/complete"), None)?.expect(200)?;
        assert_eq!((&told["status"], &told["code"]), (&json!("rejected"), &json!(code)));
        send_to(&id, PDF)?.refused(409, "file_not_pending")?;
    }
    assert!(stack.s3.objects(BUCKET).is_empty(), "something was kept");
    let id = announce()?;
    let send = |bytes: &[u8]| send_to(&id, bytes);
    send(PDF)?.expect(200)?;
    let told = who.send("POST", &format!("/v1/files/{id}/complete"), None)?.expect(200)?;
    assert_eq!(told["status"], "available");
    send(PDF)?.refused(409, "file_not_pending")?;
    // Said twice, it is said once.
    let again = who.send("POST", &format!("/v1/files/{id}/complete"), None)?.expect(200)?;
    assert_eq!(again, told);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_safe_everywhere_is_kept_as_one_that_is() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    for (given, kept) in [
        ("C:\\fakepath\\raport?.pdf", "C__fakepath_raport_.pdf"),
        ("../1/uploads/test.pdf", "_1_uploads_test.pdf"),
        ("invoice\u{202E}fdp.exe.pdf", "invoicefdp.exe.pdf"),
    ] {
        let body = announcement("document", given, "application/pdf", PDF);
        let (id, done) = upload(&clinic.patient, &body, PDF)?;
        assert_eq!(done.expect(200)?["file_name"], kept);
        let (_, shown) = download(&clinic.patient, &id)?;
        assert!(shown.starts_with(&format!("attachment; filename=\"{kept}\"")), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_in_parts_each_as_it_was_said() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let who = &one.patient;
    // Two full parts and the end, out of order.
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.resize((10 << 20) + 77, b'a');
    bytes.extend_from_slice(b"\n%%EOF\n");
    let chunks: Vec<&[u8]> = bytes.chunks(5 << 20).collect();
    let told =
        who.post("/v1/files", &announcement("document", "a.pdf", "application/pdf", &bytes))?;
    let id = text(&told.expect(201)?["id"])?;
    let path = format!("/v1/files/{id}/parts");
    let said = |chunks: &[&[u8]]| {
        let part = |chunk: &&[u8]| json!({"size_bytes": chunk.len(), "sha256": hex::encode(Sha256::digest(chunk))});
        json!({"parts": chunks.iter().map(part).collect::<Vec<_>>()})
    };
    for wrong in
        [json!([]), said(&chunks[1..])["parts"].clone(), said(&[&bytes[..9]])["parts"].clone()]
    {
        who.post(&path, &json!({"parts": wrong}))?.refused(422, "invalid")?;
    }
    two.patient.post(&path, &said(&chunks))?.refused(404, "not_found")?;
    one.admin.post(&path, &said(&chunks))?.refused(403, "forbidden")?;
    let parts = who.post(&path, &said(&chunks))?.expect(200)?;
    let numbers: Vec<_> = (0..3).map(|at| parts["items"][at]["number"].clone()).collect();
    assert_eq!(numbers, [json!(1), json!(2), json!(3)]);
    assert_eq!(put(&parts["items"][2], chunks[2])?, 200);
    assert_ne!(put(&parts["items"][0], chunks[1])?, 200, "the bytes of another part");
    assert_eq!(put(&parts["items"][0], chunks[0])?, 200);
    let complete = format!("/v1/files/{id}/complete");
    who.send("POST", &complete, None)?.refused(409, "missing_object")?;
    // Asked for again, the URLs are new and what has come stays.
    let again = who.post(&path, &said(&chunks))?.expect(200)?;
    assert_eq!(put(&again["items"][1], chunks[1])?, 200);
    let told = who.send("POST", &complete, None)?.expect(200)?;
    assert_eq!(told["status"], "available", "{told}");
    let [object] =
        stack.s3.objects(BUCKET).try_into().map_err(|_| anyhow::anyhow!("one object"))?;
    let kept = stack.s3.bytes(BUCKET, &object.key, &object.version).context("its bytes")?;
    assert!(kept == bytes, "other bytes were kept");
    assert!(stack.s3.uploads(BUCKET).is_empty());
    who.post(&path, &said(&chunks))?.refused(409, "file_not_pending")?;

    // What is begun and not completed goes with its file.
    let told =
        who.post("/v1/files", &announcement("document", "a.pdf", "application/pdf", &bytes))?;
    let id = text(&told.expect(201)?["id"])?;
    let parts = who.post(&format!("/v1/files/{id}/parts"), &said(&chunks))?.expect(200)?;
    assert_eq!(put(&parts["items"][0], chunks[0])?, 200);
    assert_eq!(who.send("DELETE", &format!("/v1/files/{id}"), None)?.status, 204);
    wait_for("the upload to end", PATIENCE, || {
        Ok(stack.s3.uploads(BUCKET).is_empty().then_some(()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_file_is_refused_with_its_place() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let stranger = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    let with = |name: &str, value: Value| {
        let mut body = pdf();
        body[name] = value;
        body
    };
    let cases = [
        (with("kind", json!("recording")), "/kind", "not_yours_to_make"),
        (with("kind", json!("prescription")), "/kind", "not_yours_to_make"),
        (with("kind", json!("virus")), "/kind", "unknown_word"),
        (with("content_type", json!("text/html")), "/content_type", "unknown_word"),
        (with("content_type", json!("image/png")), "/content_type", "not_of_this_kind"),
        (with("file_name", json!("raport.exe")), "/file_name", "type_mismatch"),
        (with("file_name", json!("\u{200B}..")), "/file_name", "R01"),
        (with("file_name", json!("a".repeat(1025))), "/file_name", "R02"),
        (with("size_bytes", json!(0)), "/size_bytes", "out_of_range"),
        (with("size_bytes", json!(600_000_000)), "/size_bytes", "out_of_range"),
        (with("sha256", json!("abc")), "/sha256", "invalid"),
    ];
    for (body, pointer, code) in cases {
        let told = clinic.patient.post("/v1/files", &body)?;
        told.refused(422, "invalid")?;
        let error = &told.body["errors"][0];
        assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{body}");
    }
    for (name, value) in [("patient_id", json!(stranger)), ("appointment_id", json!(77))] {
        clinic.patient.post("/v1/files", &with(name, value))?.refused(404, "not_found")?;
    }
    // A file is about a patient, and not about somebody who works here.
    let about_staff = with("patient_id", json!(clinic.specialist_id));
    clinic.admin.post("/v1/files", &about_staff)?.refused(404, "not_found")?;
    let missing = "/v1/files/0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f/complete";
    clinic.patient.send("POST", missing, None)?.refused(404, "not_found")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_signed_with_ones_own_picture_and_the_signature_tells_a_change() -> Result<()>
{
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    clinic.book(&clinic.slots()?[0])?;
    let prescription =
        about(announcement("prescription", "reteta.pdf", "application/pdf", PDF), &clinic);
    let (document, done) = upload(&clinic.specialist, &prescription, PDF)?;
    done.expect(200)?;
    let picture = announcement("signature", "sign.png", "image/png", PNG);
    let (patients, done) = upload(&clinic.patient, &picture, PNG)?;
    done.expect(200)?;
    let sign = format!("/v1/files/{document}/sign");
    let with = |picture: &str| json!({"signature_file_id": picture});
    clinic.specialist.post(&sign, &with(&patients))?.refused(404, "not_found")?;
    clinic.specialist.post(&sign, &with(&document))?.refused(422, "invalid")?;
    let signed = clinic.patient.post(&sign, &with(&patients))?.expect(200)?;
    assert_eq!(signed["document_sha256"], hex::encode(Sha256::digest(PDF)));
    assert_eq!((&signed["signer_id"], &signed["valid"]), (&json!(clinic.patient_id), &json!(true)));
    let path = format!("/v1/files/{document}/signatures");
    let list = clinic.admin.get(&path)?.expect(200)?;
    assert_eq!(list["items"], json!([signed]));

    // A prescription is handed out by the API alone, with nothing that a browser would run.
    let shown = clinic.patient.get(&format!("/v1/files/{document}/download"))?;
    assert_eq!((shown.status, shown.text.as_bytes()), (200, PDF));
    let policy = header(&shown, "content-security-policy").unwrap_or_default();
    assert!(policy.contains("sandbox"), "{policy}");
    assert_eq!(header(&shown, "x-content-type-options").as_deref(), Some("nosniff"));

    // Other bytes under the same key are another version: the signed one is pinned.
    let object = format!("1/prescriptions/{document}");
    stack.s3.replace(BUCKET, &object, None, b"%PDF-1.7 a double dose %%EOF");
    assert_eq!(clinic.admin.get(&path)?.expect(200)?["items"][0]["valid"], true);
    let shown = clinic.patient.get(&format!("/v1/files/{document}/download"))?;
    assert_eq!(shown.text.as_bytes(), PDF);
    // Somebody with the store's disks changes the document itself.
    let version = stack.s3.objects(BUCKET).into_iter().find(|found| {
        found.content.as_ref().is_some_and(|stored| stored.sha256 == signed["document_sha256"])
            && found.key == object
    });
    let version = version.context("the signed version")?.version;
    stack.s3.replace(BUCKET, &object, Some(&version), b"%PDF-1.7 a double dose %%EOF");
    let list = clinic.admin.get(&path)?.expect(200)?;
    assert_eq!(list["items"][0]["valid"], false, "the document was changed after it was signed");
    let shown = clinic.patient.get(&format!("/v1/files/{document}/download"))?;
    shown.refused(503, "storage_unavailable")?;
    stack.s3.replace(BUCKET, &object, Some(&version), PDF);
    assert_eq!(clinic.admin.get(&path)?.expect(200)?["items"][0]["valid"], true);

    // Somebody with the database's keys says that other bytes were signed.
    sql(
        &stack.database,
        "UPDATE files SET sha256 = sha256('other') WHERE kind = 'prescription';
         UPDATE file_signatures SET document_sha256 = sha256('other')",
    )
    .await?;
    let list = clinic.admin.get(&path)?.expect(200)?;
    assert_eq!(list["items"][0]["valid"], false);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_is_gone_at_once_and_its_bytes_follow_unless_it_is_held() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let (id, done) = upload(&clinic.patient, &pdf(), PDF)?;
    done.expect(200)?;
    let path = format!("/v1/files/{id}");
    clinic.patient.patch(&path, &json!({"legal_hold": true}))?.refused(403, "forbidden")?;
    clinic.admin.patch(&path, &json!({"legal_hold": true}))?.expect(200)?;
    clinic.patient.send("DELETE", &path, None)?.refused(409, "legal_hold")?;
    clinic.admin.patch(&path, &json!({"legal_hold": false}))?.expect(200)?;
    clinic.specialist.send("DELETE", &path, None)?.refused(404, "not_found")?;
    assert_eq!(clinic.patient.send("DELETE", &path, None)?.status, 204);
    clinic.patient.get(&path)?.refused(404, "not_found")?;
    wait_for("its bytes to go", PATIENCE, || Ok(stack.s3.objects(BUCKET).is_empty().then_some(())))
}

/// Lets time pass for every file that is kept.
async fn pass(stack: &Stack, days: u32) -> Result<()> {
    let moved = format!(
        "UPDATE files SET created_at = created_at - interval '{days} days',
           due_at = due_at - interval '{days} days' WHERE status = 'available'"
    );
    sql(&stack.database, &moved).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_kept_for_its_time_and_no_longer_unless_it_is_held() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    clinic.book(&clinic.slots()?[0])?;
    let png = |kind| announcement(kind, "a.png", "image/png", PNG);
    let prescription =
        about(announcement("prescription", "reteta.pdf", "application/pdf", PDF), &clinic);
    let all = [
        (&clinic.patient, pdf(), PDF),
        (&clinic.patient, png("image"), PNG),
        (&clinic.patient, png("signature"), PNG),
        (&clinic.specialist, prescription, PDF),
        // One that is held, and one whose time is up sooner.
        (&clinic.patient, pdf(), PDF),
        (&clinic.patient, pdf(), PDF),
    ];
    let mut ids = Vec::new();
    for (who, body, bytes) in &all {
        let (id, done) = upload(who, body, bytes)?;
        done.expect(200)?;
        ids.push(id);
    }
    let ten_years = "SELECT count(*) FROM files WHERE due_at = created_at + interval '3653 days'";
    assert_eq!(stack.number(ten_years).await?, 6);
    let (kept, held, first) = (&ids[..4], &ids[4], &ids[5]);
    let path = |id: &str| format!("/v1/files/{id}");
    clinic.admin.patch(&path(held), &json!({"legal_hold": true}))?.expect(200)?;
    let gone = |id: &str| Ok((clinic.admin.get(&path(id))?.status == 404).then_some(()));

    // A day is left to all but one: when that one has gone, so would have the others.
    pass(&stack, 3652).await?;
    let sooner = format!("UPDATE files SET due_at = now() WHERE id = '{first}'");
    sql(&stack.database, &sooner).await?;
    wait_for("the first to go", PATIENCE, || gone(first))?;
    for id in kept {
        clinic.admin.get(&path(id))?.expect(200)?;
    }
    pass(&stack, 2).await?;
    for id in kept {
        wait_for("what was kept long enough to go", PATIENCE, || gone(id))?;
    }
    clinic.admin.get(&path(held))?.expect(200)?;
    wait_for("their bytes to go", PATIENCE, || {
        Ok((stack.s3.objects(BUCKET).len() == 1).then_some(()))
    })?;
    let retired = "SELECT count(*) FROM audit_events WHERE operation = 'files.retire'";
    assert_eq!(stack.number(retired).await?, 5, "each leaves a line");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_s3_stopped_bookings_go_on_and_what_was_being_looked_at_ends_after_its_return()
-> Result<()> {
    let stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let clinic = stack.clinic("one")?;
    listen(&receiver, &clinic, "one", &["*"])?;
    let slots = clinic.slots()?;
    let told = clinic.patient.post("/v1/files", &pdf())?.expect(201)?;
    let id = text(&told["id"])?;
    assert_eq!(put(&told["upload"], PDF)?, 200);
    stack.s3.stop().await?;
    let booked = [clinic.book(&slots[0])?, clinic.book(&slots[2])?];
    let complete = format!("/v1/files/{id}/complete");
    clinic.patient.send("POST", &complete, None)?.refused(503, "storage_unavailable")?;
    let announced = clinic.patient.post("/v1/files", &pdf())?;
    assert_eq!(announced.status, 201, "an announcement asks nobody: {announced:?}");
    stack.s3.restart().await?;
    clinic.patient.send("POST", &complete, None)?.expect(200)?;

    // S3 goes away between the first look and the bytes: the server goes on by itself.
    let late = text(&announced.body["id"])?;
    assert_eq!(put(&announced.body["upload"], PDF)?, 200);
    stack.s3.switch(|switches| switches.cut_bodies = 1000);
    let told = clinic.patient.send("POST", &format!("/v1/files/{late}/complete"), None)?;
    let told = told.expect(202)?;
    assert_eq!(told["status"], "scanning");
    stack.s3.switch(|switches| switches.cut_bodies = 0);
    settled(&clinic.patient, &late, "available")?;
    // Nobody else noticed: every delivery and every line has arrived.
    wait_booked(&receiver, "one", &booked, PATIENCE)?;
    all_arrived(&stack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_looks_goes_on_after_its_return() -> Result<()> {
    let mut stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let told = clinic.patient.post("/v1/files", &pdf())?.expect(201)?;
    let id = text(&told["id"])?;
    assert_eq!(put(&told["upload"], PDF)?, 200);
    stack.s3.switch(|switches| switches.faults.slow_body_ms = 3000);
    let path = format!("/v1/files/{id}");
    let patient = clinic.patient.clone();
    let asked = std::thread::spawn({
        let path = format!("{path}/complete");
        move || patient.send("POST", &path, None)
    });
    settled(&clinic.patient, &id, "scanning")?;
    stack.kill();
    ensure!(asked.join().map_err(|_| anyhow::anyhow!("the client panicked"))?.is_err(), "answered");
    stack.s3.switch(|switches| switches.faults.slow_body_ms = 0);
    stack.serve()?;
    settled(&clinic.patient, &id, "available").map(drop)
}
