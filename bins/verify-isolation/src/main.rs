//! `verify-isolation`: runs the probes of `restartix-isolation` against a stack, and tells.
//!
//! Started by `cargo xtask verify-isolation`, which gives it a stack of its own, or by an auditor with
//! `--config FILE` of a deployed one. It holds no probe and no rule: it reads the command line, runs,
//! prints, and answers with its exit code.

mod arguments;
mod attesting;
mod verifying;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    match verifying::verify(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where standard error cannot be written either, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "verify-isolation: {error:#}");
            ExitCode::from(2)
        }
    }
}
