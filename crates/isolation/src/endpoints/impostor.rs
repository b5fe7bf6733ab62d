//! A server that errs, for `--prove`: it stands before the real one and does what a careless handler would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result};
use serde_json::json;

use super::client::{Request, send};
use super::scene::Api;

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// Whoever names another organisation gets its rows.
    BelievesTheRequest,
    /// An operation takes an organisation.
    AsksForIt,
    /// Everything is shown to whoever has no token.
    AsksNobody,
    /// Answers the room's name beside the token.
    NamesTheRoom,
    /// Signs URLs for keys without their organisation.
    KeysWithoutPrefix,
    /// Says that it exists, but not for you.
    SaysForbidden,
}

/// Starts it, and answers its address. It ends with the process.
pub(super) fn start(api: &Api, error: Error) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
    let address = format!("http://{}", listener.local_addr()?);
    let api = api.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up learns nothing; the probe says what it missed.
            let _ = serve(&api, error, stream);
        }
    });
    Ok(address)
}

fn serve(api: &Api, error: Error, mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let mut request = Request { method, path, ..Request::default() };
    let (mut token, mut length, mut names) = (None, 0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            "content-length" => length = value.parse()?,
            "x-org-id" => names = true,
            "if-match" | "idempotency-key" => {
                request.headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = serde_json::from_slice(&body).ok();
    names |= request.path.contains("org_id=");
    let other = api.clinics.get(1).and_then(|clinic| clinic.tokens.get("admin")).cloned();
    let mine = api.clinics.first().and_then(|clinic| clinic.tokens.get("admin")).cloned();
    match error {
        Error::BelievesTheRequest if names => token = other.clone(),
        Error::AsksNobody if token.is_none() => token = mine,
        _ => {}
    }
    let mut answer = send(&api.url, token.as_deref(), &request)?;
    if error == Error::AsksForIt && request.path == "/openapi.json" {
        let parameters = answer.body.pointer_mut("/paths/~1v1~1people/get/parameters");
        let parameters = parameters.and_then(serde_json::Value::as_array_mut);
        parameters.context("the document")?.push(json!({ "name": "orgId", "in": "query" }));
        answer.text = answer.body.to_string();
    }
    if error == Error::NamesTheRoom
        && let Some(appointment) = request.path.strip_suffix("/video-token")
    {
        let organization =
            api.clinics.first().map(|clinic| clinic.organization_id).unwrap_or_default();
        let appointment = appointment.rsplit('/').next().unwrap_or_default();
        answer.text.push_str(&format!("restartix-{organization}-{appointment}"));
    }
    if error == Error::KeysWithoutPrefix {
        for clinic in &api.clinics {
            let folder = format!("/{}/documents/", clinic.organization_id);
            answer.text = answer.text.replace(&folder, "/documents/");
        }
    }
    if error == Error::SaysForbidden && answer.status == 404 {
        // Of what another clinic has: told apart by asking as that clinic.
        if send(&api.url, other.as_deref(), &request)?.status == 200 {
            answer.status = 403;
        }
    }
    let kind = answer.headers.iter().find(|(name, _)| name == "content-type");
    write!(
        stream,
        "HTTP/1.1 {} -\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
        answer.status,
        kind.map_or("application/json", |(_, value)| value.as_str()),
        answer.text.len(),
        answer.text
    )?;
    Ok(())
}
