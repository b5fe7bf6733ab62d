use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long chromedriver may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// A `chromedriver` on a port that it chose itself; it ends with its owner.
#[derive(Debug)]
pub(super) struct Driver {
    process: Child,
    port: u16,
    /// Held open: chromedriver must not write into a closed pipe.
    _said: BufReader<ChildStdout>,
}

impl Driver {
    pub(super) async fn start() -> Result<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start chromedriver; `cargo xtask test` installs it")?;
        let said = process.stdout.take().context("chromedriver has a standard output")?;
        let listening = tokio::task::spawn_blocking(move || port(BufReader::new(said)));
        let told = match tokio::time::timeout(START, listening).await {
            Ok(told) => told.context("read from chromedriver")?,
            Err(_) => Err(anyhow::anyhow!("chromedriver says nothing")),
        };
        match told {
            Ok((port, said)) => Ok(Self { process, port, _said: said }),
            Err(error) => {
                // It may have ended by itself; either way it is gone afterwards.
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks it to end its browsers, which outlive a chromedriver that is killed, and itself.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream
            .write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.shut_down();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in `ChromeDriver was started successfully on port 41193.`
fn port(mut said: BufReader<ChildStdout>) -> Result<(u16, BufReader<ChildStdout>)> {
    let mut line = String::new();
    while said.read_line(&mut line)? > 0 {
        if let Some((_, rest)) = line.split_once("started successfully on port ") {
            let port = rest.trim().trim_end_matches('.').parse();
            return Ok((port.context("chromedriver's port")?, said));
        }
        line.clear();
    }
    anyhow::bail!("chromedriver ended without listening")
}
