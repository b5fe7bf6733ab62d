//! The twin of the Telemetry service keeps the rules of its port.
#![cfg(feature = "conformance")]

use chrono::DateTime;
use restartix_kernel::{Clock, ManualClock, Random, SeededRandom};
use restartix_telemetry::conformance;
use restartix_telemetry::memory::MemoryTelemetryService;
use restartix_tenancy::Role;
use restartix_tenancy::conformance::principal;

#[tokio::test]
async fn the_twin_keeps_the_rules_of_the_port() {
    let (clock, random) = (ManualClock::at(DateTime::UNIX_EPOCH), SeededRandom::new(1));
    let principal = principal(7, Role::Patient, &random).await;
    let tenant = principal.tenant().unwrap();
    let twin = MemoryTelemetryService::default();
    let chance: (&dyn Clock, &dyn Random) = (&clock, &random);
    conformance::what_is_sent_again_arrives_once(&twin, &twin, tenant, chance).await;
    conformance::an_outage_and_a_lost_answer_lose_and_double_nothing(&twin, &twin, tenant, chance)
        .await;
    conformance::poison_is_named_and_the_rest_goes_on(&twin, &twin, tenant, chance).await;
    assert!(
        twin.lines()
            .iter()
            .all(|(org, _, line)| { org.get() == 7 && line.contains(r#""organization_id":7"#) })
    );
}
