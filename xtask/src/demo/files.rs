//! Files: a specialist's report reaches its patient byte for byte, and nobody of the other clinic.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Cast;
use super::call::Booked;
use super::tour::Tour;
use crate::run::Session;
use crate::stack::{Answer, Client};

/// Files of one clinic, by their public ids.
pub(super) struct Filed {
    /// A report about a patient, available and signed.
    pub(super) document: String,
    /// The picture of a signature.
    pub(super) signature: String,
}

/// What the files are made of.
pub(super) struct Papers {
    report: Paper,
    knee: Paper,
    signature: Paper,
}

struct Paper {
    kind: &'static str,
    name: &'static str,
    content_type: &'static str,
    bytes: Vec<u8>,
}

impl Papers {
    /// Those of `fixtures/files`.
    pub(super) fn read(session: &Session) -> Result<Self> {
        let folder = session.workspace().root().join("fixtures/files");
        let paper = |kind, name, content_type| {
            let file = folder.join(name);
            let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            anyhow::Ok(Paper { kind, name, content_type, bytes })
        };
        Ok(Self {
            report: paper("document", "consultation.pdf", "application/pdf")?,
            knee: paper("image", "knee.png", "image/png")?,
            signature: paper("signature", "signature.png", "image/png")?,
        })
    }
}

impl Paper {
    /// What is said of it before it comes.
    fn announcement(&self) -> Value {
        json!({
            "kind": self.kind,
            "file_name": self.name,
            "content_type": self.content_type,
            "size_bytes": self.bytes.len(),
            "sha256": hex::encode(Sha256::digest(&self.bytes)),
        })
    }

    /// The same, about a patient and of an appointment.
    fn about(&self, booked: &Booked) -> Result<Value> {
        let mut body = self.announcement();
        let fields = body.as_object_mut().context("an announcement is an object")?;
        fields.insert("patient_id".to_owned(), json!(booked.offer.patient));
        fields.insert("appointment_id".to_owned(), json!(booked.appointment.parse::<i64>()?));
        Ok(body)
    }
}

/// A specialist's report goes straight into the store, and down again to whom it is about; a patient's picture
/// goes through the API; the report is signed.
pub(super) fn exchange(
    tour: &mut Tour<'_>,
    papers: &Papers,
    cast: &Cast<'_>,
    booked: &Booked,
) -> Result<Filed> {
    let Papers { report, knee, signature } = papers;
    let announced = tour.see("specialist announces a report", "201", || {
        cast.specialist.post("/v1/files", &report.about(booked)?)
    })?;
    let document = announced.word("/id")?;
    let path = format!("/v1/files/{document}");
    let complete =
        |client: &Client, path: &str| client.call("POST", &format!("{path}/complete"), None, &[]);
    tour.see("and says too early that it is there", "409 missing_object", || {
        complete(&cast.specialist, &path)
    })?;
    let url = announced.word("/upload/url")?;
    let store = cast.patient.anonymous();
    let forged = into_another_folder(&url, cast.clinic.id)?;
    tour.see("the same URL, into another clinic's folder", "403", || {
        put(&store, &announced, &forged, &report.bytes)
    })?;
    let longer = [report.bytes.as_slice(), b"more"].concat();
    tour.many("the same URL, with other bytes", || {
        let answer = put(&store, &announced, &url, &longer)?;
        if answer.status < 400 {
            bail!("other bytes were taken: {} {}", answer.status, answer.text);
        }
        Ok(answer.status.to_string())
    })?;
    tour.see("the report goes straight into the store", "200", || {
        put(&store, &announced, &url, &report.bytes)
    })?;
    let judged = tour.see("it is looked at", "200", || complete(&cast.specialist, &path))?;
    tour.require("the report's state", "available", &judged.word("/status")?)?;

    down(tour, cast, &path, &report.bytes)?;
    tour.see("another patient asks for it", "404 not_found", || {
        cast.other_patient.get(&format!("{path}/download"))
    })?;

    through_the_api(tour, cast, "patient sends a picture through the API", knee)?;
    let signature =
        through_the_api(tour, cast, "patient sends the picture of a signature", signature)?;
    let signed = tour.see("patient signs the report", "200", || {
        cast.patient.post(&format!("{path}/sign"), &json!({ "signature_file_id": signature }))
    })?;
    let hash = hex::encode(Sha256::digest(&report.bytes));
    tour.require("what was signed", hash.as_str(), &signed.word("/document_sha256")?)?;
    let seen = tour.see("specialist verifies the signature", "200", || {
        cast.specialist.get(&format!("{path}/signatures"))
    })?;
    tour.require("the signature's validity", &Some(true), &seen.at("/items/0/valid")?.as_bool())?;
    Ok(Filed { document, signature })
}

/// The patient follows the link, and gets what the specialist sent.
fn down(tour: &mut Tour<'_>, cast: &Cast<'_>, path: &str, sent: &[u8]) -> Result<()> {
    let link = tour.see("patient asks for the report", "302", || {
        cast.patient.get(&format!("{path}/download"))
    })?;
    let link = link.header("location").context("a redirect without a location")?.to_owned();
    let store = cast.patient.anonymous();
    let got = tour.see("and follows the link", "200", || store.get(&link))?;
    tour.require("the report, byte for byte", sent, got.bytes.as_slice())?;
    let shown = got.header("content-disposition").unwrap_or_default();
    tour.require("it is saved and not shown", &true, &shown.starts_with("attachment"))?;
    let forged = into_another_folder(&link, cast.clinic.id)?;
    tour.see("the same link, into another clinic's folder", "403", || store.get(&forged))?;
    Ok(())
}

fn through_the_api(
    tour: &mut Tour<'_>,
    cast: &Cast<'_>,
    step: &str,
    paper: &Paper,
) -> Result<String> {
    let announced = cast.patient.post("/v1/files", &paper.announcement())?;
    tour.require("the announcement", &201, &announced.status)?;
    let id = announced.word("/id")?;
    let path = format!("/v1/files/{id}");
    let kind = [("content-type", "application/octet-stream")];
    tour.see(step, "200", || {
        cast.patient.send("PUT", &format!("{path}/content"), &kind, &paper.bytes)
    })?;
    let judged = cast.patient.call("POST", &format!("{path}/complete"), None, &[])?;
    tour.require("its state", "available", &judged.word("/status")?)?;
    Ok(id)
}

/// Puts bytes where an announcement says, with the headers that it names.
fn put(store: &Client, announced: &Answer, url: &str, bytes: &[u8]) -> Result<Answer> {
    let headers = announced.at("/upload/headers")?.as_object().context("no headers")?;
    let headers: Vec<_> = headers
        .iter()
        // The client itself says how long the body is.
        .filter(|(name, _)| *name != "content-length")
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
        .collect();
    store.send("PUT", url, &headers, bytes)
}

/// A signed URL with another clinic's folder in it.
fn into_another_folder(url: &str, clinic: i64) -> Result<String> {
    let forged = url.replacen(&format!("/{clinic}/"), &format!("/{}/", clinic + 1), 1);
    if forged == url {
        bail!("the URL does not lead into the clinic's folder: {url}");
    }
    Ok(forged)
}
