//! What an earlier run left behind: only where it and its watchdog were killed together, or the machine fell.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::{Pid, kill_process_group};

use super::Stop;
use super::guard::{await_end, name_of};

/// The list of the services that run in a claimed folder, one `group stop program` a line.
pub(super) struct Roll(PathBuf);

impl Roll {
    /// Stops the living ones on the list that an earlier run left in `dir`, and begins a new list.
    pub(super) fn begin(dir: &Path) -> Result<Self> {
        let file = dir.join("running");
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            if let Some((group, stop, program)) = parse(line)
                && runs(group, program)
            {
                println!(
                    "    stopping {program} (process {group}), which an earlier run left behind"
                );
                let _gone = kill_process_group(group, stop.signal());
                await_end(vec![group]);
            }
        }
        fs::write(&file, "").with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self(file))
    }

    pub(super) fn add(&self, group: Pid, stop: Stop, program: &str) -> Result<()> {
        let mut file = fs::OpenOptions::new().append(true).open(&self.0)?;
        writeln!(file, "{group} {} {program}", stop.name())?;
        Ok(())
    }
}

fn parse(line: &str) -> Option<(Pid, Stop, &str)> {
    let mut words = line.splitn(3, ' ');
    let group = words.next()?.parse().ok().and_then(Pid::from_raw)?;
    Some((group, Stop::named(words.next()?)?, words.next()?))
}

/// Whether the process still is what the list says: its number may have gone to another by now.
fn runs(process: Pid, program: &str) -> bool {
    let Some(name) = name_of(process) else { return false };
    // macOS tells the whole path; Linux keeps 15 characters of a name.
    let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy();
    !name.is_empty() && program.starts_with(&*name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_left_behind_is_stopped_by_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        Roll::begin(dir.path()).unwrap().add(group, Stop::Terminate, "sleep").unwrap();
        // Reaped at once, as init reaps what has lost its parent.
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        Roll::begin(dir.path()).unwrap();
        assert!(!reaper.join().unwrap().success());
    }

    #[test]
    fn a_number_that_went_to_another_program_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let group = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        Roll::begin(dir.path()).unwrap().add(group, Stop::Terminate, "postgres").unwrap();
        Roll::begin(dir.path()).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
