//! A Redis of our own. Nothing in it is meant to last: holds and rate limits.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::free_port;
use super::install::{Package, in_path, install};
use crate::run::{Session, Stop};

const PACKAGE: Package = Package { title: "Redis", apt: "redis-server", brew: "redis" };

/// `redis-server`, found or installed.
pub(super) fn program(session: &Session) -> Result<PathBuf> {
    if let Some(found) = in_path("redis-server") {
        return Ok(found);
    }
    install(session, &PACKAGE)?;
    in_path("redis-server").context("Redis is installed, but redis-server is not in the PATH")
}

pub(super) fn start(session: &Session, dir: &Path) -> Result<String> {
    fs::create_dir_all(dir)?;
    let program = program(session)?;
    let port = free_port()?;
    let mut command = Command::new(program);
    command.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    session.spawn(
        "Redis",
        command.arg("--dir").arg(dir),
        Stop::Terminate,
        &dir.join("redis.log"),
    )?;
    session.wait_for("Redis does not answer", Duration::from_secs(10), || {
        answers(port).then_some(())
    })?;
    Ok(format!("redis://127.0.0.1:{port}"))
}

fn answers(port: u16) -> bool {
    let limit = Duration::from_secs(1);
    let mut answer = [0; 5];
    TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(b"PING\r\n")?;
            stream.read_exact(&mut answer)
        })
        .is_ok_and(|()| &answer == b"+PONG")
}
