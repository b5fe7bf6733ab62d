//! Whatever ends xtask, `kill -9` included, its watchdog stops what xtask started.
#![cfg(test)]

use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};

fn program(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn().unwrap()
}

fn guard() -> Child {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("guard-children")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends the watchdog's pipe, as the end of xtask does, and waits for its work.
fn orphan(mut guard: Child) {
    drop(guard.stdin.take());
    assert!(guard.wait().unwrap().success());
}

#[test]
fn what_is_watched_ends_with_xtask() {
    let mut child = program("exec sleep 600");
    let mut guard = guard();
    writeln!(guard.stdin.as_mut().unwrap(), "watch {} terminate", child.id()).unwrap();
    // Reaped at once, as init reaps what has lost its parent.
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    orphan(guard);
    assert_eq!(reaper.join().unwrap().signal(), Some(15));
}

#[test]
fn grandchildren_end_too() {
    let mut child = program("sleep 600 & wait");
    let output = child.stdout.take().unwrap();
    let mut guard = guard();
    writeln!(guard.stdin.as_mut().unwrap(), "watch {} terminate", child.id()).unwrap();
    let reaper = std::thread::spawn(move || child.wait().unwrap());
    orphan(guard);
    reaper.join().unwrap();
    // The pipe ends when nobody in the group holds it any more.
    assert_eq!(std::io::read_to_string(output).unwrap(), "");
}

#[test]
fn what_has_ended_by_itself_is_left_alone() {
    let mut child = program("exec sleep 600");
    let mut guard = guard();
    let orders = guard.stdin.as_mut().unwrap();
    writeln!(orders, "watch {} terminate", child.id()).unwrap();
    writeln!(orders, "forget {}", child.id()).unwrap();
    orphan(guard);
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
