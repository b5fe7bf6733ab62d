//! The command line.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand};
use restartix_telemetry::{PoisonReason, PublicKey};
use restartix_tenancy::{OrgId, Personal, Role, Session, Subject};

/// RestartiX Core API: organisations, appointments and their video rooms.
///
/// Configured by `CORE_<SECTION>__<KEY>` in the environment and by a TOML file; any secret also by
/// `CORE_<SECTION>__<KEY>_FILE`. Answers go to standard output, the log to standard error.
#[derive(Debug, Parser)]
#[command(name = "core-api", version)]
pub struct Cli {
    /// A TOML file with settings; the environment overrides it.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests, and run the workers; until SIGTERM or SIGINT.
    Serve {
        /// Leave the workers to processes of their own (`core-api worker`).
        #[arg(long)]
        no_workers: bool,
    },
    /// Run the workers alone; until SIGTERM or SIGINT.
    Worker,
    /// Apply the migrations that are missing, as core_migrator; one line of JSON each.
    Migrate {
        /// Instead make roles, extensions and the functions across organisations, as a DBA.
        /// Idempotent. Roles get the passwords of their URLs.
        #[arg(long)]
        bootstrap: bool,
    },
    /// Make the weekly partitions to come and drop those that are over (webhook events and deliveries:
    /// five weeks), as core_migrator. The workers do so every day; idempotent.
    Partitions,
    /// Name everything that is wrong with the server's configuration; exit 1 when anything is.
    CheckConfig,
    /// Make or suspend an organisation.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Let people into an organisation.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Set or check the rules of the files' bucket.
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Tell the video provider where we listen.
    #[command(subcommand)]
    Daily(DailyCommand),
    /// Export and verify the audit.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Change the keys of pseudonyms; send again what was put aside.
    #[command(subcommand)]
    Telemetry(TelemetryCommand),
    /// Look after what is computed of what patients did.
    #[command(subcommand)]
    Insights(InsightsCommand),
    /// Bring the clinics over from the legacy systems.
    ///
    /// Each phase may be killed and started again. Exit 0: the cutover may go on as things are; 3:
    /// something stands against it; 1: the phase did not come to its end. The runbook is the
    /// documentation of restartix-legacy.
    MigrateLegacy(LegacyArgs),
    /// Print a bearer token of a user; in the development profile only.
    Token(TokenArgs),
}

/// What is done with organisations.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// Make an organisation; prints {"id"}.
    Create {
        /// What it is called.
        #[arg(long, value_parser = Personal::new)]
        name: Personal,
        /// The IANA zone of its clocks, as Europe/Bucharest.
        #[arg(long)]
        timezone: Tz,
    },
    /// From now on nobody can act in it.
    Suspend {
        /// Its id.
        #[arg(long, value_parser = organisation)]
        id: OrgId,
    },
}

/// What is done with the bucket.
#[derive(Debug, Subcommand)]
pub enum BucketCommand {
    /// Make the bucket where there is none, and set its rules: no public access, encryption,
    /// versions, CORS, policy. Rules of others are replaced. Idempotent.
    Apply,
    /// Print each rule that does not hold as {"rule", "expected", "found"}, after asking for what
    /// must be refused as well; exit 1 when there is any.
    Check,
}

/// What is done with the account at Daily.co.
#[derive(Debug, Subcommand)]
pub enum DailyCommand {
    /// Have Daily post its events to `{http.public_url}/v1/integrations/daily/events`, signed with
    /// `daily.notice_key`; prints {"url", "registered": "now" or "before"}. Daily tries the address
    /// first: the server must be up. Idempotent.
    Register,
}

/// What is done with the audit.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write what is sealed of an organisation's audit, with the signed heads, as lines of JSON. The
    /// export is a line of that audit itself.
    Export {
        /// The id of the organisation.
        #[arg(long, value_parser = organisation, value_name = "ID")]
        organization: OrgId,
        /// A new file; standard output unless given.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verify an export with nothing but the public key; prints {"organization_id", "events",
    /// "sealed_at"}, or names the first line that is not as it was sealed, and exits 1.
    Verify {
        /// A public key that may have signed: 64 hexadecimal digits. Given again for each further one.
        #[arg(long = "key", required = true, value_name = "DIGITS")]
        keys: Vec<PublicKey>,
        /// The export.
        file: PathBuf,
    },
    /// Print what verifies the heads that this configuration signs.
    PublicKey,
}

