//! One run of xtask and the programs it started.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::guard::{GRACE, Guard};
use super::leftovers::Roll;
use crate::workspace::Workspace;

/// Ctrl-C, a hang-up or a termination: the reason to leave, not a fault.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// How a program wants to be asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// As Ctrl-C does; PostgreSQL's "fast" shutdown.
    Interrupt,
    /// The usual request.
    Terminate,
}

impl Stop {
    pub(super) const fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Interrupt, Self::Terminate].into_iter().find(|stop| stop.name() == name)
    }
}

/// A program that runs beside us.
struct Service {
    name: String,
    child: Child,
    group: Pid,
    stop: Stop,
    log: PathBuf,
}

/// What a run holds: the workspace, the flag of Ctrl-C, the watchdog, the services. Its end stops them all.
///
/// Every program gets a process group of its own, so that the terminal's Ctrl-C reaches xtask alone and the
/// services stop in order: the last started first.
pub(crate) struct Session {
    workspace: Workspace,
    interrupted: Arc<AtomicBool>,
    services: RefCell<Vec<Service>>,
    claimed: RefCell<Option<(File, Roll)>>,
    guard: RefCell<Guard>,
}

impl Session {
    pub(crate) fn open() -> Result<Self> {
        let workspace = Workspace::find()?;
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The second Ctrl-C does not wait for an orderly end: the watchdog clears up.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        Ok(Self {
            workspace,
            interrupted,
            services: RefCell::default(),
            claimed: RefCell::default(),
            guard: RefCell::new(Guard::start()?),
        })
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Fails with [`Interrupted`] once somebody asked to stop.
    pub(crate) fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Interrupted.into()) } else { Ok(()) }
    }

    /// Makes `dir` and keeps it to this run alone; it is released when the session ends, however it ends.
    /// Stops what an earlier run left running there. What the session had claimed before is released: a session
    /// may claim one folder after another, or the same one again.
    pub(crate) fn claim(&self, dir: &Path) -> Result<()> {
        self.claimed.take();
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let lock = File::create(dir.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another `cargo xtask` is at work in {}; stop it first", dir.display());
        }
        let roll = Roll::begin(dir)?;
        self.claimed.replace(Some((lock, roll)));
        Ok(())
    }

    /// Runs a program to its end with our output; an unhappy end is an error.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let status = self.status(command.stdin(Stdio::null()))?;
        if !status.success() {
            bail!("{} failed ({status})", shown(command));
        }
        Ok(())
    }

    /// Runs a program to its end and answers what it printed on stdout.
    pub(crate) fn output(&self, command: &mut Command) -> Result<String> {
        self.check()?;
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", shown(command)))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{} failed ({}): {}", shown(command), output.status, errors.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn status(&self, command: &mut Command) -> Result<ExitStatus> {
        self.check()?;
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", shown(command)))?;
        let group = self.adopt(&mut child, Stop::Interrupt)?;
        let ended = loop {
            if let Some(status) = child.try_wait()? {
                break Ok(status);
            }
            if let Err(interrupted) = self.check() {
                end(&mut child, group, Stop::Interrupt);
                break Err(interrupted);
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        self.guard.borrow_mut().forget(group)?;
        ended
    }

    /// Starts a program that stays, its output in `log`, until the session ends.
    pub(crate) fn spawn(
        &self,
        name: &str,
        command: &mut Command,
        stop: Stop,
        log: &Path,
    ) -> Result<u32> {
        self.check()?;
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", shown(command)))?;
        let group = self.adopt(&mut child, stop)?;
        let id = child.id();
        let service = Service { name: name.to_owned(), child, group, stop, log: log.to_owned() };
        self.services.borrow_mut().push(service);
        if let Some((_, roll)) = self.claimed.borrow().as_ref() {
            roll.add(group, stop, &program_of(command))?;
        }
        Ok(id)
    }

    /// Has the watchdog watch a new child; one that it cannot watch does not live.
    fn adopt(&self, child: &mut Child, stop: Stop) -> Result<Pid> {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let watched = group.context("a process without an id").and_then(|group| {
            self.guard.borrow_mut().watch(group, stop)?;
            Ok(group)
        });
        if watched.is_err() {
            let _gone = child.kill();
            let _ended = child.wait();
        }
        watched
    }

    /// Stops the service of this name; the session goes on.
    pub(crate) fn stop(&self, name: &str) -> Result<()> {
        let mut services = self.services.borrow_mut();
        if let Some(place) = services.iter().position(|service| service.name == name) {
            let mut service = services.remove(place);
            end(&mut service.child, service.group, service.stop);
            self.guard.borrow_mut().forget(service.group)?;
        }
        Ok(())
    }

    /// Fails if a service has ended, with the last lines of its log; or if we were interrupted.
    pub(crate) fn watch(&self) -> Result<()> {
        self.check()?;
        for service in self.services.borrow_mut().iter_mut() {
            if let Some(status) = service.child.try_wait()? {
                bail!(
                    "{} ended by itself ({status}); the end of {}:\n{}",
                    service.name,
                    service.log.display(),
                    tail(&service.log)
                );
            }
        }
        Ok(())
    }

    /// Waits until `ready` answers something, while every service lives.
    pub(crate) fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(answer) = ready() {
                return Ok(answer);
            }
            self.watch()?;
            if Instant::now() > deadline {
                bail!("{what}: not within {} s", limit.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        while let Some(mut service) = self.services.get_mut().pop() {
            end(&mut service.child, service.group, service.stop);
            let _gone = self.guard.get_mut().forget(service.group);
        }
    }
}

fn end(child: &mut Child, group: Pid, stop: Stop) {
    let _gone = kill_process_group(group, stop.signal());
    let deadline = Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _gone = kill_process_group(group, Signal::KILL);
    let _ended = child.wait();
}

/// The program and its arguments, never its environment: secrets travel there.
fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|word| word.to_string_lossy().into_owned());
    std::iter::once(program_of(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn program_of(command: &Command) -> String {
    let program = command.get_program();
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("  {line}\n")).collect()
}
