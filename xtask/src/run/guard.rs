//! The watchdog: a second copy of xtask that outlives the first by a moment and stops what it left running.
//!
//! It reads orders from a pipe whose other end only xtask holds, so the end of the pipe means the end of xtask,
//! `kill -9` included. A parent-death signal would do the same on Linux alone, and per thread.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Stop;

/// The hidden command under which xtask starts its watchdog.
pub(crate) const GUARD: &str = "guard-children";

/// How long a process group may take to stop when asked, before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// The line to the watchdog.
pub(super) struct Guard {
    process: Child,
    orders: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn start() -> Result<Self> {
        let program = std::env::current_exe().context("cannot find xtask itself")?;
        let mut process = Command::new(program)
            .arg(GUARD)
            // Its own group: the terminal's Ctrl-C must not end it before its work.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the watchdog")?;
        let orders = process.stdin.take();
        Ok(Self { process, orders })
    }

    /// From now on this group is stopped if xtask ends without having done it.
    pub(super) fn watch(&mut self, group: Pid, stop: Stop) -> Result<()> {
        self.order(&format!("watch {group} {}\n", stop.name()))
    }

    /// The group has ended.
    pub(super) fn forget(&mut self, group: Pid) -> Result<()> {
        self.order(&format!("forget {group}\n"))
    }

    fn order(&mut self, line: &str) -> Result<()> {
        let orders = self.orders.as_mut().context("the watchdog is gone")?;
        orders.write_all(line.as_bytes()).context("the watchdog is gone")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ended = self.process.wait();
    }
}

/// The watchdog's life: take orders until the pipe ends, then stop whatever is still watched.
pub(crate) fn keep() {
    let mut watched = BTreeMap::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(group), words.next().and_then(Stop::named)) {
            (Some("watch"), Some(group), Some(stop)) => {
                watched.insert(group.as_raw_nonzero(), stop);
            }
            (Some("forget"), Some(group), None) => {
                watched.remove(&group.as_raw_nonzero());
            }
            _ => {}
        }
    }
    let groups: Vec<_> = watched
        .into_iter()
        .filter_map(|(raw, stop)| Some((Pid::from_raw(raw.get())?, stop)))
        .collect();
    for (group, stop) in groups.iter().rev() {
        let _gone = kill_process_group(*group, stop.signal());
    }
    await_end(groups.into_iter().map(|(group, _)| group).collect());
}

/// Waits until the leaders of these groups have ended, then kills whatever is left in the groups.
pub(super) fn await_end(groups: Vec<Pid>) {
    let deadline = Instant::now() + GRACE;
    while groups.iter().any(|leader| name_of(*leader).is_some()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    for group in groups {
        let _gone = kill_process_group(group, Signal::KILL);
    }
}

/// The name of a process that is alive; a zombie, which waits only for its parent to notice, is not.
pub(super) fn name_of(process: Pid) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        // Linux: `ps` is not on every machine.
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        return parse_stat(&stat);
    }
    let asked =
        Command::new("ps").args(["-o", "stat=,comm=", "-p", &process.to_string()]).output().ok()?;
    let answer = String::from_utf8_lossy(&asked.stdout);
    let (state, name) = answer.trim().split_once(' ')?;
    (!state.starts_with('Z')).then(|| name.trim().to_owned())
}

/// `42 (name) S ...` of proc(5); a name may hold blanks and parentheses.
fn parse_stat(stat: &str) -> Option<String> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    (!after.trim_start().starts_with(['Z', 'X'])).then(|| name.to_owned())
}

fn group(word: &str) -> Option<Pid> {
    word.parse().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_have_a_name_and_zombies_do_not() {
        assert_eq!(parse_stat("42 (tmux: server) S 1 42").as_deref(), Some("tmux: server"));
        assert_eq!(parse_stat("42 (a) b) R 1 42").as_deref(), Some("a) b"));
        assert_eq!(parse_stat("42 (redis-server) Z 1 42"), None);
    }
}
