//! From the command line to what it asks for.

use std::io::Write;

use anyhow::Context;
use restartix_kernel::{ExposeSecret, PROOFS, SystemClock};
use restartix_postgres::NewOrganisation;

use crate::cli::{
    AuditCommand, BucketCommand, Cli, Command, DailyCommand, InsightsCommand, MemberCommand,
    OrgCommand, TelemetryCommand,
};
use crate::config::{
    Bootstrap, Environment, Log, Member, Migrator, Profile, Requeue, Rotation, Server, Settings,
    Signing, Storage, Tokens,
};
use crate::{evidence, legacy, logging, operate, run};

/// Does what `cli` asks for, as file and `environment` say.
///
/// # Errors
/// With everything that is wrong with the configuration, or with what went wrong.
pub fn execute(cli: Cli, environment: &Environment) -> anyhow::Result<()> {
    let settings = Settings::load(cli.config.as_deref(), environment);
    logging::start(&Log::of(&settings)).context("the log cannot be started")?;
    match cli.command {
        Command::CheckConfig => check(&settings),
        Command::Serve { no_workers } => run::serve(&shippable(&settings)?, !no_workers),
        Command::Worker => run::work(&shippable(&settings)?),
        Command::Migrate { bootstrap: true } => {
            wait_for(operate::bootstrap(&Bootstrap::read(&settings)?))
        }
        Command::Migrate { bootstrap: false } => {
            let applied = wait_for(operate::migrate(&Migrator::read(&settings)?))?;
            applied.iter().try_for_each(|line| print(&line.to_string()))
        }
        Command::Partitions => wait_for(operate::keep_partitions(&Migrator::read(&settings)?)),
        Command::Org(OrgCommand::Create { name, timezone }) => {
            let (config, new) = (Migrator::read(&settings)?, NewOrganisation { name, timezone });
            print(&wait_for(operate::create_organisation(&config, &new))?.to_string())
        }
        Command::Org(OrgCommand::Suspend { id }) => {
            wait_for(operate::suspend_organisation(&Migrator::read(&settings)?, id))
        }
        Command::Member(MemberCommand::Add(new)) => {
            let added = wait_for(operate::add_member(&Member::read(&settings)?, new))?;
            print(&added.to_string())
        }
        Command::Bucket(BucketCommand::Apply) => {
            print(&wait_for(operate::apply_bucket(&Storage::read(&settings)?))?.to_string())
        }
        Command::Bucket(BucketCommand::Check) => {
            let findings = wait_for(operate::check_bucket(&Storage::read(&settings)?))?;
            findings.iter().try_for_each(|line| print(&line.to_string()))?;
            let count = findings.len();
            anyhow::ensure!(count == 0, "{count} of the bucket's rules do not hold");
            Ok(())
        }
        Command::Daily(DailyCommand::Register) => {
            print(&wait_for(operate::register_notices(&Server::read(&settings)?))?.to_string())
        }
        Command::Audit(AuditCommand::Export { organization, out }) => {
            wait_for(evidence::export(&Member::read(&settings)?, organization, out.as_deref()))
        }
        Command::Audit(AuditCommand::Verify { keys, file }) => {
            print(&evidence::verify(keys, &file)?.to_string())
        }
        Command::Audit(AuditCommand::PublicKey) => {
            print(&Signing::read(&settings)?.key.public().to_string())
        }
        Command::Telemetry(TelemetryCommand::RotateKey { destroy }) => {
            let config = Rotation::read(&settings)?;
            print(&wait_for(evidence::rotate_key(&config, destroy))?.to_string())
        }
        Command::Telemetry(TelemetryCommand::Requeue { reason }) => {
            let config = Requeue::read(&settings)?;
            print(&wait_for(evidence::requeue(&config, reason))?.to_string())
        }
        Command::Insights(InsightsCommand::Rebuild { organization }) => {
            let config = Server::read(&settings)?;
            print(&wait_for(operate::rebuild_insights(&config, organization))?.to_string())
        }
        Command::MigrateLegacy(args) => wait_for(legacy::run(&settings, &args)),
        Command::Token(args) => {
            let token = operate::sign_token(&Tokens::read(&settings)?, &SystemClock, &args)?;
            print(token.expose_secret())
        }
    }
}

/// Waits on threads of its own: migrations block one of them.
fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("a runtime cannot be made")?.block_on(work)
}

/// The server's configuration, where this build may run with it: one that has what only proofs need
/// refuses the production profile, whatever else is right.
fn shippable(settings: &Settings) -> anyhow::Result<Server> {
    let config = Server::read(settings)?;
    refuse_proofs(config.profile, PROOFS)?;
    Ok(config)
}

fn refuse_proofs(profile: Profile, proofs: &[&str]) -> anyhow::Result<()> {
    let fit = proofs.is_empty() || profile != Profile::Production;
    let has = proofs.join(" and ");
    anyhow::ensure!(fit, "this build has `{has}`, for proofs alone: production refuses it");
    Ok(())
}

/// Tells what is wrong with the server's configuration, or that nothing is.
fn check(settings: &Settings) -> anyhow::Result<()> {
    let profile = match Server::read(settings)?.profile {
        Profile::Production => "production",
        Profile::Development => "development",
    };
    print(&format!("the configuration is right (profile {profile})"))?;
    print(&format!("time zones: IANA {}", chrono_tz::IANA_TZDB_VERSION))
}

fn print(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_refuses_a_build_for_proofs_and_names_what_it_has() {
        assert!(refuse_proofs(Profile::Production, &[]).is_ok());
        assert!(refuse_proofs(Profile::Development, &["mutants"]).is_ok());
        let refused = refuse_proofs(Profile::Production, &["conformance", "mutants"]);
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("`conformance and mutants`"), "{told}");
    }
}
