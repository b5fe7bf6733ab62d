use restartix_testkit::sql;

use crate::support::World;

/// Loads the fixtures, changes both sources as a day at the clinics would, and brings it over.
#[tokio::test]
async fn what_has_changed_since_is_brought_over() {
    let world = World::sound().await;
    world.load().await.unwrap();
    sql(
        &world.strapi,
        // Two bookings change places; one is new, one is cancelled, one is gone; somebody has another name.
        "INSERT INTO appointments VALUES
           (1001, '2026-05-04 08:00', '2026-05-04 08:30', 'confirmed', NULL, true, NULL, NULL, now(), now(), now()),
           (1002, '2026-05-04 09:00', '2026-05-04 09:30', 'confirmed', NULL, true, NULL, NULL, now(), now(), now()),
           (1003, '2026-05-04 10:00', '2026-05-04 10:30', 'confirmed', NULL, true, NULL, NULL, now(), now(), now());
         INSERT INTO appointments_patient_links (appointment_id, patient_id) VALUES (1001, 1), (1002, 3), (1003, 3);
         INSERT INTO appointments_specialist_links (appointment_id, specialist_id) VALUES (1001, 1), (1002, 1), (1003, 1);
         INSERT INTO appointments_appointment_type_links (appointment_id, appointment_type_id) VALUES (1001, 1), (1002, 1), (1003, 1);
         INSERT INTO appointments_organization_links (appointment_id, organization_id) VALUES (1001, 1), (1002, 1), (1003, 1)",
    )
    .await
    .unwrap();
    world.migration().delta(false).await.unwrap();
    sql(
        &world.strapi,
        "UPDATE appointments SET start_time = '2026-05-04 09:00', end_time = '2026-05-04 09:30', updated_at = now() WHERE id = 1001;
         UPDATE appointments SET start_time = '2026-05-04 08:00', end_time = '2026-05-04 08:30', updated_at = now() WHERE id = 1002;
         DELETE FROM appointments WHERE id = 1003;
         UPDATE appointments SET status = 'cancelled', updated_at = now() WHERE id = 9;
         UPDATE patients SET full_name = 'Ana Popescu' WHERE id = 1;
         UPDATE up_users SET blocked = true WHERE id = 7",
    )
    .await
    .unwrap();
    sql(
        &world.intakes,
        "UPDATE weekly_rules SET starts = '10:00' WHERE id = 1; DELETE FROM weekly_rules WHERE id = 4;
         INSERT INTO bookings VALUES ('00000000-0000-4000-8000-0000000000b1', 1, 3, 1, '2026-05-05 10:00', '2026-05-05 10:30',
           'Europe/Bucharest', 'booked', now(), now())",
    )
    .await
    .unwrap();
    world.migration().delta(false).await.unwrap();
    let found = world
        .column(
            "SELECT format('%s %s %s', to_char(a.starts_at, 'MM-DD HH24:MI'), a.status, p.display_name) FROM appointments a
             JOIN people p ON p.org_id = a.org_id AND p.id = a.patient_id
             WHERE a.starts_at > '2026-05-01' AND a.starts_at < '2026-06-01' OR a.online = false ORDER BY 1",
        )
        .await;
    assert_eq!(
        found,
        [
            "01-16 08:00 cancelled Ana Pop",
            "02-04 10:00 no_show Ana Pop",
            "05-04 08:00 confirmed È™tefan RÄƒdulescu",
            "05-04 09:00 confirmed Ana Popescu",
            "05-04 10:00 cancelled È™tefan RÄƒdulescu",
            "05-05 07:00 confirmed È™tefan RÄƒdulescu",
        ]
    );
    let hours =
        "SELECT format('%s %s', weekday, start_minute) FROM specialist_weekly_hours ORDER BY 1";
    assert_eq!(world.column(hours).await, ["1 600", "2 540", "2 840"]);
    let out = "SELECT (ended_at IS NOT NULL)::text FROM memberships WHERE subject = 'strapi|7'";
    assert_eq!(world.column(out).await, ["true"]);
    let report = world.migration().verify().await.unwrap();
    assert_eq!(report.obstacles, Vec::<String>::new());
    assert!(report.compared.iter().all(|one| one.same));
    assert!(report.isolation.len() > 30 && report.isolation.iter().all(|one| one.holds));
    let sampled = report.sampled.unwrap();
    assert!(
        sampled.from_sources > 20 && sampled.from_platform > 5 && sampled.faults.is_empty(),
        "{sampled:?}"
    );
}

/// What is quarantined can be mended where it stands, and comes over with the next reading.
#[tokio::test]
async fn what_is_mended_in_the_source_leaves_the_quarantine() {
    let world = World::new().await;
    world.load().await.unwrap();
    sql(&world.strapi, "UPDATE patients SET timezone = 'Europe/Athens' WHERE id = 9;
        UPDATE appointments SET start_time = '2026-01-19 09:00', end_time = '2026-01-19 09:30', updated_at = now() WHERE id = 12").await.unwrap();
    world.migration().delta(false).await.unwrap();
    let loaded = "SELECT entity || ' ' || legacy_id FROM legacy.ids WHERE entity IN ('patients', 'appointments') AND legacy_id IN ('9', '11', '12', '16') ORDER BY 1";
    assert_eq!(
        world.column(loaded).await,
        ["appointments 11", "appointments 12", "appointments 16", "appointments 9", "patients 9"]
    );
}

#[tokio::test]
async fn what_differs_is_found_whichever_side_it_is_on() {
    let world = World::sound().await;
    world.load().await.unwrap();
    assert!(world.migration().verify().await.unwrap().safe);
    sql(
        &world.platform,
        "UPDATE people SET display_name = 'Somebody Else' WHERE display_name = 'Ana Pop' AND org_id = 1;
         DELETE FROM specialist_weekly_hours WHERE weekday = 1;
         INSERT INTO specialist_weekly_hours SELECT org_id, id, 7, 0, 60 FROM specialists WHERE org_id = 2",
    )
    .await
    .unwrap();
    let report = world.migration().verify().await.unwrap();
    assert!(!report.safe);
    let mut told: Vec<_> = report
        .differences
        .iter()
        .map(|one| format!("{} {} {}", one.organisation, one.table, one.side))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "1 people missing",
            "1 people unexpected",
            "1 specialist_weekly_hours missing",
            "2 specialist_weekly_hours unexpected",
        ]
    );
    assert!(
        report.sampled.unwrap().faults.iter().any(|fault| fault.starts_with("patients 1: name"))
    );
    // The next reading puts it right.
    world.migration().delta(false).await.unwrap();
    assert!(world.migration().verify().await.unwrap().safe);
}
