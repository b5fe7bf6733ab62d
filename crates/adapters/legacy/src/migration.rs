//! The phases. Each may be killed at any point and started again; each may be repeated.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, Random, Secret};
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::apply::{self, Apply};
use crate::database::{self, Target, bound};
use crate::error::During;
use crate::report::{self, Act, Report};
use crate::stage::{Extent, Stage};
use crate::state::{self, Mark, Run};
use crate::{
    Mapping, MigrationError, Objects, Progress, Source, files, freeze, resolve, sample, verify,
};

/// What a migration works with.
pub struct Settings {
    /// Of a role that may read every table of the mapping, and nothing else.
    pub strapi: Secret,
    /// The same, of the other source.
    pub intakes: Secret,
    /// Of a role that owns the tables: for `cutover` and `rollback` alone.
    pub privileged: Option<[Secret; 2]>,
    /// As `core_migrator`.
    pub target: Secret,
    /// TLS to all of them; their URLs say whether it is used.
    pub tls: MakeRustlsConnect,
    /// Where everything stands.
    pub mapping: Mapping,
    /// The files' store; without one no file is loaded, and that is an obstacle.
    pub objects: Option<Objects>,
    /// Reasons of the quarantine that somebody has looked at and accepts.
    pub accepted: Vec<String>,
}

/// A migration of one platform from its two sources.
pub struct Migration {
    settings: Settings,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Migration {
    /// Connects to nothing yet.
    pub const fn new(
        settings: Settings,
        progress: Arc<dyn Progress>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { settings, progress, clock, random }
    }

    /// Reads both sources into the staging tables and judges every row. Writes nothing else.
    pub async fn plan(&self) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.run(&target).await?;
        if run.frozen_at.is_some() {
            return Err(MigrationError::Order(
                "the cutover is under way: `rollback` first".to_owned(),
            ));
        }
        state::note(&target.owner, Mark::Staged, None).await?;
        self.stage(&target, Extent::Whole).await?;
        self.judge(&target).await?;
        self.report("plan", begun, &target).await
    }

