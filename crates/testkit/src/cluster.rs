use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::database::{asked, server};
use crate::free_port;

/// How long a cluster may take to come up, with the recovery after a kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL cluster of one test's own, which may be killed. It writes ahead as one that is lived in
/// does; only the power must not fail.
///
/// It runs the programs of the cluster that tests share, as the account that owns that one's data.
#[derive(Debug)]
pub struct TestCluster {
    home: PathBuf,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    port: u16,
    server: Option<Child>,
}

impl TestCluster {
    /// Makes a cluster and starts it.
    pub async fn start() -> Result<Self> {
        let shared = server()?;
        let ask = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
        let programs = PathBuf::from(asked(&shared, ask).await?);
        let ask = "SELECT setting FROM pg_settings WHERE name = 'data_directory'";
        let theirs = PathBuf::from(asked(&shared, ask).await?);
        let home = std::env::temp_dir().join(format!("rtx-cluster-{}", free_port()?));
        std::fs::create_dir(&home).with_context(|| format!("make {}", home.display()))?;
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700))?;
        let ours = std::fs::metadata(&home)?.uid();
        let owner =
            std::fs::metadata(&theirs).context("the shared cluster is not on this machine")?;
        let account = (ours != owner.uid()).then(|| (owner.uid(), owner.gid()));
        if let Some((uid, gid)) = account {
            chown(&home, Some(uid), Some(gid))
                .context("hand the folder to PostgreSQL's account")?;
        }
        let mut cluster = Self { home, programs, account, port: free_port()?, server: None };
        let made = cluster
            .command("initdb")
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--no-instructions", "--auth=trust"])
            .arg(format!("--pgdata={}", cluster.data().display()))
            .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster.resume()?;
        Ok(cluster)
    }

    /// The URL of its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// `kill -9`: nothing is finished, and whoever is connected is cut off.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended by itself; either way it is gone afterwards.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Starts it again on the same port, and waits until it answers: what had committed is there.
    pub fn resume(&mut self) -> Result<()> {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let pid = self.launch()?;
            while Instant::now() < deadline {
                if self.is_ready(pid) {
                    return Ok(());
                }
                // While processes of the one that was killed are still there, it refuses to start.
                let ended = self
                    .server
                    .as_mut()
                    .is_none_or(|server| !matches!(server.try_wait(), Ok(None)));
                if ended {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            if Instant::now() > deadline {
                bail!("PostgreSQL does not come up on port {}", self.port);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn launch(&mut self) -> Result<u32> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in [
            &format!("port={}", self.port),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            // What a killed process wrote is in the system's hands.
            "fsync=off",
            "restart_after_crash=on",
        ] {
            command.args(["-c", setting]);
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let server = command.spawn().context("start postgres")?;
        let pid = server.id();
        self.server = Some(server);
        Ok(pid)
    }

    /// What `postmaster.pid` says: its first line is the process, its eighth the state.
    fn is_ready(&self, pid: u32) -> bool {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn log(&self) -> PathBuf {
        self.home.with_extension("log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(Path::new("/"));
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.kill();
        // Its processes go when they find that it is gone; what they still hold goes with them.
        let _ = std::fs::remove_dir_all(&self.home);
        let _ = std::fs::remove_file(self.log());
    }
}
