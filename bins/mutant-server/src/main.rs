//! The program `core-api`, with every mutant compiled in: `cargo xtask verify-isolation --prove` plants
//! them one at a time and requires that the probe that each belongs to finds it.
//!
//! Not among the workspace's default members, and never shipped: a build that has `mutants` refuses
//! the production profile. It holds no mutant itself; they stand in the crates that they break, behind
//! the feature of that name.
//!
//! Whoever has `RESTARTIX_MUTANTS`, a port of loopback, plants by a line of text: the mutant's name, or
//! an empty line to take it away. The answer is that line again.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;

use clap::Parser;
use restartix_core_api::{Cli, config::Environment, execute};
use restartix_kernel::mutants;

/// As the server has it: what is proven runs as what is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PORT: &str = "RESTARTIX_MUTANTS";

fn main() -> ExitCode {
    match obeying().and_then(|()| {
        execute(Cli::parse(), &Environment::of_process())
            .map_err(|error| io::Error::other(format!("{error:#}")))
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error cannot be written either, the exit code has to do.
            let _ = writeln!(io::stderr(), "mutant-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens to whoever plants, where a port was named.
fn obeying() -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the port is this program's own; read here only")]
    let Ok(port) = std::env::var(PORT) else { return Ok(()) };
    let port = port.parse().map_err(|_| io::Error::other(format!("{PORT} is no port")))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever hangs up has planted nothing.
            let _ = obey(stream);
        }
    });
    Ok(())
}

fn obey(mut stream: TcpStream) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let name = line.trim();
    mutants::plant(Some(name).filter(|name| !name.is_empty()));
    stream.write_all(line.as_bytes())
}
