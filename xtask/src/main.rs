//! `cargo xtask`: the project's own commands, one file each.
//!
//! It starts programs and speaks HTTP to them on loopback. It links no crate of the workspace and neither
//! OpenSSL nor PostgreSQL's headers, so that it builds in under a minute on a machine that has only Rust.
//!
//! `lexopt` and `humantime` instead of the usual clap and chrono: together they build in a second.
//! `rustix` gives signals to process groups without unsafe code, `signal-hook` the flag that Ctrl-C raises.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its business is to speak on the terminal"
)]

use std::process::ExitCode;

mod args;
mod arrows;
mod bench;
mod check;
mod demo;
mod dev;
mod run;
mod services;
mod soak;
mod stack;
mod test;
mod verify;
mod workspace;

use args::Command;
use run::{Interrupted, Session};

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("xtask: interrupted; everything that it started is stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whatever the command does, the session's end stops what it started: on success, error and panic alike.
fn dispatch() -> anyhow::Result<ExitCode> {
    let command = args::parse()?;
    if let Command::Help = command {
        println!("{}", args::HELP);
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Guard = command {
        run::keep_guard();
        return Ok(ExitCode::SUCCESS);
    }
    let session = Session::open()?;
    // Every command builds at least the server.
    services::require_build_needs(&session)?;
    match command {
        Command::Help | Command::Guard => Ok(ExitCode::SUCCESS),
        Command::Check(options) => check::run(&session, &options),
        Command::Test(options) => test::run(&session, &options),
        Command::Soak(options) => soak::run(&session, &options),
        Command::Bench(options) => bench::run(&session, &options),
        Command::Dev(options) => dev::run(&session, &options),
        Command::Demo => demo::run(&session),
        Command::VerifyIsolation(options) => verify::run(&session, &options),
    }
}
