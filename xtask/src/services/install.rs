//! Installing what is missing with the system's package manager, saying so.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::run::Session;
use crate::workspace::environment;

/// A package by its names.
pub(super) struct Package {
    /// What it is, for people.
    pub(super) title: &'static str,
    /// Debian's packages, separated by spaces.
    pub(super) apt: &'static str,
    /// Homebrew's, likewise.
    pub(super) brew: &'static str,
}

/// Installs a package, or fails with the command to run by hand.
pub(super) fn install(session: &Session, package: &Package) -> Result<()> {
    if in_path("apt-get").is_some() {
        return apt(session, package);
    }
    if in_path("brew").is_some() {
        println!("    {} is missing: brew install {}", package.title, package.brew);
        let names = package.brew.split(' ');
        return session.run(Command::new("brew").arg("install").args(names));
    }
    bail!(
        "{} is missing, and neither apt-get nor brew is here to install it; install {} yourself \
         (Debian's package: {}) and put it in the PATH",
        package.title,
        package.title,
        package.apt
    );
}

fn apt(session: &Session, package: &Package) -> Result<()> {
    let by_hand = format!("apt-get update && apt-get install --yes {}", package.apt);
    let sudo: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else if in_path("sudo").is_none() {
        bail!("{} is missing and we may not install it; as root: {by_hand}", package.title);
    } else if std::io::stdin().is_terminal() {
        &["sudo"]
    } else {
        // Nobody is there to type a password.
        &["sudo", "--non-interactive"]
    };
    println!("    {} is missing: {by_hand}", package.title);
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(package.apt.split(' '));
    for arguments in [&["update"][..], &install] {
        session.check()?;
        let words: Vec<_> =
            sudo.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]).collect();
        let Some((program, rest)) = words.split_first() else { continue };
        // In our own process group: sudo may ask the terminal for a password.
        let status =
            Command::new(program).args(rest).args(arguments).stdout(Stdio::null()).status()?;
        if !status.success() {
            bail!("apt-get failed ({status}); as root: {by_hand}");
        }
    }
    Ok(())
}

/// Where a program is in the PATH.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = environment("PATH")?;
    // Debian keeps servers where only root's PATH leads.
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
