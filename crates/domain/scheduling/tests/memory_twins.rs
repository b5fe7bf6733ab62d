//! The twins in memory pass the suites that every adapter passes.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use restartix_kernel::{AppointmentTypeId, ManualClock, PersonId, Random, SeededRandom};
use restartix_scheduling::conformance::{self, Case, holds::Scene};
use restartix_scheduling::engine::{Minutes, PositiveMinutes, Rules};
use restartix_scheduling::memory::{MemoryClinic, MemoryHolds};
use restartix_scheduling::{
    AppointmentType, Capacity, HoldError, Holds, Reminders, Specialist, TypeName,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Personal, Principal, Role, Version};

struct World {
    clock: Arc<ManualClock>,
    random: SeededRandom,
    clinic: MemoryClinic,
    one: Principal,
    two: Principal,
    case: Case,
}

fn kind(clock: &ManualClock, random: &dyn Random) -> AppointmentType {
    let rules = Rules {
        buffer_before: Minutes::new(5).unwrap(),
        buffer_after: Minutes::new(10).unwrap(),
        ..Rules::new(PositiveMinutes::new(30).unwrap())
    };
    AppointmentType {
        id: AppointmentTypeId::fresh(clock, random),
        name: TypeName::new("Consultation").unwrap(),
        rules,
        capacity: Capacity::ONE,
        reminders: Reminders::default(),
        online: true,
        recording: false,
        version: Version::FIRST,
    }
}

async fn world() -> World {
    let now: DateTime<Utc> = "2026-03-02T08:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let random = SeededRandom::new(7);
    let one = principal(1, Role::Admin, &random).await;
    let two = principal(2, Role::Admin, &random).await;
    let [specialist, patient, other_patient, stranger] = [(); 4].map(|()| PersonId::fresh(&random));
    let kind = kind(&clock, &random);
    let clinic = MemoryClinic::new(clock.clone());
    let mut unit = clinic.unit(one.tenant().unwrap());
    unit.types().add(&kind).await.unwrap();
    for id in [specialist, PersonId::fresh(&random)] {
        let display_name = Personal::new("Dr. Ana Pop").unwrap();
        let (timezone, version) = (Tz::UTC, Version::FIRST);
        unit.add_specialist(Specialist { id, display_name, timezone, hours: vec![], version });
    }
    unit.add_patient(patient);
    unit.add_patient(other_patient);
    let case = Case { kind, specialist, patient, other_patient, stranger, now };
    World { clock, random, clinic, one, two, case }
}

#[tokio::test]
async fn the_holds_in_memory_keep_the_rules() {
    let World { clock, random, one, two, .. } = world().await;
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    let scene = Scene { tenants, clock: &*clock, random: &random };
    conformance::holds::all(&MemoryHolds::default(), scene).await;
}

#[tokio::test]
async fn holds_that_are_down_answer_unavailable_and_come_back() {
    let World { clock, random, one, two, case, .. } = world().await;
    let tenants = [one.tenant().unwrap(), two.tenant().unwrap()];
    let scene = Scene { tenants, clock: &*clock, random: &random };
    let holds = MemoryHolds::default();
    let footprint = scene.slot().footprint();
    holds.set_down(true);
    let live = holds.live(tenants[0], &[], footprint, case.now).await;
    assert!(matches!(live, Err(HoldError::Unavailable(_))));
    holds.set_down(false);
    assert_eq!(holds.live(tenants[0], &[], footprint, case.now).await.unwrap(), []);
}

#[tokio::test]
async fn the_appointment_types_in_memory_keep_the_rules() {
    let World { clock, random, clinic, one, two, case } = world().await;
    let mut unit = clinic.unit(one.tenant().unwrap());
    conformance::appointment_types(&mut unit, &case, &*clock, &random).await;
    let mut foreign = clinic.unit(two.tenant().unwrap());
    conformance::appointment_types_are_unseen(&mut foreign, &case).await;
}

#[tokio::test]
async fn the_calendars_in_memory_keep_the_rules() {
    let World { random, clinic, one, two, case, .. } = world().await;
    let mut unit = clinic.unit(one.tenant().unwrap());
    conformance::calendars(&mut unit, &case).await;
    let booking = case.booking(&random, 2);
    unit.appointments().add(&booking).await.unwrap();
    conformance::the_diary_shows(&mut unit, &booking).await;
    let mut foreign = clinic.unit(two.tenant().unwrap());
    conformance::calendars_are_unseen(&mut foreign, &case).await;
}

#[tokio::test]
async fn what_breaks_the_hours_in_memory_keeps_the_rules() {
    let World { clock, random, clinic, one, two, case } = world().await;
    let mut unit = clinic.unit(one.tenant().unwrap());
    conformance::exceptions(&mut unit, &case, &*clock, &random).await;
    let mut foreign = clinic.unit(two.tenant().unwrap());
    conformance::exceptions_are_unseen(&mut foreign, &case).await;
}

#[tokio::test]
async fn the_appointments_in_memory_keep_the_rules() {
    let World { random, clinic, one, two, case, .. } = world().await;
    let mut unit = clinic.unit(one.tenant().unwrap());
    conformance::appointments(&mut unit, &case, &random).await;
    conformance::seats(&mut unit, &case, &random).await;
    conformance::an_overlap_is_refused(&mut unit, &case, &random).await;
    conformance::a_move_into_an_overlap_is_refused(&mut unit, &case, &random).await;
    let seen = case.booking(&random, 50);
    unit.appointments().add(&seen).await.unwrap();
    let mut foreign = clinic.unit(two.tenant().unwrap());
    conformance::appointments_are_unseen(&mut foreign, &[seen.appointment.id]).await;
}

#[tokio::test]
async fn whoever_treats_a_patient_sees_the_appointments_with_others_too() {
    use restartix_tenancy::Reach;
    let World { random, clinic, one, case, .. } = world().await;
    let mut unit = clinic.unit(one.tenant().unwrap());
    let booked = case.booking_at(&random, case.now + TimeDelta::days(1));
    unit.appointments().add(&booked).await.unwrap();
    let colleague = Reach::TreatedBy(case.stranger);
    assert_eq!(unit.appointments().find(colleague, booked.appointment.id).await.unwrap(), None);
    unit.open_care(case.stranger, case.patient);
    let seen = unit.appointments().find(colleague, booked.appointment.id).await.unwrap();
    assert_eq!(seen, Some(booked.appointment));
}
