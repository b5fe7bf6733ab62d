use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::free_port;

/// The test string of EICAR in hexadecimal, as a signature of ClamAV's form `.ndb`: a name, any kind of
/// file, anywhere in it.
const SIGNATURE: &str = "Own.Eicar:0:*:58354f2150254041505b345c505a58353428505e2937434329377d2445494341\
                         522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a\n";

/// A clamd of one test's own, with one signature, ours: nothing is downloaded. It ends with the test.
#[derive(Debug)]
pub struct TestClamd {
    port: u16,
    folder: TempDir,
    daemon: Option<Child>,
}

impl TestClamd {
    /// Starts `clamd` on a free port and a socket. As a stream it takes `most` bytes.
    pub fn start(most: u64) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("restartix-clamd-").tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(path("signatures"))?;
        std::fs::write(path("signatures/own.ndb"), SIGNATURE)?;
        let port = free_port()?;
        let settings = format!(
            "Foreground yes\nDatabaseDirectory {}\nTemporaryDirectory {}\nLogFile {}\n\
             LocalSocket {}\nTCPAddr 127.0.0.1\nTCPSocket {port}\nMaxConnectionQueueLength 30\n\
             StreamMaxLength {most}\nMaxScanSize {most}\nMaxFileSize {most}\nAlertExceedsMax yes\n",
            path("signatures"),
            path(""),
            path("clamd.log"),
            path("clamd.sock"),
        );
        std::fs::write(path("clamd.conf"), settings)?;
        let mut clamd = Self { port, folder, daemon: None };
        clamd.resume()?;
        Ok(clamd)
    }

    /// Where it listens: on loopback, and on a socket.
    pub fn addresses(&self) -> [String; 2] {
        let socket = self.folder.path().join("clamd.sock");
        [format!("tcp://127.0.0.1:{}", self.port), format!("unix:{}", socket.display())]
    }

    /// Kills it.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // It may have ended by itself; either way it is gone afterwards.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Starts it again where it was.
    pub fn resume(&mut self) -> Result<()> {
        self.stop();
        // Debian keeps servers where only root's PATH leads.
        let usual = std::path::Path::new("/usr/sbin/clamd");
        let program = if usual.is_file() { usual } else { std::path::Path::new("clamd") };
        let settings = self.folder.path().join("clamd.conf");
        let daemon = Command::new(program)
            .arg(format!("--config-file={}", settings.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start clamd; `cargo xtask test` installs it")?;
        self.daemon = Some(daemon);
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ping().is_err() {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("clamd.log"));
                bail!("clamd does not answer: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn ping(&self) -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"zPING\0")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if answer == b"PONG\0" { Ok(()) } else { bail!("another answer") }
    }
}

impl Drop for TestClamd {
    fn drop(&mut self) {
        self.stop();
    }
}
