use crate::support::{MAPPING, World, steady};
use restartix_legacy::{Mapping, MigrationError};

#[tokio::test]
async fn a_plan_names_every_planted_fault_and_loads_nothing() {
    let world = World::new().await;
    let before = world.dump().await;
    let report = world.migration().plan().await.unwrap();
    insta::assert_json_snapshot!("plan", steady(&report));
    insta::assert_snapshot!(
        "plan_terminal",
        report.terminal().replace(&format!("({:.1} s)", report.seconds), "(0.0 s)")
    );
    assert!(!report.safe);
    let kept = |dump: &str| {
        let lines = dump.lines().filter(|line| !line.starts_with("legacy."));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kept(&before), kept(&world.dump().await), "a plan writes no clinic's rows");
    // It may be repeated.
    let again = world.migration().plan().await.unwrap();
    assert_eq!(steady(&again), steady(&report));
}

/// No name and no address gets into a report: it is mailed around.
#[tokio::test]
async fn a_report_holds_no_personal_data() {
    let world = World::new().await;
    let report = world.load().await.unwrap();
    for text in [report.terminal(), report.html(), report.json()] {
        for personal in ["Ana", "Pop", "mail.example", "Radiografie", "dulescu", "Badly"] {
            assert!(!text.contains(personal), "{personal}");
        }
    }
    let page = report.html();
    assert!(page.contains("cross_organisation") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named_and_nothing_is_lost() {
    let mut world = World::new().await;
    world.mapping = MAPPING.replace("\"full_name\"", "\"whole_name\"");
    let Err(MigrationError::Database { source, .. }) = world.migration().plan().await else {
        panic!("a plan without the column")
    };
    assert!(source.to_string().contains("whole_name"), "{source}");
    world.mapping = MAPPING.to_owned();
    world.migration().plan().await.unwrap();
    assert!(Mapping::parse("locale = 1").is_err());
}
