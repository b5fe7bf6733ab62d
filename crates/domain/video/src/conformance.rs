//! What every [`VideoProvider`], [`RecordingProvider`] and [`VideoAccount`] must do; each function panics with the rule that was broken.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use restartix_kernel::{AppointmentId, ExposeSecret, PersonId, Random};
use restartix_tenancy::Tenant;

use crate::{
    FootageId, Grant, ProviderError, RecordingProvider, Reel, Room, RoomTerms, TokenTerms,
    VideoAccount, VideoProvider, Window,
};

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

/// What is recorded in a room is one recording until it ends, is there byte for byte until it is deleted,
/// and is in no other organisation's room. Where nobody is, nothing is recorded.
///
/// `enter` lets somebody into a room, as a person with a browser would.
pub async fn a_recording_is_made_fetched_and_deleted(
    provider: &(impl VideoProvider + RecordingProvider),
    [one, two]: [&Tenant; 2],
    random: &dyn Random,
    now: DateTime<Utc>,
    enter: impl AsyncFn(&Room, PersonId),
) {
    let appointment = AppointmentId::new(102).unwrap();
    let terms = RoomTerms { recorded: true, ..terms(now) };
    let room = provider.create_room(one, appointment, &terms).await.unwrap();
    assert!(room.recorded, "a room that may be recorded says so");
    let other = provider.create_room(two, appointment, &terms).await.unwrap();
    let nobody = provider.start_recording(one, &room.name).await;
    assert!(matches!(nobody, Err(ProviderError::Refused(_))), "an empty room: {nobody:?}");
    provider.stop_recording(one, &room.name).await.unwrap();
    assert_eq!(provider.footage(one, &room.name).await.unwrap(), []);

    enter(&room, PersonId::fresh(random)).await;
    for _ in 0..2 {
        provider.start_recording(one, &room.name).await.unwrap();
    }
    let running = provider.footage(one, &room.name).await.unwrap();
    assert!(matches!(&running[..], [one] if !one.finished), "one, and it goes on: {running:?}");
    for _ in 0..2 {
        provider.stop_recording(one, &room.name).await.unwrap();
    }
    let made = provider.footage(one, &room.name).await.unwrap();
    assert!(matches!(&made[..], [one] if one.finished), "one, and it is over: {made:?}");
    assert_eq!(provider.footage(two, &other.name).await.unwrap(), [], "in the other's room");

    let footage = &made.first().unwrap().id;
    let reel = provider.fetch(one, footage).await.unwrap().unwrap();
    let size = reel.size;
    let read = length(reel).await;
    assert!(read > 0 && size.is_none_or(|size| size == read), "{read} bytes of {size:?}");
    for _ in 0..2 {
        provider.delete_footage(one, footage).await.unwrap();
    }
    assert!(provider.fetch(one, footage).await.unwrap().is_none(), "what is deleted is gone");
    let unknown = FootageId::new("not-there").unwrap();
    assert!(provider.fetch(one, &unknown).await.unwrap().is_none());
    assert_eq!(provider.footage(one, &room.name).await.unwrap(), []);
    provider.delete_room(one, &room.name).await.unwrap();
    provider.delete_room(two, &other.name).await.unwrap();
}

async fn length(reel: Reel) -> u64 {
    let mut parts = reel.parts;
    let mut all = 0;
    while let Some(part) = parts.next().await {
        all += u64::try_from(part.unwrap().len()).unwrap();
    }
    all
}

/// The account shows every room that stands, as it was asked for, and who is in it; what is abandoned is
/// gone, also when it was before.
///
/// `enter` lets somebody into a room, as a person with a browser would.
pub async fn the_account_shows_what_stands_and_who_is_there(
    provider: &(impl VideoProvider + VideoAccount),
    [one, two]: [&Tenant; 2],
    random: &dyn Random,
    now: DateTime<Utc>,
    enter: impl AsyncFn(&Room, PersonId),
) {
    let appointment = AppointmentId::new(102).unwrap();
    let rooms = [
        provider.create_room(one, appointment, &terms(now)).await.unwrap(),
        provider.create_room(two, appointment, &terms(now)).await.unwrap(),
    ];
    let [room, other] = &rooms;
    let standing = provider.standing().await.unwrap();
    assert_eq!(standing.len(), rooms.len(), "{standing:?}");
    for room in &rooms {
        let shown = standing.iter().find(|one| one.name == room.name).unwrap();
        assert!(shown.private, "nobody enters without a key");
        assert_eq!(shown.window, Some(room.window));
    }
    assert_eq!(provider.present().await.unwrap(), []);
    let person = PersonId::fresh(random);
    enter(room, person).await;
    let present = provider.present().await.unwrap();
    let found: Vec<_> =
        present.iter().map(|(name, stay)| (name, stay.person, stay.left_at)).collect();
    assert_eq!(found, [(&room.name, person, None)], "whoever is there, and where");
    for _ in 0..2 {
        provider.abandon(&other.name).await.unwrap();
    }
    let left: Vec<_> = provider.standing().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(left, std::slice::from_ref(&room.name));
    provider.delete_room(one, &room.name).await.unwrap();
    assert_eq!(provider.present().await.unwrap(), [], "a room that is gone holds nobody");
}
