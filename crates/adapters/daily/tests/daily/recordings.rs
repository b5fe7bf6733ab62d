//! Recordings at the stand-in, over real sockets.

use crate::support::{Bench, appointment};
use futures_util::StreamExt as _;
use restartix_video::{
    FootageId, Grant, ProviderError, RecordingProvider, Reel, Room, RoomTerms, TokenTerms,
    VideoProvider, conformance,
};
use serde_json::{Value, json};

async fn bytes(reel: Reel) -> Result<Vec<u8>, std::io::Error> {
    let mut parts = reel.parts;
    let mut all = Vec::new();
    while let Some(part) = parts.next().await {
        all.extend_from_slice(&part?);
    }
    Ok(all)
}

#[tokio::test]
async fn recordings_keep_the_rules_of_the_port() {
    let bench = Bench::new().await;
    bench.sandbox.switch(|switches| switches.rate_limits = false);
    let daily = bench.daily(|_| {});
    let tenants = [bench.one.tenant().unwrap(), bench.two.tenant().unwrap()];
    let (random, now) = (&*bench.random, bench.second());
    let enter = async |room: &Room, person| bench.enter(&daily, room, person).await;
    conformance::a_recording_is_made_fetched_and_deleted(&daily, tenants, random, now, enter).await;
}

#[tokio::test]
async fn a_room_is_recorded_its_footage_fetched_byte_for_byte_and_deleted() {
    let bench = Bench::new().await;
    // Waits take no time here, and the stand-in counts on the system's clock.
    bench.sandbox.switch(|switches| switches.rate_limits = false);
    let daily = bench.daily(|_| {});
    let one = bench.one.tenant().unwrap();
    let terms = RoomTerms { recorded: true, ..conformance::terms(bench.now()) };
    let room = daily.create_room(one, appointment(), &terms).await.unwrap();
    let (_, shown) = bench.api("GET", "/rooms/restartix-1-102", &Value::Null).await;
    assert_eq!(shown["config"]["enable_recording"], "cloud");
    let nobody = daily.start_recording(one, &room.name).await;
    assert!(matches!(nobody, Err(ProviderError::Refused(_))), "{nobody:?}");

    let who = TokenTerms { person: bench.person(), grant: Grant::Owner };
    let key = daily.meeting_token(one, &room, &who).await.unwrap();
    let token = restartix_kernel::ExposeSecret::expose_secret(&key.token);
    bench.join("restartix-1-102", Some(token)).await;
    for _ in 0..2 {
        daily.start_recording(one, &room.name).await.unwrap();
    }
    let running = daily.footage(one, &room.name).await.unwrap();
    assert_eq!(running.len(), 1);
    assert!(!running[0].finished);
    for _ in 0..2 {
        daily.stop_recording(one, &room.name).await.unwrap();
    }
    let made = daily.footage(one, &room.name).await.unwrap();
    assert!(made[0].finished);
    let reel = daily.fetch(one, &made[0].id).await.unwrap().unwrap();
    let size = reel.size;
    let all = bytes(reel).await.unwrap();
    assert_eq!(size, u64::try_from(all.len()).ok());
    assert_eq!(&all[4..8], b"ftyp");

    bench.sandbox.switch(|switches| switches.cut_downloads = 1);
    let cut = daily.fetch(one, &made[0].id).await.unwrap().unwrap();
    bytes(cut).await.unwrap_err();
    for _ in 0..2 {
        daily.delete_footage(one, &made[0].id).await.unwrap();
    }
    assert!(daily.fetch(one, &made[0].id).await.unwrap().is_none());
    assert_eq!(daily.footage(one, &room.name).await.unwrap(), []);
}

#[tokio::test]
async fn lists_and_starts_keep_to_their_own_limits_and_the_rest_does_not_wait_for_them() {
    let bench = Bench::new().await;
    let daily = bench.patient_daily(|_| {});
    let one = bench.one.tenant().unwrap();
    let room = bench.create(&daily).await.unwrap();
    let lists = futures_util::future::join_all((0..6).map(|_| daily.footage(one, &room.name)));
    let gone = FootageId::new("not-there").unwrap();
    let rest = async {
        for _ in 0..10 {
            assert!(daily.fetch(one, &gone).await.unwrap().is_none());
        }
    };
    let (lists, ()) = tokio::join!(lists, rest);
    assert!(lists.iter().all(Result::is_ok), "{lists:?}");
    let refused = bench.sandbox.journal().iter().filter(|one| one.status == Some(429)).count();
    assert_eq!(refused, 0, "nobody was too fast");
}

#[tokio::test]
async fn what_leads_elsewhere_in_the_open_is_not_followed() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    bench.create(&daily).await.unwrap();
    let body = json!({ "room": "restartix-1-102", "length": 100 });
    let (_, made) = bench.control("/_sandbox/recordings", &body).await;
    let id = FootageId::new(made["id"].as_str().unwrap()).unwrap();
    let one = bench.one.tenant().unwrap();
    // Over plain HTTP the stand-in alone is followed; and without our key.
    bytes(daily.fetch(one, &id).await.unwrap().unwrap()).await.unwrap();
    let followed = bench.sandbox.journal().into_iter().rfind(|one| one.path.contains("download"));
    assert!(followed.is_some());
}
