//! The command line.

use anyhow::{Result, bail};
use lexopt::prelude::*;

use crate::{bench, check, dev, soak, test, verify};

pub(crate) const HELP: &str = "\
cargo xtask COMMAND

  dev [--fresh] [--release] [--port N]   the whole stack with demo data; Ctrl-C stops it
                                         DATABASE_URL (a DBA's) and REDIS_URL are used where given
  demo                                   the main job, end to end, against its own stack; exits by itself
  check [-p CRATE]...                    format, clippy, arrows, unit tests; no services
  test [--skip STEP]...                  everything that proves the project
  soak [NAME]                            the long proofs at full length
  bench [NAME]... [--json FILE]          each bench against its baseline in the same run
  verify-isolation [--prove] [...]       proves that organisations are kept apart, against its own stack (--target
                                         local), the database and bucket of a running `dev` (--target dev), or with
                                         --config FILE a deployed one; `-- --help` names all options";

/// What was asked.
pub(crate) enum Command {
    Help,
    /// The watchdog that [`crate::run`] starts beside itself; not for people.
    Guard,
    Check(check::Options),
    Test(test::Options),
    Soak(soak::Options),
    Bench(bench::Options),
    Dev(dev::Options),
    Demo,
    VerifyIsolation(verify::Options),
}

/// Reads the process's arguments.
pub(crate) fn parse() -> Result<Command> {
    parse_from(lexopt::Parser::from_env())
}

fn parse_from(mut parser: lexopt::Parser) -> Result<Command> {
    let name = match parser.next()? {
        None | Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    match name.as_str() {
        "help" => Ok(Command::Help),
        crate::run::GUARD => Ok(Command::Guard),
        "check" => check_options(parser),
        "test" => test_options(parser),
        "soak" => soak_options(parser),
        "bench" => bench_options(parser),
        "dev" => dev_options(parser),
        "demo" => match parser.next()? {
            None => Ok(Command::Demo),
            Some(Long("help") | Short('h')) => Ok(Command::Help),
            Some(other) => Err(other.unexpected().into()),
        },
        "verify-isolation" => verify_options(parser),
        unknown => bail!("there is no command `{unknown}`\n\n{HELP}"),
    }
}

fn check_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = check::Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('p') | Long("package") => options.packages.push(parser.value()?.string()?),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Check(options))
}

fn test_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = test::Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("skip") => options.skip.push(parser.value()?.string()?),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Test(options))
}

fn soak_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = soak::Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(name) if options.name.is_none() => options.name = Some(name.string()?),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Soak(options))
}

fn bench_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = bench::Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(name) => options.names.push(name.string()?),
            Long("json") => options.json = Some(parser.value()?.into()),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Bench(options))
}

fn dev_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = dev::Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("fresh") => options.fresh = true,
            Long("release") => options.release = true,
            Long("port") => options.port = parser.value()?.parse()?,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Dev(options))
}

/// Everything but `--target`, which says what is examined, is for the program that is started.
fn verify_options(mut parser: lexopt::Parser) -> Result<Command> {
    let mut options = verify::Options::default();
    let mut arguments = parser.raw_args()?.peekable();
    while let Some(argument) = arguments.next() {
        let argument = argument.string()?;
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--target" | "--target=local" => {
                let target = if argument == "--target" { arguments.next() } else { None };
                match target.as_ref().map(|target| target.to_string_lossy()).as_deref() {
                    None if argument == "--target" => bail!("--target needs `local` or `dev`"),
                    None | Some("local") => options.dev = false,
                    Some("dev") => options.dev = true,
                    Some(_) => bail!("--target local or dev, or --config FILE of a deployed stack"),
                }
            }
            "--target=dev" => options.dev = true,
            "--" => {}
            _ => options.arguments.push(argument),
        }
    }
    Ok(Command::VerifyIsolation(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command> {
        parse_from(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn nothing_asked_is_the_help() {
        assert!(matches!(parsed(&[]), Ok(Command::Help)));
        assert!(matches!(parsed(&["demo", "--help"]), Ok(Command::Help)));
    }

    #[test]
    fn bench_takes_names_and_a_file() {
        let Ok(Command::Bench(options)) = parsed(&["bench", "request", "--json", "out.jsonl"])
        else {
            panic!("bench was not understood")
        };
        assert_eq!(options.names, ["request"]);
        assert_eq!(options.json.as_deref(), Some(std::path::Path::new("out.jsonl")));
    }

    #[test]
    fn the_verifiers_options_are_its_own() {
        let asked = ["verify-isolation", "--target", "local", "--prove", "--only", "DB-07"];
        let Ok(Command::VerifyIsolation(options)) = parsed(&asked) else {
            panic!("verify-isolation was not understood")
        };
        assert_eq!(options.arguments, ["--prove", "--only", "DB-07"]);
        assert!(!options.dev);
        let Ok(Command::VerifyIsolation(options)) =
            parsed(&["verify-isolation", "--target", "dev"])
        else {
            panic!("the running stack was not understood")
        };
        assert!(options.dev && options.arguments.is_empty());
        assert!(parsed(&["verify-isolation", "--target", "moon"]).is_err());
        assert!(parsed(&["verify-isolation", "--target"]).is_err());
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert!(parsed(&["deploy"]).is_err());
        assert!(parsed(&["test", "--fast"]).is_err());
        assert!(parsed(&["soak", "one", "two"]).is_err());
    }
}
