//! The provider in memory passes the suite that every provider passes.
#![cfg(feature = "conformance")]

use chrono::DateTime;
use restartix_kernel::{AppointmentId, SeededRandom};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;
use restartix_video::memory::MemoryProvider;
use restartix_video::{Room, VideoProvider, conformance};

#[tokio::test]
async fn the_provider_in_memory_keeps_the_rules() {
    let random = SeededRandom::new(1);
    let (one, two) =
        (principal(1, Role::Admin, &random).await, principal(2, Role::Admin, &random).await);
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    let provider = MemoryProvider::default();
    let now = DateTime::UNIX_EPOCH;
    conformance::rooms_are_idempotent_and_apart(&provider, tenants, now).await;
    conformance::a_token_is_for_one_room_until_it_closes(&provider, tenants, &random, now).await;
    conformance::a_room_is_kept_up_by_its_name(&provider, tenants[0], &random, now).await;
    let enter = async |room: &Room, person| provider.enter(&room.name, person, now);
    conformance::a_recording_is_made_fetched_and_deleted(&provider, tenants, &random, now, enter)
        .await;
    conformance::the_account_shows_what_stands_and_who_is_there(
        &provider, tenants, &random, now, enter,
    )
    .await;
    assert_eq!(provider.names(), Vec::<String>::new());
}

#[tokio::test]
async fn create_room_as_organisation_1_for_appointment_102_names_restartix_1_102() {
    let tenant = principal(1, Role::Admin, &SeededRandom::new(1)).await;
    let provider = MemoryProvider::default();
    let terms = conformance::terms(DateTime::UNIX_EPOCH);
    let room = provider
        .create_room(tenant.tenant().unwrap(), AppointmentId::new(102).unwrap(), &terms)
        .await
        .unwrap();
    assert_eq!(room.name.as_str(), "restartix-1-102");
}