/// What is done with telemetry.
#[derive(Debug, Subcommand)]
pub enum TelemetryCommand {
    /// Add a key with the next epoch to the file of `telemetry.pseudonym_keys_file`; servers use it from
    /// their next start on. Prints {"epoch", "held"}.
    RotateKey {
        /// Instead destroy the key of this epoch, which is not the latest: what was told under it cannot be
        /// linked to anybody any more, by anybody.
        #[arg(long, value_name = "EPOCH")]
        destroy: Option<u32>,
    },
    /// Let events wait again that were put aside; prints {"waiting"}.
    Requeue {
        /// Why they were: malformed, schema, unknown_type or other.
        #[arg(long)]
        reason: PoisonReason,
    },
}

/// What is done with what is computed.
#[derive(Debug, Subcommand)]
pub enum InsightsCommand {
    /// Take away all that is computed of an organisation's patients; the workers compute it again
    /// from what happened. Prints {"patients"}.
    Rebuild {
        /// The id of the organisation.
        #[arg(long, value_parser = organisation, value_name = "ID")]
        organization: OrgId,
    },
}

/// A phase of the migration, and where its report goes.
#[derive(Debug, Args)]
pub struct LegacyArgs {
    /// What to do.
    #[command(subcommand)]
    pub phase: LegacyPhase,
    /// A mapping of one's own, in the place of the one that the program comes with.
    #[arg(long, global = true, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Write the report to this file as JSON.
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report to this file as a page.
    #[arg(long, global = true, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// A reason of the quarantine that somebody has looked at: rows with it may stay behind. Again
    /// for each.
    #[arg(long, global = true, value_name = "REASON")]
    pub accept: Vec<String>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum LegacyPhase {
    /// Read and judge everything; load nothing.
    Plan,
    /// Load everything. The clinics stay closed.
    Load,
    /// Bring the platform to what the sources are now.
    Delta {
        /// Read everything, and not only what has changed.
        #[arg(long)]
        whole: bool,
    },
    /// Compare everything.
    Verify,
    /// Freeze the sources, catch up, compare, and open the clinics here.
    Cutover,
    /// Close the clinics here, and reopen the sources.
    Rollback,
    /// Empty the staging tables: what they hold of people goes.
    Forget,
}

/// What is done with members.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Add a person and their membership; prints {"user_id", "person_id", "membership_id"}.
    Add(MemberArgs),
}

/// Somebody new.
#[derive(Debug, Args)]
pub struct MemberArgs {
    /// The id of the organisation.
    #[arg(long, value_parser = organisation, value_name = "ID")]
    pub organization: OrgId,
    /// Who they are to the identity provider: the `sub` of their tokens.
    #[arg(long, value_parser = Subject::new)]
    pub subject: Subject,
    /// What they are to the organisation: patient, specialist or admin.
    #[arg(long)]
    pub role: Role,
    /// What they are called.
    #[arg(long, value_parser = Personal::new)]
    pub name: Personal,
    /// Where to write to.
    #[arg(long, value_parser = Personal::email)]
    pub email: Option<Personal>,
    /// The IANA zone they live in; the organisation's unless given.
    #[arg(long)]
    pub timezone: Option<Tz>,
}

/// Whom a token is for.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Its `sub`.
    #[arg(long, value_parser = Subject::new)]
    pub subject: Subject,
    /// Its `sid`: each session has a current organisation of its own.
    #[arg(long, value_parser = Session::new)]
    pub session: Option<Session>,
    /// How long it is good for, in minutes: at most a year.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub ttl_minutes: u32,
}

fn organisation(text: &str) -> Result<OrgId, String> {
    let number = text.parse().map_err(|_| "an organisation's id is a number".to_owned())?;
    OrgId::new(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_help_names_every_command() {
        let mut command = Cli::command();
        command.build();
        insta::assert_snapshot!("help", command.render_help());
        for path in [
            &["migrate"][..],
            &["org", "create"],
            &["member", "add"],
            &["bucket", "apply"],
            &["bucket", "check"],
            &["audit", "export"],
            &["audit", "verify"],
            &["telemetry", "rotate-key"],
            &["telemetry", "requeue"],
            &["token"],
        ] {
            let mut found = &mut command;
            for name in path {
                found = found.find_subcommand_mut(name).unwrap();
            }
            insta::assert_snapshot!(format!("help_{}", path.join("_")), found.render_help());
        }
    }

    #[test]
    fn values_are_checked_before_anything_is_done() {
        for line in [
            "core-api org suspend --id 0",
            "core-api org create --name A --timezone Mars/Olympus",
            "core-api member add --organization 1 --subject s --role owner --name N",
            "core-api token --subject s --ttl-minutes 0",
            "core-api audit verify --key 00 export.jsonl",
            "core-api audit verify export.jsonl",
            "core-api telemetry requeue --reason bored",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
