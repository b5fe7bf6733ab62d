//! A PostgreSQL cluster of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::account::{Account, elsewhere};
use super::install::{Package, in_path, install};
use super::{Purpose, free_port, secret, write_private};
use crate::run::{Session, Stop};

/// `NULLS NOT DISTINCT` and the checked behaviour of row-level security begin here.
const OLDEST: u32 = 15;
const PACKAGE: Package =
    Package { title: "PostgreSQL (15 or newer)", apt: "postgresql", brew: "postgresql@17" };
const NAME: &str = "PostgreSQL";

/// A running cluster.
pub(crate) struct Cluster {
    /// The superuser's URL, of the database `restartix`.
    pub(crate) url: String,
    /// Whether it was made just now and holds nothing.
    pub(crate) fresh: bool,
    home: PathBuf,
}

impl Cluster {
    /// Stops the server and removes its data.
    pub(crate) fn remove(self, session: &Session) -> Result<()> {
        session.stop(NAME)?;
        fs::remove_dir_all(&self.home)
            .with_context(|| format!("cannot remove {}", self.home.display()))
    }
}

/// Runs a file of SQL as one transaction on the database of `url`; `:name` in it stands for a variable.
pub(crate) fn run_file(
    session: &Session,
    url: &str,
    file: &Path,
    variables: &[(&str, &str)],
) -> Result<()> {
    let mut command = Command::new(programs(session)?.join("psql"));
    command.args(["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]);
    for (name, value) in variables {
        command.arg(format!("--set={name}={value}"));
    }
    session.output(command.arg("--file").arg(file).arg("--dbname").arg(url)).map(drop)
}

/// Removes the data of the cluster under `dir`, which does not run.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    let wanted = dir.join("pg");
    for home in [elsewhere(&wanted), wanted] {
        match fs::remove_dir_all(&home) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", home.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn start(session: &Session, dir: &Path, purpose: Purpose) -> Result<Cluster> {
    fs::create_dir_all(dir)?;
    let programs = programs(session)?;
    let account = Account::choose(session)?;
    let home = account.home(session, &dir.join("pg"))?;
    let data = home.join("data");
    if !matches!(purpose, Purpose::Keep) && data.exists() {
        fs::remove_dir_all(&data)?;
    }
    let password_file = dir.join("postgres.password");
    let fresh = !data.join("PG_VERSION").exists();
    if fresh {
        initialise(session, &programs, &account, &data, &password_file, purpose)?;
    }
    let password =
        fs::read_to_string(&password_file).context("the cluster's password is lost; --fresh")?;
    // Another program may take a free port before PostgreSQL does: try again with another.
    let mut attempts = 3;
    let port = loop {
        match launch(session, &programs, &account, &data, dir, purpose) {
            Ok(port) => break port,
            Err(error) if attempts == 1 || session.check().is_err() => return Err(error),
            Err(_) => {
                session.stop(NAME)?;
                attempts -= 1;
            }
        }
    };
    if fresh {
        session.output(
            Command::new(programs.join("createdb")).env("PGPASSWORD", &password).args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-U",
                "postgres",
                "restartix",
            ]),
        )?;
    }
    Ok(Cluster {
        url: format!("postgres://postgres:{password}@127.0.0.1:{port}/restartix"),
        fresh,
        home,
    })
}

fn initialise(
    session: &Session,
    programs: &Path,
    account: &Account,
    data: &Path,
    password_file: &Path,
    purpose: Purpose,
) -> Result<()> {
    if data.exists() {
        // An initialisation that was cut short.
        fs::remove_dir_all(data)?;
    }
    let password = secret()?;
    write_private(password_file, &password)?;
    let auth = match purpose {
        Purpose::Keep | Purpose::Demo | Purpose::Watched => "scram-sha-256",
        Purpose::Test | Purpose::Measure => "trust",
    };
    // initdb runs as another account and reads the password from a file of its own.
    let handed = data.with_file_name("password");
    write_private(&handed, &password)?;
    if let Account::Other { uid, gid, .. } = account {
        std::os::unix::fs::chown(&handed, Some(*uid), Some(*gid))?;
    }
    let made = session.output(
        account
            .command(programs.join("initdb"))
            .args([
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ])
            .arg(format!("--auth={auth}"))
            .arg(format!("--pwfile={}", handed.display()))
            .arg(format!("--pgdata={}", data.display())),
    );
    fs::remove_file(&handed)?;
    made.map(drop)
}

