//! The table of Daily's endpoints under `/v1`, and who may call them.

use restartix_kernel::{ExposeSecret, Secret};
use subtle::ConstantTimeEq;

use super::answer::{Answer, Call, Refusal};
use super::state::State;
use super::{presence, recordings, rooms, tokens, webhooks};

/// Refuses a request whose `Authorization` header is not `Bearer` and the key.
pub(super) fn authorise(key: &Secret, header: Option<&str>) -> Result<(), Refusal> {
    let Some(given) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
        return Err(Refusal::new(
            400,
            "authorization-header-error",
            "an Authorization header 'Bearer KEY' is needed",
        ));
    };
    if bool::from(key.expose_secret().as_bytes().ct_eq(given.trim().as_bytes())) {
        Ok(())
    } else {
        Err(Refusal::new(401, "authentication-error", "the API key is not known"))
    }
}

/// Every endpoint but `POST /webhooks`, which has to call out before it answers.
/// `segments` are those of the path after `/v1`.
pub(super) fn answer(
    state: &mut State,
    call: &Call<'_>,
    method: &str,
    segments: &[&str],
) -> Answer {
    match (method, segments) {
        ("GET", []) => Ok(state.domain()),
        ("POST", ["rooms"]) => rooms::create(state, call),
        ("GET", ["rooms"]) => rooms::list(state, call),
        ("GET", ["rooms", name]) => rooms::get(state, call, name),
        ("POST", ["rooms", name]) => rooms::update(state, call, name),
        ("DELETE", ["rooms", name]) => rooms::delete(state, call, name),
        ("GET", ["rooms", name, "presence"]) => presence::of_room(state, call, name),
        ("GET", ["presence"]) => Ok(presence::of_domain(state, call)),
        ("POST", ["rooms", name, "eject"]) => presence::eject(state, call, name),
        ("POST", ["rooms", name, "recordings", "start"]) => recordings::start(state, call, name),
        ("POST", ["rooms", name, "recordings", "stop"]) => recordings::stop(state, call, name),
        ("POST", ["meeting-tokens"]) => tokens::create(state, call),
        ("GET", ["meeting-tokens", token]) => tokens::validate(state, call, token),
        ("GET", ["recordings"]) => recordings::list(state, call),
        ("GET", ["recordings", id]) => recordings::get(state, id),
        ("DELETE", ["recordings", id]) => recordings::delete(state, id),
        ("GET", ["recordings", id, "access-link"]) => recordings::access_link(state, call, id),
        ("GET", ["webhooks"]) => Ok(webhooks::list(state)),
        ("GET", ["webhooks", id]) => webhooks::get(state, id),
        ("DELETE", ["webhooks", id]) => webhooks::delete(state, id),
        _ => Err(Refusal::not_found("no such endpoint")),
    }
}
