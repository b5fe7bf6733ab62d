//! From the staging tables to what is to be in the platform, and to the quarantine. Each step is one
//! text of SQL in `sql/`, run by the owner on system tables: no clinic's rows are seen or written.

use restartix_storage::FileKind;
use tokio_postgres::Client;

use crate::database::whole;
use crate::error::During;
use crate::mapping::literal;
use crate::{Mapping, MigrationError, Progress};

/// A step: what it is called, its text, and the tables that it fills.
type Step = (&'static str, &'static str, &'static [&'static str]);

const BEFORE_FILES: [Step; 6] = [
    ("clinics", include_str!("sql/organisations.sql"), &["organisations"]),
    ("people", include_str!("sql/people.sql"), &["people"]),
    ("types", include_str!("sql/types.sql"), &["types"]),
    ("calendars", include_str!("sql/calendars.sql"), &["calendars", "hours", "overrides"]),
    ("pairs", include_str!("sql/pairs.sql"), &[]),
    ("bookings", include_str!("sql/bookings.sql"), &["bookings"]),
];
const FILES: [Step; 2] = [
    ("files", include_str!("sql/files.sql"), &["files", "signatures"]),
    ("quarantine", include_str!("sql/quarantine.sql"), &["quarantine"]),
];

/// Judges every row anew.
pub(crate) async fn resolve(
    owner: &Client,
    mapping: &Mapping,
    progress: &dyn Progress,
) -> Result<(), MigrationError> {
    run(owner, mapping, progress, &BEFORE_FILES).await?;
    resolve_files(owner, mapping, progress).await
}

/// Judges files and signatures anew, by what came of their copies.
pub(crate) async fn resolve_files(
    owner: &Client,
    mapping: &Mapping,
    progress: &dyn Progress,
) -> Result<(), MigrationError> {
    run(owner, mapping, progress, &FILES).await
}

async fn run(
    owner: &Client,
    mapping: &Mapping,
    progress: &dyn Progress,
    steps: &[Step],
) -> Result<(), MigrationError> {
    let judging = progress.begin("judging", Some(u64::try_from(steps.len()).unwrap_or_default()));
    for (name, text, tables) in steps {
        let text = text
            .replace("{{locale}}", &literal(mapping.locale()))
            .replace("{{allowed}}", &allowed());
        let analysed: String =
            tables.iter().map(|table| format!("; ANALYZE legacy.{table}")).collect();
        whole(owner, async |owner| {
            owner.batch_execute(&format!("{text}{analysed}")).await.during(name)
        })
        .await?;
        judging.advance(1);
    }
    Ok(())
}

/// Which kind of file may have which type of content, as rows.
fn allowed() -> String {
    let pairs = FileKind::ALL.iter().flat_map(|kind| {
        let kinds = kind.types().iter();
        kinds.map(move |content| {
            format!("({}, {})", literal(kind.as_str()), literal(content.as_str()))
        })
    });
    pairs.collect::<Vec<_>>().join(", ")
}