    /// Loads everything. What a plan or a load before has read is not read again.
    pub async fn load(&self) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.run(&target).await?;
        if run.loaded_at.is_none() {
            if run.staged_at.is_none() {
                self.stage(&target, Extent::Whole).await?;
                state::note(&target.owner, Mark::Staged, Some(self.clock.now())).await?;
            }
            self.judge(&target).await?;
            self.apply(&target).await?;
            state::note(&target.owner, Mark::Loaded, Some(self.clock.now())).await?;
        }
        self.report("load", begun, &target).await
    }

    /// Brings the platform to what the sources are now: by their watermarks, or, where `whole`, by
    /// reading all of it.
    pub async fn delta(&self, whole: bool) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.loaded(&target).await?;
        if run.flipped_at.is_some() {
            return Err(after_the_flip("delta"));
        }
        self.catch_up(&target, &run, whole).await?;
        self.report("delta", begun, &target).await
    }

    /// Reads both sources anew and compares everything. Writes no clinic's rows.
    pub async fn verify(&self) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.loaded(&target).await?;
        if run.flipped_at.is_some() {
            return Err(after_the_flip("verify"));
        }
        self.verified("verify", begun, &target).await
    }

    /// Freezes the sources, brings the platform to what they are, compares, and flips: where all is
    /// the same, everybody can act in the platform from then on, and nobody in the sources. Where it
    /// is not, the sources are reopened and nothing has changed.
    pub async fn cutover(&self) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.loaded(&target).await?;
        if let Some(flipped) = run.flipped_at {
            let mut report = self.report("cutover", begun, &target).await?;
            report.frozen_seconds = run.frozen_at.map(|frozen| seconds(frozen, flipped));
            return Ok(report);
        }
        let sources = self.privileged().await?;
        // What there is to catch up with is caught up before anybody has to wait.
        self.catch_up(&target, &run, false).await?;
        let frozen = match run.frozen_at {
            Some(frozen) => frozen,
            None => {
                let now = self.clock.now();
                state::note(&target.owner, Mark::Frozen, Some(now)).await?;
                now
            }
        };
        let done = async {
            for (source, client) in &sources {
                freeze::freeze(client, self.settings.mapping.schema(*source)).await?;
            }
            self.catch_up(&target, &run, false).await?;
            self.verified("cutover", begun, &target).await
        };
        let done = done.await;
        match done {
            Ok(mut report) if report.safe => {
                let flipped = self.flip(&target).await?;
                report.frozen_seconds = Some(seconds(frozen, flipped));
                Ok(report)
            }
            otherwise => {
                for (_, client) in &sources {
                    freeze::thaw(client).await?;
                }
                state::note(&target.owner, Mark::Frozen, None).await?;
                otherwise
            }
        }
    }

    /// Gives the clinics back to the sources, and tells what was done in the platform since the flip.
    pub async fn rollback(&self) -> Result<Report, MigrationError> {
        let (begun, target) = (self.clock.now(), self.target().await?);
        let run = self.loaded(&target).await?;
        let hours = self.settings.mapping.rollback_hours();
        if run.flipped_at.is_some_and(|flipped| begun - flipped > TimeDelta::hours(hours.into())) {
            return Err(MigrationError::Order(format!(
                "the flip is more than {hours} hours ago: what was written since would be lost"
            )));
        }
        let sources = self.privileged().await?;
        // First nobody can act here any more, then they can there: never in both.
        self.set_status(&target, "suspended", "operator.roll_back_legacy_organization").await?;
        let mut report = self.report("rollback", begun, &target).await?;
        if let Some(flipped) = run.flipped_at {
            report.since_flip = self.acts_since(&target, flipped).await?;
            let (_, differences) =
                verify::compare(&target, &self.settings.mapping, &*self.progress).await?;
            report.differences = verify::named(&differences);
        }
        for (_, client) in &sources {
            freeze::thaw(client).await?;
        }
        state::note(&target.owner, Mark::RolledBack, Some(self.clock.now())).await?;
        state::note(&target.owner, Mark::Flipped, None).await?;
        state::note(&target.owner, Mark::Frozen, None).await?;
        Ok(report)
    }

    /// Empties the staging tables, after the window in which a rollback would need them.
    pub async fn forget(&self) -> Result<(), MigrationError> {
        apply::forget(&self.target().await?.owner).await
    }

    async fn target(&self) -> Result<Target, MigrationError> {
        Target::connect(&self.settings.target, &self.settings.tls).await
    }

    async fn run(&self, target: &Target) -> Result<Run, MigrationError> {
        state::read(&target.owner, &*self.random).await
    }

    async fn loaded(&self, target: &Target) -> Result<Run, MigrationError> {
        let run = self.run(target).await?;
        if run.loaded_at.is_none() {
            return Err(MigrationError::Order("nothing is loaded yet: `load` first".to_owned()));
        }
        Ok(run)
    }

    async fn privileged(&self) -> Result<[(Source, Client); 2], MigrationError> {
        let Some([strapi, intakes]) = &self.settings.privileged else {
            return Err(MigrationError::Order(
                "the sources' privileged URLs are required to freeze and reopen them".to_owned(),
            ));
        };
        let tls = &self.settings.tls;
        Ok([
            (Source::Strapi, database::connect("Strapi's database", strapi, tls).await?),
            (Source::Intakes, database::connect("Intakes' database", intakes, tls).await?),
        ])
    }

    async fn sources(&self) -> Result<[(Source, Client); 2], MigrationError> {
        let Settings { strapi, intakes, tls, .. } = &self.settings;
        Ok([
            (Source::Strapi, database::source("Strapi's database", strapi, tls).await?),
            (Source::Intakes, database::source("Intakes' database", intakes, tls).await?),
        ])
    }

    /// Both sources at once where all of them is read, each by a connection of its own.
    async fn stage(&self, target: &Target, extent: Extent) -> Result<(), MigrationError> {
        let mapping = &self.settings.mapping;
        let stage = |owner| Stage { mapping, owner, progress: &*self.progress };
        let (first, second) = (stage(&target.owner), stage(&target.second));
        let [(a, of_a), (b, of_b)] = &self.sources().await?;
        if extent == Extent::Whole {
            let (first, second) =
                futures_util::join!(first.read(*a, of_a, extent), second.read(*b, of_b, extent));
            return first.and(second);
        }
        // What has changed is little, and is merged through one table.
        first.read(*a, of_a, extent).await?;
        first.read(*b, of_b, extent).await
    }

    async fn judge(&self, target: &Target) -> Result<(), MigrationError> {
        resolve::resolve(&target.owner, &self.settings.mapping, &*self.progress).await
    }

    async fn apply(&self, target: &Target) -> Result<(), MigrationError> {
        let apply = self.applying(target);
        apply.everything().await?;
        if let Some(objects) = &self.settings.objects {
            files::forgive(&target.owner).await?;
            resolve::resolve_files(&target.owner, &self.settings.mapping, &*self.progress).await?;
            files::copy_all(&target.owner, objects, &*self.progress).await?;
            resolve::resolve_files(&target.owner, &self.settings.mapping, &*self.progress).await?;
        }
        apply.files().await
    }

    fn applying<'a>(&'a self, target: &'a Target) -> Apply<'a> {
        Apply {
            target,
            mapping: &self.settings.mapping,
            progress: &*self.progress,
            clock: &*self.clock,
            random: &*self.random,
        }
    }

    async fn catch_up(
        &self,
        target: &Target,
        run: &Run,
        whole: bool,
    ) -> Result<(), MigrationError> {
        let extent = if whole || run.staged_at.is_none() { Extent::Whole } else { Extent::Changes };
        self.stage(target, extent).await?;
        state::note(&target.owner, Mark::Staged, Some(self.clock.now())).await?;
        self.judge(target).await?;
        self.apply(target).await
    }

    async fn verified(
        &self,
        phase: &'static str,
        begun: DateTime<Utc>,
        target: &Target,
    ) -> Result<Report, MigrationError> {
        self.stage(target, Extent::Whole).await?;
        self.judge(target).await?;
        let mapping = &self.settings.mapping;
        let (compared, differences) = verify::compare(target, mapping, &*self.progress).await?;
        let mut report = self.report(phase, begun, target).await?;
        report.compared = compared;
        report.differences = verify::named(&differences);
        report.isolation = verify::isolation(target).await?;
        report.sampled = Some(sample::compare(target, &self.sources().await?, mapping).await?);
        let broken = report.isolation.iter().filter(|one| !one.holds).count();
        let sampled = report.sampled.as_ref().map_or(0, |sampled| sampled.faults.len());
        for (count, what) in [
            (differences.len(), "rows differ"),
            (broken, "things that keep clinics apart are broken"),
            (sampled, "fields differ in the rows that were drawn"),
        ] {
            if count > 0 {
                report.obstacles.push(format!("{count} {what}"));
            }
        }
        report.safe = report.obstacles.is_empty();
        Ok(report)
    }

    async fn report(
        &self,
        phase: &'static str,
        begun: DateTime<Utc>,
        target: &Target,
    ) -> Result<Report, MigrationError> {
        let findings = report::findings(&target.owner).await?;
        let accepted = |reason: &String| self.settings.accepted.contains(reason);
        let mut obstacles: Vec<_> = findings
            .iter()
            .filter(|one| one.verdict == "quarantined" && !accepted(&one.reason))
            .map(|one| {
                format!(
                    "{} of {}.{} are quarantined: {}",
                    one.count, one.source, one.entity, one.reason
                )
            })
            .collect();
        let waiting = files::waiting(&target.owner).await?;
        if waiting > 0 && phase != "plan" {
            obstacles.push(format!("{waiting} files are not copied: no store is configured"));
        }
        Ok(Report {
            phase,
            safe: obstacles.is_empty(),
            obstacles,
            seconds: seconds(begun, self.clock.now()),
            frozen_seconds: None,
            entities: report::counted(&target.owner).await?,
            findings,
            compared: Vec::new(),
            differences: Vec::new(),
            isolation: Vec::new(),
            sampled: None,
            since_flip: Vec::new(),
        })
    }

    async fn flip(&self, target: &Target) -> Result<DateTime<Utc>, MigrationError> {
        self.set_status(target, "active", "operator.flip_legacy_organization").await?;
        let now = self.clock.now();
        state::note(&target.owner, Mark::Flipped, Some(now)).await?;
        Ok(now)
    }

    /// Opens or closes every clinic of the migration, with a line in its audit.
    async fn set_status(
        &self,
        target: &Target,
        status: &str,
        operation: &str,
    ) -> Result<(), MigrationError> {
        let apply = self.applying(target);
        let clinics = target.clinics().await?.each(async |tenant, _| {
            bound(&target.owner, tenant, async |tx| {
                let set =
                    "UPDATE public.organizations SET status = $1 WHERE id = $2 AND status <> $1";
                let organisation = tenant.organisation().get();
                let set = tx.execute(set, &[&status, &organisation]).await;
                if set.during("opening or closing a clinic")? == 0 {
                    return Ok(());
                }
                apply.trace(tx, tenant, operation).await
            })
            .await
        });
        clinics.await
    }

    async fn acts_since(
        &self,
        target: &Target,
        flipped: DateTime<Utc>,
    ) -> Result<Vec<Act>, MigrationError> {
        const QUERY: &str = "SELECT operation, count(*) FROM public.audit_events
            WHERE org_id = public.current_app_org_id() AND recorded_at >= to_timestamp($1::bigint / 1000000.0)
              AND outcome = 'success' AND operation NOT LIKE 'operator.%' GROUP BY 1 ORDER BY 1";
        let mut acts = Vec::new();
        let since = flipped.timestamp_micros();
        let clinics = target.clinics().await?.each(async |tenant, _| {
            bound(&target.loader, tenant, async |tx| {
                let rows = tx.query(QUERY, &[&since]).await.during("reading the audit")?;
                let organisation = tenant.organisation().get();
                acts.extend(rows.iter().map(|row| Act {
                    organisation,
                    operation: row.get(0),
                    count: row.get(1),
                }));
                Ok(())
            })
            .await
        });
        clinics.await?;
        Ok(acts)
    }
}

fn after_the_flip(phase: &str) -> MigrationError {
    MigrationError::Order(format!("the clinics have moved: `{phase}` would undo what they do here"))
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64()
}
