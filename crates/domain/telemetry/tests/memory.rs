//! The twin of the Telemetry service keeps the rules of its port.
#![cfg(feature = "conformance")]

use chrono::DateTime;
use restartix_kernel::{Clock, ManualClock, Random, SeededRandom};
use restartix_telemetry::conformance;
use restartix_telemetry::memory::MemoryTelemetryService;
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

async fn principal_of(organisation: i64, random: &SeededRandom) -> Principal {
    principal(organisation, Role::Patient, random).await
}

#[tokio::test]
async fn the_twin_keeps_the_rules_of_the_port() {
    let (clock, random) = (ManualClock::at(DateTime::UNIX_EPOCH), SeededRandom::new(1));
    let clinic = principal_of(7, &random).await;
    let tenant = clinic.tenant().unwrap();
    let twin = MemoryTelemetryService::default();
    let chance: (&dyn Clock, &dyn Random) = (&clock, &random);
    conformance::what_is_sent_again_arrives_once(&twin, &twin, tenant, chance).await;
    conformance::an_outage_and_a_lost_answer_lose_and_double_nothing(&twin, &twin, tenant, chance)
        .await;
    conformance::poison_is_named_and_the_rest_goes_on(&twin, &twin, tenant, chance).await;
    conformance::what_is_refused_without_a_name_is_found_by_halves(&twin, &twin, tenant, chance)
        .await;
    let other = principal_of(8, &random).await;
    let both = (tenant, other.tenant().unwrap());
    conformance::an_hour_is_counted_and_summed_up(&twin, both, chance).await;
    assert!(
        twin.lines()
            .iter()
            .all(|(org, _, line)| { org.get() == 7 && line.contains(r#""organization_id":7"#) })
    );
}
