//! A day in both clinics: everything that makes the platform speak to others, and much that it refuses.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::client::{Answer, Request, pages, send};
use super::document::{Operation, operations};
use super::scene::{Api, BYTES, ROLES, Scene};

/// Reads whatever can be read, books, files a document, prescribes and reports an exercise, with an
/// endpoint that hears of everything, in both clinics; people and files bear the first of `words`, and
/// what is refused has each of them in it.
pub(crate) fn play(api: &Api, words: &[String]) -> Result<()> {
    let came = match &api.outside {
        Some(outside) => pages(&outside.receiver, "deliveries?", 0)?.1,
        None => 0,
    };
    let name = words.first().map_or("Somebody", String::as_str);
    let mut scenes = [Scene::named(api, 0, name), Scene::named(api, 1, name)];
    let played =
        read(api).and_then(|()| scenes.iter_mut().try_for_each(|scene| of_clinic(api, scene)));
    let refused = words.iter().try_for_each(|word| echoes(api, word));
    let heard = played.and(refused).and_then(|()| heard(api, came));
    for scene in &mut scenes {
        scene.tidy();
    }
    heard
}

/// Every list and every single thing that has no id in its path, as each role.
fn read(api: &Api) -> Result<()> {
    let document = send(&api.url, None, &request("GET", "/openapi.json".into(), None))?.body;
    let all = operations(&document)?;
    let reads = |operation: &&Operation| {
        let required = operation.query.iter().any(|(_, required)| *required);
        operation.method == "GET" && !operation.path.contains('{') && !required
    };
    for operation in all.iter().filter(reads) {
        for clinic in &api.clinics {
            for role in ROLES {
                let answer = send(
                    &api.url,
                    Some(clinic.token(role)?),
                    &request("GET", operation.path.clone(), None),
                )?;
                ensure!(answer.status < 500, "{} as {role}: {}", operation.name(), answer.text);
            }
        }
    }
    Ok(())
}

fn of_clinic(api: &Api, scene: &mut Scene<'_>) -> Result<()> {
    let clinic = scene.clinic()?;
    let ask = |role: &str, request: &Request| -> Result<Answer> {
        let answer = send(&api.url, Some(clinic.token(role)?), request)?;
        let Request { method, path, .. } = request;
        ensure!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        Ok(answer)
    };
    for collection in ["webhook-endpoints", "people", "appointments"] {
        scene.one(collection)?.with_context(|| format!("one of {collection}"))?;
    }
    let file = scene.one("files")?.context("a file")?;
    let bytes =
        Request { bytes: Some(BYTES), ..request("PUT", format!("/v1/files/{file}/content"), None) };
    ask("specialist", &bytes)?;
    ask("specialist", &request("POST", format!("/v1/files/{file}/complete"), None))?;
    let program = scene.one("programs")?.context("a programme")?;
    let mut event = scene.completion()?;
    if let Some(fields) = event.as_object_mut() {
        // One event of each programme: its id is as good as another.
        fields.insert("id".to_owned(), json!(program));
        fields.insert("program_id".to_owned(), json!(program));
    }
    let events = json!({ "events": [event] });
    let answer = ask("patient", &request("POST", "/v1/rehab/events".into(), Some(events)))?;
    ensure!(answer.body.get("accepted") == Some(&json!(1)), "an exercise: {}", answer.text);
    Ok(())
}

/// Requests that are refused and that bring somebody's words.
fn echoes(api: &Api, word: &str) -> Result<()> {
    let wrong = [
        request(
            "POST",
            "/v1/people".into(),
            Some(json!({ "display_name": word, "timezone": word })),
        ),
        request("POST", "/v1/people".into(), Some(json!({ "email": word }))),
        request("POST", "/v1/holds".into(), Some(json!({ "starts_at": word }))),
        request("POST", "/v1/files".into(), Some(json!({ "file_name": word, "kind": word }))),
        request("GET", format!("/v1/people/{word}"), None),
        request("GET", format!("/v1/appointments?from={word}"), None),
    ];
    for clinic in &api.clinics {
        for wrong in &wrong {
            let answer = send(&api.url, Some(clinic.token("admin")?), wrong)?;
            let Request { method, path, .. } = wrong;
            ensure!((400..500).contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
    Ok(())
}

/// Waits until an endpoint heard of something that it had not heard of before.
fn heard(api: &Api, came: u64) -> Result<()> {
    let Some(outside) = &api.outside else { return Ok(()) };
    for _ in 0..100 {
        if !pages(&outside.receiver, "deliveries?", came)?.0.is_empty() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("no endpoint heard of anything")
}

fn request(method: &str, path: String, body: Option<Value>) -> Request {
    Request { method: method.to_owned(), path, body, ..Request::default() }
}
