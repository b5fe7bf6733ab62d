use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::free_port;

/// A Redis of one test's own, without persistence; it ends with the test.
#[derive(Debug)]
pub struct TestRedis {
    port: u16,
    server: Option<Child>,
}

impl TestRedis {
    /// Starts `redis-server` from the path on a free port.
    pub fn start() -> Result<Self> {
        let mut redis = Self { port: free_port()?, server: None };
        redis.resume()?;
        Ok(redis)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends one command; the first line of its reply, as it came (RESP).
    pub fn command(&self, parts: &[&str]) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("reach Redis")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut request = format!("*{}\r\n", parts.len());
        for part in parts {
            request.push_str(&format!("${}\r\n{part}\r\n", part.len()));
        }
        stream.write_all(request.as_bytes()).context("ask Redis")?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).context("hear Redis")?;
        if reply.starts_with('-') {
            bail!("Redis refuses {parts:?}: {reply}");
        }
        Ok(reply.trim_end().to_owned())
    }

    /// Kills it: everything in it is lost.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended by itself; either way it is gone afterwards.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Starts it again on the same port, empty.
    pub fn resume(&mut self) -> Result<()> {
        self.stop();
        let port = self.port.to_string();
        let server = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start redis-server; `cargo xtask test` installs it")?;
        self.server = Some(server);
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not listen on port {port}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.stop();
    }
}
