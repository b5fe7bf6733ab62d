//! The page behind a room's URL: who is here, come in, go out. No script, no outside resource.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, Markup, html};
use uuid::Uuid;

use super::answer::Call;
use super::join::Participant;
use super::server::Shared;
use crate::reply::{answered, pairs};

/// `GET /{room}?t=TOKEN` shows the room. `POST /{room}` with `t` joins and with `leave` leaves;
/// both go back to the page, which knows the visitor by `?p=PARTICIPANT`.
pub(super) fn answer(
    shared: &Arc<Shared>,
    request: &HttpRequest,
    call: &Call<'_>,
    room: &str,
) -> HttpResponse {
    let number = shared.open(request, call);
    let response = match request.method().as_str() {
        "GET" => show(shared, call, room),
        "POST" => act(shared, call, room),
        _ => HttpResponse::MethodNotAllowed().finish(),
    };
    shared.close(number, response)
}

fn show(shared: &Shared, call: &Call<'_>, name: &str) -> HttpResponse {
    let state = shared.state();
    let Ok(room) = state.live_room(name, call.now) else {
        return page(
            404,
            "No such room",
            &html! { p role="alert" { "This call does not exist or is over." } },
        );
    };
    let me = call.query.get("p").and_then(|id| id.parse::<Uuid>().ok());
    let inside = room.participants.iter().find(|present| Some(present.id) == me);
    let body = html! {
        p { "Room " b { (name) } }
        h2 id="who" { "Who is here" }
        @if room.participants.is_empty() {
            p { "Nobody yet." }
        } @else {
            ul aria-labelledby="who" {
                @for present in &room.participants { li { (label(present, me)) } }
            }
        }
        form method="post" action={ "/" (name) } {
            @if let Some(present) = inside {
                p role="status" { "You are in the call." }
                input type="hidden" name="leave" value=(present.id);
                button type="submit" { "Leave the call" }
            } @else {
                input type="hidden" name="t" value=(call.query.get("t").map_or("", String::as_str));
                button type="submit" { "Join the call" }
            }
        }
    };
    page(200, "Video call (stand-in)", &body)
}

fn label(present: &Participant, me: Option<Uuid>) -> String {
    let name = present.user_name.as_deref().unwrap_or(&present.user_id);
    let host = if present.is_owner { ", host" } else { "" };
    let you = if Some(present.id) == me { " (you)" } else { "" };
    format!("{name}{host}{you}")
}

fn act(shared: &Shared, call: &Call<'_>, name: &str) -> HttpResponse {
    let form = pairs(std::str::from_utf8(call.body).unwrap_or_default());
    let mut state = shared.state();
    if let Some(leaving) = form.get("leave").and_then(|id| id.parse().ok()) {
        state.depart(name, leaving, call.now);
        return page(200, "Call left", &html! { p role="status" { "You have left the call." } });
    }
    let token = form.get("t").map(String::as_str).filter(|token| !token.is_empty());
    match state.join(name, token, call.now) {
        Ok(participant) => HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/{name}?p={}", participant.id)))
            .finish(),
        Err(reason) => {
            let body = html! { p role="alert" { "You cannot join: " (reason.info()) "." } };
            page(403, "Not admitted", &body)
        }
    }
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;\
padding:0 1rem;color:#1b1b1b;background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:0;\
border-radius:.4rem;background:#0b5fff;color:#fff}button:focus-visible{outline:3px solid #1b1b1b;\
outline-offset:2px}";

fn page(status: u16, title: &str, body: &Markup) -> HttpResponse {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (body) } }
        }
    };
    answered(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
        ))
        .body(document.into_string())
}
