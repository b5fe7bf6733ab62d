//! Who runs PostgreSQL, which refuses root, and where that account may keep its data.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::Session;

/// The account for the cluster: ourselves, or somebody without privileges where we are root.
pub(super) enum Account {
    Ourselves,
    Other { name: &'static str, uid: u32, gid: u32 },
}

impl Account {
    pub(super) fn choose(session: &Session) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        for name in ["postgres", "nobody"] {
            let ask = |flag| -> Result<u32> {
                Ok(session.output(Command::new("id").args([flag, name]))?.parse()?)
            };
            if let (Ok(uid), Ok(gid)) = (ask("-u"), ask("-g")) {
                return Ok(Self::Other { name, uid, gid });
            }
        }
        bail!(
            "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it as"
        );
    }

    /// A command that runs as this account, in a folder it may be in.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Self::Other { uid, gid, .. } = self {
            // The standard library also drops root's supplementary groups.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// `wanted`, made and owned by this account; elsewhere, saying so, if the account cannot get there.
    pub(super) fn home(&self, session: &Session, wanted: &Path) -> Result<PathBuf> {
        let Self::Other { name, uid, gid } = self else {
            make(wanted)?;
            return Ok(wanted.to_owned());
        };
        make(wanted)?;
        chown(wanted, Some(*uid), Some(*gid))?;
        if session.output(self.command("test").arg("-w").arg(wanted)).is_ok() {
            return Ok(wanted.to_owned());
        }
        fs::remove_dir(wanted)?;
        let elsewhere = elsewhere(wanted);
        println!(
            "    the account {name} cannot reach {}: the cluster lives in {}",
            wanted.display(),
            elsewhere.display()
        );
        make(&elsewhere)?;
        // /var/tmp is everybody's: a folder or link that somebody else put there is not ours to use.
        let found = fs::symlink_metadata(&elsewhere)?;
        if !found.is_dir() || (found.uid() != *uid && found.uid() != 0) {
            bail!("{} belongs to somebody else; remove it", elsewhere.display());
        }
        chown(&elsewhere, Some(*uid), Some(*gid))?;
        Ok(elsewhere)
    }
}

/// Where the data goes if its account cannot reach `wanted`, as below /root.
pub(super) fn elsewhere(wanted: &Path) -> PathBuf {
    PathBuf::from("/var/tmp")
        .join(format!("restartix-{:016x}", fingerprint(wanted.as_os_str().as_encoded_bytes())))
}

fn make(dir: &Path) -> Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.with_context(|| format!("cannot create {}", dir.display())),
    }
}

/// FNV-1a (Fowler, Noll, Vo; 64 bits): the same name on every run, whatever the toolchain.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_published_fnv_1a() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
