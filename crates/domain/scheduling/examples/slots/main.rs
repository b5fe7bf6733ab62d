//! Reads availability cases from standard input and prints one JSON line for each:
//! `{"id","slots":[...]}`, or `{"id","error"}` for a case that makes no sense.
//!
//! `cargo run -p restartix-scheduling --example slots < cases.json`
//!
//! Exit status: 0, whatever the cases say; 2 when the input as a whole is not `{"cases":[...]}` or
//! cannot be read or answered.

mod case;

use std::{
    io::{self, BufWriter, Read, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell when standard error is gone too.
            let _ = writeln!(io::stderr(), "slots: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for answer in case::answers(&input)? {
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    }
    out.flush()?;
    Ok(())
}
