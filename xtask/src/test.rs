//! `cargo xtask test`: everything that proves the project, in one run with one summary.

use std::process::{ExitCode, Stdio};

use anyhow::{Result, bail};

use crate::arrows;
use crate::run::{Session, Steps};
use crate::services::{self, Purpose};
use crate::verify;
use crate::workspace::environment;

/// The steps, in order. `deny` is the only one that a machine may lack the tool for.
const STEPS: [&str; 10] = [
    "format",
    "clippy",
    "arrows",
    "tests",
    "browser",
    "aws-sdk",
    "isolation",
    "doctests",
    "rustdoc",
    "deny",
];

/// Tests that look at pages with a real browser stand in a module of this name.
const BROWSER: &str = "browser::";

/// The variable by which tests find the superuser's URL of a cluster to make their databases in.
pub(crate) const DATABASE: &str = "RESTARTIX_TEST_DATABASE_URL";

/// What to leave out.
#[derive(Default)]
pub(crate) struct Options {
    /// Names of steps.
    pub(crate) skip: Vec<String>,
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    if let Some(unknown) = options.skip.iter().find(|name| !STEPS.contains(&name.as_str())) {
        bail!("there is no step `{unknown}` to skip; the steps: {}", STEPS.join(", "));
    }
    let workspace = session.workspace();
    let mut steps = Steps::new(options.skip.clone());
    steps.step("format", || session.run(&mut workspace.cargo(&["fmt", "--all", "--check"])))?;
    steps.step("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        session.run(&mut workspace.cargo(&arguments))
    })?;
    steps.step("arrows", || arrows::check(session))?;
    steps.step("tests", || with_services(session, |database| tests(session, database, false)))?;
    steps.step("browser", || {
        services::require_browser(session)?;
        with_services(session, |database| tests(session, database, true))
    })?;
    // A heavy second client of S3, in one place.
    steps.step("aws-sdk", || {
        let mut clippy = workspace.cargo(&["clippy", "--all-targets"]);
        clippy.args(["-p", "restartix-s3-aws-sdk", "-p", "restartix-core-api", "--features"]);
        clippy.args(["restartix-s3-aws-sdk/client,restartix-core-api/s3-aws-sdk", "--"]);
        session.run(clippy.args(["-D", "warnings"]))?;
        let suite = ["test", "-p", "restartix-s3-aws-sdk", "--features", "client"];
        session.run(&mut workspace.cargo(&suite))
    })?;
    steps.step("isolation", || verify::every_probe(session))?;
    steps.step("doctests", || {
        session.run(&mut workspace.cargo(&["test", "--workspace", "--doc"]))
    })?;
    steps.step("rustdoc", || {
        session.run(
            workspace.cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"),
        )
    })?;
    if has_tool(session, "deny") {
        steps.step("deny", || {
            // The homes of crates that are still to come are no news.
            let arguments =
                ["deny", "check", "--allow", "unused-wrapper", "bans", "licenses", "sources"];
            session.run(&mut workspace.cargo(&arguments))
        })?;
    } else {
        steps.absent("deny", "cargo-deny is not installed (cargo install cargo-deny --locked)");
    }
    Ok(steps.finish(environment("CI").as_deref() == Some("true")))
}

/// Every test that needs a browser, or every test that needs none.
fn tests(session: &Session, database: &str, browser: bool) -> Result<()> {
    let workspace = session.workspace();
    let mut command = if has_tool(session, "nextest") {
        let not = if browser { "" } else { "not " };
        let filter = format!("{not}test(/(^|::){BROWSER}/)");
        workspace.cargo(&["nextest", "run", "--workspace", "--filterset", &filter])
    } else {
        println!("    cargo-nextest is not installed: cargo test instead");
        let kinds = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--"];
        let mut command = workspace.cargo(&kinds);
        let only = if browser { &[BROWSER][..] } else { &["--skip", BROWSER] };
        command.args(only);
        command
    };
    session.run(command.env(DATABASE, database))
}

/// Lends the work a cluster for its databases, gone afterwards, and sees to it that tests find Redis, clamd and botocore.
pub(crate) fn with_services(
    session: &Session,
    work: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    services::require_redis(session)?;
    services::require_languages(session)?;
    services::require_clamd(session)?;
    services::require_botocore(session)?;
    if let Some(given) = environment(DATABASE) {
        println!("    {DATABASE} is set: the tests use that cluster");
        return work(&given);
    }
    let dir = session.workspace().target().join("test");
    session.claim(&dir)?;
    let cluster = services::postgres(session, &dir, Purpose::Test)?;
    println!("    a cluster of the tests' own: {}", dir.display());
    let outcome = work(&cluster.url);
    cluster.remove(session)?;
    outcome
}

/// Whether this subcommand of cargo is installed.
pub(crate) fn has_tool(session: &Session, name: &str) -> bool {
    let mut command = session.workspace().cargo(&[name, "--version"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
