//! How far the migration of this database is.

use chrono::{DateTime, Utc};
use restartix_kernel::{Random, RandomExt};
use tokio_postgres::Client;

use crate::MigrationError;
use crate::error::During;

/// How far the migration is: when each step was last done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub(crate) staged_at: Option<DateTime<Utc>>,
    pub(crate) loaded_at: Option<DateTime<Utc>>,
    pub(crate) frozen_at: Option<DateTime<Utc>>,
    pub(crate) flipped_at: Option<DateTime<Utc>>,
}

/// A step that is noted when it is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    Staged,
    Loaded,
    Frozen,
    Flipped,
    RolledBack,
}

impl Mark {
    const fn column(self) -> &'static str {
        match self {
            Self::Staged => "staged_at",
            Self::Loaded => "loaded_at",
            Self::Frozen => "frozen_at",
            Self::Flipped => "flipped_at",
            Self::RolledBack => "rolled_back_at",
        }
    }
}

/// Reads how far the migration is; the first to ask draws the seed of the new ids.
pub(crate) async fn read(owner: &Client, random: &dyn Random) -> Result<Run, MigrationError> {
    const STEP: &str = "reading how far the migration is";
    let seed = format!("{}{}", random.uuid_v4().simple(), random.uuid_v4().simple());
    let drawn = "INSERT INTO legacy.run (seed) VALUES ($1) ON CONFLICT DO NOTHING";
    owner.execute(drawn, &[&seed]).await.during(STEP)?;
    let micros = |mark: Mark| format!("(extract(epoch FROM {}) * 1000000)::bigint", mark.column());
    let columns = [Mark::Staged, Mark::Loaded, Mark::Frozen, Mark::Flipped].map(micros).join(", ");
    let row =
        owner.query_one(&format!("SELECT {columns} FROM legacy.run"), &[]).await.during(STEP)?;
    let at = |column| row.get::<_, Option<i64>>(column).and_then(DateTime::from_timestamp_micros);
    let mut run = Run { staged_at: at(0), loaded_at: at(1), frozen_at: at(2), flipped_at: at(3) };
    // A crash of the server empties what is not logged.
    let kept = "SELECT EXISTS (SELECT FROM legacy.staged_users) OR EXISTS (SELECT FROM legacy.staged_organisations)";
    let kept: bool = owner.query_one(kept, &[]).await.during(STEP)?.get(0);
    if !kept {
        run.staged_at = None;
    }
    Ok(run)
}

/// Notes that a step is done at `at`, or is not any more.
pub(crate) async fn note(
    owner: &Client,
    mark: Mark,
    at: Option<DateTime<Utc>>,
) -> Result<(), MigrationError> {
    let set =
        format!("UPDATE legacy.run SET {} = to_timestamp($1::bigint / 1000000.0)", mark.column());
    let at = at.map(|at| at.timestamp_micros());
    owner.execute(&set, &[&at]).await.during("noting how far the migration is").map(drop)
}
