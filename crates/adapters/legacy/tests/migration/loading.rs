use restartix_testkit::sql;

use crate::support::{MAPPING, World, steady};

#[tokio::test]
async fn what_is_proven_is_loaded_and_nothing_else() {
    let world = World::new().await;
    let report = world.load().await.unwrap();
    insta::assert_json_snapshot!("load", steady(&report));
    let loaded = world
        .column(
            "SELECT format('%s %s %s..%s %s with %s online=%s', a.org_id, a.status, to_char(a.starts_at, 'YYYY-MM-DD HH24:MI'),
               to_char(a.ends_at, 'HH24:MI'), p.display_name, s.display_name, a.online)
             FROM appointments a JOIN people p ON p.org_id = a.org_id AND p.id = a.patient_id
             JOIN people s ON s.org_id = a.org_id AND s.id = a.specialist_id ORDER BY a.org_id, a.starts_at",
        )
        .await;
    insta::assert_debug_snapshot!("appointments", loaded);
    let calendars = world
        .column(
            "SELECT format('%s %s %s-%s', s.timezone, weekday, start_minute, end_minute)
             FROM specialist_weekly_hours h JOIN specialists s ON s.org_id = h.org_id AND s.id = h.specialist_id
             UNION ALL SELECT format('%s %s-%s', date, start_minute, end_minute) FROM specialist_date_overrides ORDER BY 1",
        )
        .await;
    insta::assert_debug_snapshot!("calendars", calendars);
    // Whatever is quarantined has no row here, and no id.
    let strays = world
        .column(
            "SELECT q.entity || ' ' || q.legacy_id FROM legacy.quarantine q JOIN legacy.ids i USING (source, entity, legacy_id)
             WHERE q.verdict = 'quarantined'",
        )
        .await;
    assert_eq!(strays, Vec::<String>::new());
    let people = world.column("SELECT count(*)::text FROM people").await;
    let known = "SELECT count(*)::text FROM legacy.ids WHERE entity IN ('patients', 'specialists')
        UNION ALL SELECT count(*)::text FROM legacy.people WHERE fault IS NULL AND source_entity = 'staff'";
    let known: u32 = world.column(known).await.iter().map(|n| n.parse::<u32>().unwrap()).sum();
    assert_eq!(people, [known.to_string()]);
    let names = world.column("SELECT DISTINCT display_name FROM people ORDER BY 1").await;
    for unproven in [
        "Of No Clinic",
        "Of Two Clinics",
        "Elsewhere's User",
        "Of a Lost Clinic",
        "Nobody's Specialist",
    ] {
        assert!(!names.contains(&unproven.to_owned()), "{unproven} was loaded");
    }
    // Nobody can act before the flip.
    assert_eq!(world.column("SELECT DISTINCT status FROM organizations").await, ["suspended"]);
}

#[tokio::test]
async fn the_same_address_in_two_clinics_is_two_people() {
    let world = World::new().await;
    world.load().await.unwrap();
    let found = world
        .column(
            "SELECT format('%s %s %s', m.org_id, m.role, m.subject) FROM memberships m JOIN people p ON p.org_id = m.org_id AND p.id = m.person_id
             WHERE lower(p.email) = 'ana@mail.example' ORDER BY 1",
        )
        .await;
    assert_eq!(found, ["1 patient strapi|5", "2 patient strapi|6"]);
    let both = "SELECT format('%s %s', m.org_id, m.role) FROM memberships m WHERE m.subject = 'strapi|10' ORDER BY 1";
    assert_eq!(world.column(both).await, ["1 admin", "2 admin"], "an admin of both clinics");
    let blocked = "SELECT subject FROM memberships WHERE subject IN ('strapi|8', 'strapi|9')";
    assert_eq!(world.column(blocked).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_load_that_is_repeated_changes_nothing() {
    let world = World::new().await;
    world.load().await.unwrap();
    let once = world.dump().await;
    let again = world.load().await.unwrap();
    assert_eq!(world.dump().await, once);
    // Nor does one that begins from the beginning.
    sql(&world.platform, "UPDATE legacy.run SET loaded_at = NULL, staged_at = NULL").await.unwrap();
    world.load().await.unwrap();
    assert_eq!(world.dump().await, once);
    assert!(!again.safe, "what was quarantined is still told");
}

#[tokio::test]
async fn files_are_copied_whole_into_their_clinics_folder() {
    let world = World::new().await;
    world.load().await.unwrap();
    let files = world
        .column("SELECT format('%s %s %s %s %s', org_id, kind, name, status, size) FROM files ORDER BY 1")
        .await;
    assert_eq!(
        files,
        [
            "1 document Acord.pdf available 20",
            "1 document Radiografie.pdf available 26",
            "1 signature semnatura.png available 30",
        ]
    );
    let hashes = "SELECT encode(sha256, 'hex') FROM files WHERE name = 'Acord.pdf'
        UNION ALL SELECT encode(sha256('%PDF-1.4 acord %%EOF'), 'hex') UNION ALL SELECT encode(document_sha256, 'hex') FROM file_signatures";
    let hashes = world.column(hashes).await;
    assert!(hashes.len() == 3 && hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    let mut copied: Vec<_> = world.objects.keys().into_iter().collect();
    copied.retain(|(key, _)| !key.starts_with("strapi/"));
    assert_eq!(copied.len(), 3, "what was refused is not left lying there: {copied:?}");
    assert!(
        copied.iter().all(|(key, versions)| key.starts_with("1/") && *versions == 1),
        "{copied:?}"
    );
}

/// What the mapping is for: a legacy column with another name needs an edit there and nowhere else.
#[tokio::test]
async fn a_renamed_column_needs_an_edit_of_the_mapping_only() {
    let plain = World::new().await;
    plain.load().await.unwrap();

    let mut renamed = World::new().await;
    sql(
        &renamed.strapi,
        "ALTER TABLE patients RENAME full_name TO complete_name;
         ALTER TABLE appointments RENAME start_time TO begins;
         ALTER TABLE appointments RENAME updated_at TO modified;
         ALTER TABLE appointments_patient_links RENAME TO visits_of_patients;
         ALTER TABLE visits_of_patients RENAME patient_id TO who",
    )
    .await
    .unwrap();
    sql(
        &renamed.intakes,
        "ALTER TABLE bookings RENAME zone TO tz; ALTER TABLE bookings RENAME TO reservations",
    )
    .await
    .unwrap();
    let (before, patients) = MAPPING.split_once("[strapi.patients]").unwrap();
    let patients = patients.replacen("\"full_name\"", "\"complete_name\"", 1);
    let (rest, appointments) = patients.split_once("[strapi.appointments]").unwrap();
    let appointments = appointments
        .replacen("\"start_time\"", "\"begins\"", 1)
        .replacen("changed = \"updated_at\"", "changed = \"modified\"", 1)
        .replacen("links = \"appointments_patient_links\", from = \"appointment_id\", to = \"patient_id\"",
            "links = \"visits_of_patients\", from = \"appointment_id\", to = \"who\"", 1)
        .replacen("timezone = \"zone\"", "timezone = \"tz\"", 1)
        .replacen("table = \"bookings\"", "table = \"reservations\"", 1);
    renamed.mapping = format!("{before}[strapi.patients]{rest}[strapi.appointments]{appointments}");
    assert_ne!(renamed.mapping, MAPPING);
    renamed.load().await.unwrap();
    assert_eq!(renamed.dump().await, plain.dump().await);
}
