//! The program `core-api`; everything it does is in the library beside it.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use restartix_core_api::{Cli, Unsafe, config::Environment, execute};

/// A request allocates a few hundred times, in threads that hardly share anything.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match execute(Cli::parse(), &Environment::of_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error cannot be written either, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "core-api: {error:#}");
            if error.is::<Unsafe>() { ExitCode::from(Unsafe::EXIT_CODE) } else { ExitCode::FAILURE }
        }
    }
}