fn launch(
    session: &Session,
    programs: &Path,
    account: &Account,
    data: &Path,
    dir: &Path,
    purpose: Purpose,
) -> Result<u16> {
    let port = free_port()?;
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
    ];
    if matches!(purpose, Purpose::Watched) {
        // What a parameter says is nobody's business: statements are compared by their text.
        let watched = ["log_statement=all", "log_line_prefix=%u :: ", "log_parameter_max_length=0"];
        settings.extend(watched.map(str::to_owned));
    }
    if matches!(purpose, Purpose::Demo | Purpose::Watched | Purpose::Test) {
        let careless = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
        settings.extend(careless.map(str::to_owned));
    }
    if matches!(purpose, Purpose::Test | Purpose::Measure) {
        settings.push("max_connections=400".to_owned());
    }
    let mut command = account.command(programs.join("postgres"));
    command.arg("-D").arg(data);
    for setting in settings {
        command.args(["-c", &setting]);
    }
    let pid = session.spawn(NAME, &mut command, Stop::Interrupt, &dir.join("postgres.log"))?;
    session.wait_for("PostgreSQL does not answer", Duration::from_secs(30), || {
        (status(data)? == Status { pid, ready: true }).then_some(port)
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Status {
    pid: u32,
    ready: bool,
}

/// What `postmaster.pid` says: its first line is the process, its eighth the state (as `pg_ctl` reads it).
fn status(data: &Path) -> Option<Status> {
    parse_status(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
}

fn parse_status(text: &str) -> Option<Status> {
    let pid = text.lines().next()?.trim().parse().ok()?;
    Some(Status { pid, ready: text.lines().nth(7).is_some_and(|state| state.trim() == "ready") })
}

/// The folder of the newest PostgreSQL's programs, found or installed.
fn programs(session: &Session) -> Result<PathBuf> {
    if let Some(found) = newest(session) {
        return Ok(found);
    }
    install(session, &PACKAGE)?;
    match newest(session) {
        Some(found) => Ok(found),
        None => bail!(
            "the package manager has no PostgreSQL {OLDEST} or newer; see https://www.postgresql.org/download/"
        ),
    }
}

fn newest(session: &Session) -> Option<PathBuf> {
    let mut found: Vec<_> = folders()
        .into_iter()
        .filter(|folder| {
            ["postgres", "initdb", "createdb"].iter().all(|name| folder.join(name).is_file())
        })
        .filter_map(|folder| {
            let answer =
                session.output(Command::new(folder.join("postgres")).arg("--version")).ok()?;
            Some((major(&answer)?, folder))
        })
        .filter(|(version, _)| *version >= OLDEST)
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

/// Where PostgreSQL's programs may be: Debian's, Red Hat's and Homebrew's layouts, and the PATH.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = in_path("postgres")
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned))
        .into_iter()
        .collect();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(named.map(|entry| entry.path().join("bin")));
    }
    folders
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major(answer: &str) -> Option<u32> {
    let version = answer.split(' ').nth(2)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_packager_are_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17.2 (Homebrew)"), Some(17));
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn a_server_is_ready_when_its_pid_file_says_so() {
        let starting = "42\n/data\n1700000000\n5433\n\n127.0.0.1\n  1 2\nstarting\n";
        assert_eq!(parse_status(starting), Some(Status { pid: 42, ready: false }));
        assert_eq!(
            parse_status(&starting.replace("starting", "ready   ")),
            Some(Status { pid: 42, ready: true })
        );
        assert_eq!(parse_status(""), None);
    }
}
