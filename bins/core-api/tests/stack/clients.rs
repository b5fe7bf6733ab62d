//! Programs of a clinic's own: they fetch what an event names, in their one clinic, and nothing else.

use anyhow::{Context, Result, ensure};
use restartix_testkit::sql;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::support::{Clinic, Stack, text};

/// Asks for a token with these form fields.
fn token(who: &Client, fields: &str) -> Result<Answer> {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    who.send_with("POST", "/v1/oauth/token", &form, Some(fields.as_bytes().to_vec()))
}

/// A program's id and secret.
fn program(clinic: &Clinic, scopes: &[&str]) -> Result<(String, String)> {
    let body = json!({"name": "Zapier", "scopes": scopes});
    let told = clinic.admin.post("/v1/api-clients", &body)?.expect(201)?;
    Ok((text(&told["id"])?, text(&told["secret"])?))
}

fn granted(stack: &Stack, id: &str, secret: &str) -> Result<(Client, Value)> {
    let fields = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let answer = token(&stack.anybody(), &fields)?;
    let kept = answer.headers.iter().find(|(name, _)| name == "cache-control");
    ensure!(kept.is_some_and(|(_, value)| value == "no-store"), "{answer:?}");
    let told = answer.expect(200)?;
    Ok((stack.bearer(&text(&told["access_token"])?), told))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_fetches_what_its_scopes_allow_in_its_clinic_until_it_is_revoked() -> Result<()> {
    let stack = Stack::start().await?;
    let (one, two) = (stack.clinic("one")?, stack.clinic("two")?);
    let slots = one.slots()?;
    let (mine, theirs) = (one.book(&slots[0])?, two.book(&two.slots()?[0])?);
    let (id, secret) = program(&one, &["appointments:read", "webhooks:read"])?;
    let listed = one.admin.get("/v1/api-clients")?;
    ensure!(listed.text.contains(&id) && !listed.text.contains(&secret), "{}", listed.text);
    ensure!(!two.admin.get("/v1/api-clients")?.text.contains(&id));
    one.specialist.get("/v1/api-clients")?.refused(403, "forbidden")?;

    let (zapier, told) = granted(&stack, &id, &secret)?;
    let seconds = told["expires_in"].as_i64();
    ensure!(told["token_type"] == "Bearer" && seconds > Some(3590), "{told}");
    ensure!(told["scope"] == "appointments:read webhooks:read", "{told}");
    let seen = zapier.get(&format!("/v1/appointments/{mine}"))?.expect(200)?;
    ensure!(seen["id"] == mine, "{seen}");
    ensure!(zapier.get("/v1/webhook-events")?.expect(200)?["items"][0]["seq"] == 1);
    zapier.get(&format!("/v1/appointments/{theirs}"))?.refused(404, "not_found")?;
    for (method, path) in [
        ("GET", "/v1/people".to_owned()),
        ("GET", "/v1/files".to_owned()),
        ("GET", "/v1/me".to_owned()),
        ("GET", "/v1/audit-events".to_owned()),
        ("GET", "/v1/api-clients".to_owned()),
        ("POST", format!("/v1/appointments/{mine}/start")),
        ("POST", format!("/v1/appointments/{mine}/video-token")),
    ] {
        zapier.send(method, &path, None)?.refused(403, "forbidden")?;
    }
    let elsewhere = json!({"organization_id": 2});
    zapier.put("/v1/me/current-organization", &elsewhere)?.refused(403, "forbidden")?;
    // A narrower token, by the other way of showing who one is.
    let basic = crate::support::base64(&format!("{id}:{secret}"));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", &format!("Basic {basic}")),
    ];
    let fields = b"grant_type=client_credentials&scope=webhooks%3Aread".to_vec();
    let told = stack.anybody().send_with("POST", "/v1/oauth/token", &headers, Some(fields))?;
    let narrow = stack.bearer(&text(&told.expect(200)?["access_token"])?);
    narrow.get("/v1/webhook-event-types")?.expect(200)?;
    narrow.get(&format!("/v1/appointments/{mine}"))?.refused(403, "forbidden")?;

    let path = format!("/v1/api-clients/{id}");
    two.admin.send("DELETE", &path, None)?.refused(404, "not_found")?;
    ensure!(one.admin.send("DELETE", &path, None)?.status == 204);
    for revoked in [&zapier, &narrow] {
        revoked.get("/v1/webhook-events")?.refused(401, "unauthenticated")?;
    }
    let fields = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let refused = token(&stack.anybody(), &fields)?;
    ensure!(
        refused.status == 401 && refused.body == json!({"error": "invalid_client"}),
        "{refused:?}"
    );

    let lines = one.admin.get("/v1/audit-events?limit=100")?.expect(200)?;
    let lines = lines["items"].as_array().context("items")?;
    let of = |action: &str, outcome: &str| {
        let is = |line: &&Value| {
            line["actor_kind"] == "client"
                && line["actor_id"] == id.as_str()
                && line["action"] == action
                && line["outcome"] == outcome
        };
        lines.iter().filter(is).count()
    };
    ensure!(of("api_clients.token", "success") == 2, "{lines:?}");
    ensure!(
        of("appointments.get", "success") == 1 && of("people.list", "refused") == 1,
        "{lines:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_endpoint_speaks_oauth_and_tells_a_stranger_nothing() -> Result<()> {
    let stack = Stack::start().await?;
    let clinic = stack.clinic("one")?;
    let (id, secret) = program(&clinic, &["files:read"])?;
    let anybody = stack.anybody();
    let flipped =
        format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('A') { "B" } else { "A" });
    let stranger = "0198c6f0-7e6b-7c3a-9f5e-1a2b3c4d5e6f";
    for (fields, status, error) in [
        (String::new(), 400, "invalid_request"),
        ("grant_type=password".into(), 400, "unsupported_grant_type"),
        ("grant_type=client_credentials".into(), 401, "invalid_client"),
        (
            format!("grant_type=client_credentials&client_id={id}&client_secret={flipped}"),
            401,
            "invalid_client",
        ),
        (
            format!("grant_type=client_credentials&client_id={stranger}&client_secret={secret}"),
            401,
            "invalid_client",
        ),
        (
            format!(
                "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=people%3Awrite"
            ),
            400,
            "invalid_scope",
        ),
        (
            format!(
                "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=webhooks%3Aread"
            ),
            400,
            "invalid_scope",
        ),
        (
            format!(
                "grant_type=client_credentials&client_id={id}&client_id={id}&client_secret={secret}"
            ),
            400,
            "invalid_request",
        ),
    ] {
        let answer = token(&anybody, &fields)?;
        ensure!(
            answer.status == status && answer.body == json!({"error": error}),
            "{fields}: {answer:?}"
        );
    }
    let json = anybody.post("/v1/oauth/token", &json!({"grant_type": "client_credentials"}))?;
    ensure!(json.status == 415, "{json:?}");
    // What was refused has its line, as far as it is anybody's.
    let lines = clinic.admin.get("/v1/audit-events?limit=100")?.expect(200)?;
    let refused = lines["items"].as_array().context("items")?.iter();
    let refused = refused
        .filter(|line| line["action"] == "api_clients.token" && line["outcome"] == "refused");
    ensure!(refused.count() == 2, "{lines}");
    for bad in [json!([]), json!(["admin"]), json!(["files:write"])] {
        let body = json!({"name": "x", "scopes": bad});
        clinic.admin.post("/v1/api-clients", &body)?.refused(422, "invalid")?;
    }
    // A clinic that is suspended has no programs, and a token that is old is none.
    let (zapier, _) = granted(&stack, &id, &secret)?;
    zapier.get("/v1/files")?.expect(200)?;
    sql(&stack.database, "UPDATE api_tokens SET expires_at = now() - interval '1 s'").await?;
    zapier.get("/v1/files")?.refused(401, "unauthenticated")?;
    let (zapier, _) = granted(&stack, &id, &secret)?;
    sql(&stack.database, "UPDATE organizations SET status = 'suspended'").await?;
    zapier.get("/v1/files")?.refused(403, "organization_suspended")?;
    let fields = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    ensure!(token(&anybody, &fields)?.status == 401);
    Ok(())
}
