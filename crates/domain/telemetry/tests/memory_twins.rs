//! The twins in memory pass the suites that every adapter passes.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use chrono::{DateTime, Utc};
use restartix_kernel::{ManualClock, PersonId, SeededRandom};
use restartix_telemetry::Programs;
use restartix_telemetry::conformance::{self, Callers, Case, InsightsScene};
use restartix_telemetry::memory::{MemoryInsights, MemoryRehab, MemoryRehabUnit};
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;

struct World {
    one: MemoryRehabUnit,
    two: MemoryRehabUnit,
    case: Case,
    clock: ManualClock,
    random: SeededRandom,
}

async fn world() -> World {
    let now: DateTime<Utc> = "2026-03-02T08:00:00Z".parse().unwrap();
    let (clock, random) = (ManualClock::at(now), SeededRandom::new(7));
    let rehab = MemoryRehab::default();
    let one = principal(1, Role::Admin, &random).await;
    let two = principal(2, Role::Admin, &random).await;
    let [specialist, patient, other_patient] = [(); 3].map(|()| PersonId::fresh(&random));
    let case = Case { specialist, patient, other_patient, now };
    let (one, two) = (rehab.unit(one.tenant().unwrap()), rehab.unit(two.tenant().unwrap()));
    one.open_care(specialist, patient);
    World { one, two, case, clock, random }
}

#[tokio::test]
async fn programmes_in_memory_keep_the_rules() {
    let World { mut one, mut two, case, clock, random } = world().await;
    let ids = conformance::programs(&mut one, &case, &clock, &random).await;
    conformance::programs_are_unseen(&mut two, &case, &ids).await;
}

#[tokio::test]
async fn rehabilitation_events_in_memory_keep_the_rules() {
    let World { mut one, mut two, case, clock, random } = world().await;
    let mine = case.program(case.patient, 1, &clock, &random);
    let others = case.program(case.other_patient, 1, &clock, &random);
    for program in [&mine, &others] {
        one.add(program).await.unwrap();
    }
    conformance::rehab_events(&mut one, [&mine, &others], &case, &clock, &random).await;
    conformance::rehab_events_are_unseen(&mut two, &case).await;
}

#[tokio::test]
async fn insights_in_memory_keep_the_rules() {
    let random = SeededRandom::new(7);
    let admin = principal(1, Role::Admin, &random).await;
    let specialist = principal(1, Role::Specialist, &random).await;
    let patient = principal(1, Role::Patient, &random).await;
    let elsewhere = principal(2, Role::Admin, &random).await;
    let admin = admin.tenant().unwrap();
    let (specialist, patient) = (specialist.tenant().unwrap(), patient.tenant().unwrap());
    let scene = InsightsScene {
        specialist: specialist.person().unwrap(),
        other_specialist: PersonId::fresh(&random),
        patients: [(); 4].map(|()| PersonId::fresh(&random)),
    };
    let scene = InsightsScene {
        patients: {
            let [_, second, third, fourth] = scene.patients;
            [patient.person().unwrap(), second, third, fourth]
        },
        ..scene
    };
    let engine = MemoryInsights::new(InsightsScene::now());
    for (patient, record) in scene.records() {
        engine.keep(admin, patient, record);
    }
    for (specialist, patient) in scene.care() {
        engine.open_care(admin, specialist, patient);
    }
    let elsewhere = elsewhere.tenant().unwrap();
    conformance::insights(&engine, &scene, Callers { admin, specialist, patient, elsewhere }).await;
}
