//! `migrate-legacy`: what a phase works with, who watches it, and where its report goes.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use restartix_kernel::{Clock, SystemClock, SystemRandom};
use restartix_legacy::report::Report;
use restartix_legacy::{Mapping, Migration, Objects, Progress, Settings as Sources, Step};
use restartix_s3::S3;
use restartix_storage::EicarScanner;

use crate::cli::{LegacyArgs, LegacyPhase};
use crate::config::{Legacy, Settings};

/// The phase came to its end, and something stands against the cutover.
#[derive(Debug, thiserror::Error)]
#[error("not safe to cut over: {0}")]
pub struct Unsafe(String);

impl Unsafe {
    /// What the program ends with.
    pub const EXIT_CODE: u8 = 3;
}

/// Runs a phase and tells what it came to.
pub(crate) async fn run(settings: &Settings, args: &LegacyArgs) -> anyhow::Result<()> {
    let freezes = matches!(args.phase, LegacyPhase::Cutover | LegacyPhase::Rollback);
    let config = Legacy::read(settings, freezes)?;
    let mapping = match &args.mapping {
        None => Mapping::built_in()?,
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Mapping::parse(&text.with_context(|| format!("{} cannot be read", path.display()))?)?
        }
    };
    let tls = restartix_postgres::tls_connector(config.migrator.ca_file.as_deref());
    let [strapi, intakes] = config.sources;
    let sources = Sources {
        strapi,
        intakes,
        privileged: config.privileged,
        target: config.migrator.url,
        tls: tls.context("the file of authorities cannot be used")?,
        mapping,
        objects: config.s3.as_ref().map(objects).transpose()?,
        accepted: args.accept.clone(),
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let migration = Migration::new(sources, Arc::new(Bars::new()), clock, random);
    let report = match args.phase {
        LegacyPhase::Plan => migration.plan().await?,
        LegacyPhase::Load => migration.load().await?,
        LegacyPhase::Delta { whole } => migration.delta(whole).await?,
        LegacyPhase::Verify => migration.verify().await?,
        LegacyPhase::Cutover => migration.cutover().await?,
        LegacyPhase::Rollback => migration.rollback().await?,
        LegacyPhase::Forget => return Ok(migration.forget().await?),
    };
    tell(args, &report)?;
    // A rollback that came to its end has done what was asked of it.
    if report.safe || args.phase == LegacyPhase::Rollback {
        return Ok(());
    }
    Err(Unsafe(report.obstacles.join("; ")).into())
}

fn objects(config: &restartix_s3::Config) -> anyhow::Result<Objects> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let s3 = Arc::new(S3::new(config, clock, Arc::new(SystemRandom)).context("storage")?);
    Ok(Objects { import: s3.clone(), store: s3, scanner: Arc::new(EicarScanner) })
}

fn tell(args: &LegacyArgs, report: &Report) -> anyhow::Result<()> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    };
    if let Some(path) = &args.json {
        write(path, report.json())?;
    }
    if let Some(path) = &args.html {
        write(path, report.html())?;
    }
    let mut out = std::io::stdout();
    write!(out, "{}", report.terminal()).context("standard output cannot be written")
}

/// Bars on a terminal, with rate and time left; where there is none, a line in the log for each step.
struct Bars(Option<MultiProgress>);

impl Bars {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(MultiProgress::new))
    }
}

/// How a step looks whose length is known, and one whose length is not.
const KNOWN: &str = "{msg:32} [{bar:30}] {human_pos}/{human_len} {rate}, {eta} left";
const UNKNOWN: &str = "{msg:32} {spinner} {human_pos} {rate}, {elapsed} so far";

impl Progress for Bars {
    fn begin(&self, step: &str, total: Option<u64>) -> Box<dyn Step> {
        let Some(bars) = &self.0 else {
            tracing::info!(step, total, "begun");
            return Box::new(Bar(None));
        };
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let style = ProgressStyle::with_template(if total.is_some() { KNOWN } else { UNKNOWN });
        if let Ok(style) = style {
            // Of rows, nobody wants the fractions.
            let rate = |state: &ProgressState, to: &mut dyn std::fmt::Write| {
                let _shown_or_not = write!(to, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.progress_chars("=> ").with_key("rate", rate));
        }
        bar.set_message(step.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Box::new(Bar(Some(bars.add(bar))))
    }
}

/// The bar of a step that is under way; none where there is no terminal.
struct Bar(Option<ProgressBar>);

impl Step for Bar {
    fn advance(&self, rows: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(rows);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish();
        }
    }
}
