//! What every [`VideoProvider`] must do; each function panics with the rule that was broken.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{AppointmentId, ExposeSecret, PersonId, Random};
use restartix_tenancy::Tenant;

use crate::{Grant, RoomTerms, TokenTerms, VideoProvider, Window};

/// A room that is open from an hour before `now` until two hours after.
pub fn terms(now: DateTime<Utc>) -> RoomTerms {
    let window =
        Window { opens_at: now - TimeDelta::hours(1), closes_at: now + TimeDelta::hours(2) };
    RoomTerms { window, max_participants: 4, recorded: false, region: None }
}

/// Making a room twice makes one room, deleting it twice deletes it once, and two organisations'
/// appointments of the same number have two rooms.
pub async fn rooms_are_idempotent_and_apart(
    provider: &dyn VideoProvider,
    [one, two]: [&Tenant; 2],
    now: DateTime<Utc>,
) {
    let appointment = AppointmentId::new(102).unwrap();
    let terms = terms(now);
    let first = provider.create_room(one, appointment, &terms).await.unwrap();
    let again = provider.create_room(one, appointment, &terms).await.unwrap();
    assert_eq!(first, again, "a repeat makes the same room");
    assert_eq!(first.window, terms.window, "the room is open when it was asked to be");
    let other = provider.create_room(two, appointment, &terms).await.unwrap();
    assert_ne!(first.name, other.name, "two organisations share a room");

    let mut longer = terms.clone();
    longer.window.closes_at += TimeDelta::hours(1);
    let moved = provider.create_room(one, appointment, &longer).await.unwrap();
    assert_eq!(moved.name, first.name, "a room that moves keeps its name");
    assert_eq!(moved.window, longer.window, "a room that is there is brought to its terms");

    provider.delete_room(one, &first.name).await.unwrap();
    provider.delete_room(one, &first.name).await.unwrap();
    provider.delete_room(two, &other.name).await.unwrap();
}

/// A room is moved, and people are put out of it, by the name that was kept; what is gone is no error.
pub async fn a_room_is_kept_up_by_its_name(
    provider: &dyn VideoProvider,
    tenant: &Tenant,
    random: &dyn Random,
    now: DateTime<Utc>,
) {
    let appointment = AppointmentId::new(102).unwrap();
    let mut terms = terms(now);
    let room = provider.create_room(tenant, appointment, &terms).await.unwrap();
    terms.window.closes_at += TimeDelta::hours(1);
    let moved = provider.update_room(tenant, &room.name, &terms).await.unwrap().unwrap();
    assert_eq!((moved.name, moved.window), (room.name.clone(), terms.window));
    let nobody = [PersonId::fresh(random)];
    provider.eject(tenant, &room.name, &nobody).await.unwrap();
    provider.delete_room(tenant, &room.name).await.unwrap();
    assert_eq!(provider.update_room(tenant, &room.name, &terms).await.unwrap(), None);
    provider.eject(tenant, &room.name, &nobody).await.unwrap();
    provider.delete_unkept(tenant, appointment).await.unwrap();
}

/// A token ends with its room, differs from room to room, and names nobody.
pub async fn a_token_is_for_one_room_until_it_closes(
    provider: &dyn VideoProvider,
    [one, two]: [&Tenant; 2],
    random: &dyn Random,
    now: DateTime<Utc>,
) {
    let appointment = AppointmentId::new(102).unwrap();
    let first = provider.create_room(one, appointment, &terms(now)).await.unwrap();
    let other = provider.create_room(two, appointment, &terms(now)).await.unwrap();
    let who = TokenTerms { person: PersonId::fresh(random), grant: Grant::Participant };
    let key = provider.meeting_token(one, &first, &who).await.unwrap();
    let foreign = provider.meeting_token(two, &other, &who).await.unwrap();
    assert_eq!(key.expires_at, first.window.closes_at, "a token ends with its room");
    assert_ne!(key.token.expose_secret(), foreign.token.expose_secret());
    let entrance = provider.entrance(&first, &key);
    assert!(entrance.expose_secret().contains(key.token.expose_secret()), "the key is in the way");
    provider.delete_room(one, &first.name).await.unwrap();
    provider.delete_room(two, &other.name).await.unwrap();
}
