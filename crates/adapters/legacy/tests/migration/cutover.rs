use restartix_legacy::MigrationError;
use restartix_testkit::sql;

use crate::support::World;

const WRITE: &str = "UPDATE patients SET phone = '1' WHERE id = 1";

#[tokio::test]
async fn a_cutover_freezes_flips_and_can_be_taken_back() {
    let world = World::sound().await;
    world.load().await.unwrap();
    let writer = world.strapi.client().await.unwrap();
    writer.batch_execute(WRITE).await.unwrap();

    let report = world.migration().cutover().await.unwrap();
    assert!(report.safe && report.frozen_seconds.unwrap() > 0.0, "{:?}", report.obstacles);
    assert_eq!(world.column("SELECT DISTINCT status FROM organizations").await, ["active"]);
    let refused = writer.batch_execute(WRITE).await.unwrap_err();
    assert_eq!(
        refused.code().unwrap().code(),
        "25006",
        "a session from before the freeze is refused too"
    );
    let refused =
        world.intakes.client().await.unwrap().batch_execute("TRUNCATE holds").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006");
    for late in [world.migration().delta(false).await, world.migration().verify().await] {
        assert!(matches!(late, Err(MigrationError::Order(_))), "{late:?}");
    }
    let again = world.migration().cutover().await.unwrap();
    assert_eq!(again.frozen_seconds.map(|s| s > 0.0), Some(true), "it may be repeated");

    // Somebody works in the platform.
    sql(
        &world.platform,
        "INSERT INTO audit_events (org_id, id, occurred_at, actor_kind, operation, resource_kind, outcome)
           VALUES (1, gen_random_uuid(), now(), 'system', 'people.create', 'person', 'success');
         INSERT INTO specialist_weekly_hours SELECT org_id, id, 7, 0, 60 FROM specialists WHERE org_id = 2;
         UPDATE people SET display_name = 'New Name' WHERE org_id = 1 AND display_name = 'Mihai Rusu'",
    )
    .await
    .unwrap();
    let report = world.migration().rollback().await.unwrap();
    let acts: Vec<_> = report
        .since_flip
        .iter()
        .map(|act| (act.organisation, act.operation.as_str(), act.count))
        .collect();
    assert_eq!(acts, [(1, "people.create", 1)]);
    let told: Vec<_> =
        report.differences.iter().map(|one| (one.organisation, one.table, one.side)).collect();
    assert_eq!(
        told,
        [
            (1, "people", "missing"),
            (1, "people", "unexpected"),
            (2, "specialist_weekly_hours", "unexpected")
        ]
    );
    assert_eq!(world.column("SELECT DISTINCT status FROM organizations").await, ["suspended"]);
    writer.batch_execute(WRITE).await.unwrap();
    let left = "SELECT count(*) FROM pg_trigger WHERE tgname = 'restartix_frozen'";
    assert_eq!(writer.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let lines = "SELECT operation FROM audit_events WHERE org_id = 1 AND operation LIKE 'operator.%' ORDER BY recorded_at";
    assert_eq!(
        world.column(lines).await,
        [
            "operator.load_legacy_organization",
            "operator.flip_legacy_organization",
            "operator.roll_back_legacy_organization"
        ]
    );
}

#[tokio::test]
async fn a_cutover_that_is_not_safe_reopens_the_sources() {
    let world = World::new().await;
    assert!(
        matches!(world.migration().cutover().await, Err(MigrationError::Order(_))),
        "nothing is loaded"
    );
    world.load().await.unwrap();
    let report = world.migration().cutover().await.unwrap();
    assert!(!report.safe && report.frozen_seconds.is_none());
    assert_eq!(world.column("SELECT DISTINCT status FROM organizations").await, ["suspended"]);
    world.strapi.client().await.unwrap().batch_execute(WRITE).await.unwrap();
}

#[tokio::test]
async fn a_rollback_after_the_window_is_refused() {
    let world = World::sound().await;
    world.load().await.unwrap();
    assert!(world.migration().cutover().await.unwrap().safe);
    sql(&world.platform, "UPDATE legacy.run SET flipped_at = now() - interval '73 hours'")
        .await
        .unwrap();
    let refused = world.migration().rollback().await.unwrap_err();
    assert!(refused.to_string().contains("72 hours"), "{refused}");
    let refused = world.strapi.client().await.unwrap().batch_execute(WRITE).await;
    assert!(refused.is_err(), "the sources stay frozen");
}

#[tokio::test]
async fn what_was_staged_of_people_can_be_forgotten() {
    let world = World::new().await;
    world.load().await.unwrap();
    world.migration().forget().await.unwrap();
    let left = "SELECT display_name FROM legacy.people UNION ALL SELECT name FROM legacy.staged_patients UNION ALL SELECT email FROM legacy.staged_users";
    assert_eq!(world.column(left).await, Vec::<String>::new());
    assert_eq!(
        world.column("SELECT count(*)::text FROM legacy.ids WHERE entity = 'patients'").await,
        ["4"]
    );
    // Whoever goes on reads it again.
    world.migration().delta(false).await.unwrap();
}
