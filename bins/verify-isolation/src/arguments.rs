//! The command line, and what a deployed stack is described by.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use serde::Deserialize;

/// Proves that organisations are kept apart. Exit 0: every probe is GREEN; 1: something is RED, or
/// OPEN on a deployed stack, or a mutation survived; 2: it could not be run.
#[derive(Debug, Parser)]
#[command(name = "verify-isolation")]
pub(crate) struct Arguments {
    /// A local stack's database, as its superuser.
    #[arg(long, env = "RESTARTIX_VERIFY_DATABASE_URL", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// The running server: a JSON file with its `url`, two `clinics` and their tokens.
    #[arg(long, env = "RESTARTIX_VERIFY_API", value_name = "FILE")]
    pub(crate) api: Option<PathBuf>,
    /// The bucket of the files: a JSON file with its `region`, `bucket`, `access_key_id`,
    /// `secret_access_key` and, where it is not AWS's own, its `endpoint`.
    #[arg(long, env = "RESTARTIX_VERIFY_STORAGE", value_name = "FILE")]
    pub(crate) storage: Option<PathBuf>,
    /// A deployed stack: a JSON file with `name`, `database_url` and, if any, `attestations`.
    #[arg(long, conflicts_with = "database")]
    pub(crate) config: Option<PathBuf>,
    /// On a deployed stack: also the probes that write, in transactions that are rolled back.
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// Plants each probe's faults, which it must find.
    #[arg(long)]
    pub(crate) prove: bool,
    /// The probes that take minutes instead of the others.
    #[arg(long)]
    pub(crate) soak: bool,
    /// Only these probes.
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Names the probes and looks at nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub(crate) format: Format,
    /// Into a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Attests an item that no probe can prove: needs --name and --seen.
    #[arg(long, value_name = "ID", requires_all = ["name", "seen"])]
    pub(crate) attest: Option<String>,
    /// Who attests.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The file of what was seen.
    #[arg(long, value_name = "FILE")]
    pub(crate) seen: Option<PathBuf>,
    /// Until when it counts, in days.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
    /// Where attestations are kept, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    pub(crate) attestations: Option<PathBuf>,
    /// The commit of what is examined.
    #[arg(long, env = "RESTARTIX_VERIFY_COMMIT", default_value = "unknown")]
    pub(crate) commit: String,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Terminal,
    Json,
    Junit,
    Html,
}

/// The stack that is examined.
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) database_url: String,
    pub(crate) attestations: Option<PathBuf>,
    /// Somebody lives there.
    pub(crate) deployed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    name: String,
    database_url: String,
    attestations: Option<PathBuf>,
}

impl Arguments {
    /// The stack that was named.
    pub(crate) fn stack(&self) -> Result<Stack> {
        let Some(file) = &self.config else {
            let database_url = self.database.clone();
            let database_url = database_url
                .context("no stack: `cargo xtask verify-isolation`, or --config FILE")?;
            let attestations = self.attestations.clone();
            return Ok(Stack {
                name: "local".to_owned(),
                database_url,
                attestations,
                deployed: false,
            });
        };
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        let described: Described =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        Ok(Stack {
            name: described.name,
            database_url: described.database_url,
            attestations: self.attestations.clone().or(described.attestations),
            deployed: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_attestation_is_somebodys_and_of_something() {
        let parsed = |arguments: &[&str]| {
            Arguments::try_parse_from([&["verify-isolation"], arguments].concat()).is_ok()
        };
        assert!(!parsed(&["--attest", "ATT-01"]));
        assert!(parsed(&["--attest", "ATT-01", "--name", "Ana", "--seen", "a.txt"]));
        assert!(!parsed(&["--config", "a.json", "--database", "postgres://x"]));
    }
}
