//! Starts the program and talks to it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers as well"
)]

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use restartix_kernel::ExposeSecret;
use restartix_testkit::{TestDatabase, free_port};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;

/// What signs the tokens of these tests.
pub(crate) const SECRET: &str = "for-development-and-tests-only-0123456789";

/// The program, with the configuration of one test.
pub(crate) struct Program(Vec<(String, String)>);

impl Program {
    /// With a database in which nothing is; its roles may be there, for they are the cluster's.
    pub(crate) async fn with_empty_database() -> Self {
        Self::over(&TestDatabase::blank().await.unwrap())
    }

    /// With a database that has every migration.
    pub(crate) async fn with_database() -> Self {
        Self::over(&TestDatabase::create().await.unwrap())
    }

    fn over(database: &TestDatabase) -> Self {
        let url = |role| database.url(role).expose_secret().to_owned();
        let nothing = format!("127.0.0.1:{}", free_port().unwrap());
        Self::of(&[
            ("CORE_DATABASE__BOOTSTRAP_URL", &url("postgres")),
            ("CORE_DATABASE__MIGRATOR_URL", &url("core_migrator")),
            ("CORE_DATABASE__APP_URL", &url("core_app")),
            ("CORE_DATABASE__WORKER_URL", &url("core_worker")),
            ("CORE_REDIS__URL", &format!("redis://{nothing}")),
            ("CORE_DAILY__BASE_URL", &format!("http://{nothing}/v1")),
        ])
    }

    /// With a database that is never reached, and one setting more.
    pub(crate) fn with(name: &str, value: &str) -> Self {
        Self::of(&[
            ("CORE_DATABASE__APP_URL", "postgres://core_app@127.0.0.1:1/none"),
            ("CORE_DATABASE__WORKER_URL", "postgres://core_worker@127.0.0.1:1/none"),
            (name, value),
        ])
    }

    fn of(pairs: &[(&str, &str)]) -> Self {
        let usual = [
            ("CORE_PROFILE", "development"),
            ("CORE_HTTP__BIND", "127.0.0.1:0"),
            ("CORE_METRICS__BIND", "127.0.0.1:0"),
            ("CORE_IDENTITY__HS256_SECRET", SECRET),
            ("CORE_DAILY__API_KEY", "key-of-the-account"),
        ];
        let pairs = usual.iter().chain(pairs);
        Self(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_core-api"));
        command.args(arguments).env_clear().envs(self.0.iter().cloned());
        command
    }

    /// Runs a command to its end and answers what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {log}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail, and answers why it did.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} was not refused");
        assert!(output.stdout.is_empty(), "a refused command has no answer");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts the server, and waits until it says where it listens.
    pub(crate) async fn serve(&self) -> Server {
        Self::listening(self.command(&["serve"])).await
    }

    /// Starts the workers apart, where no more than so many files may be open, unless they ask for more.
    pub(crate) async fn work(&self, open_files: u16) -> Server {
        let work = self.command(&["worker"]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("ulimit -Sn {open_files}; exec \"$0\" \"$@\"")]);
        shell.arg(work.get_program()).args(work.get_args());
        Self::listening({
            shell.env_clear().envs(self.0.iter().cloned());
            shell
        })
        .await
    }

    async fn listening(command: Command) -> Server {
        let mut command = tokio::process::Command::from(command);
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let address = loop {
            let before = log.len();
            assert!(lines.read_line(&mut log).await.unwrap() > 0, "it ended: {log}");
            if let Some((_, rest)) = log[before..].split_once("\"addresses\":\"[") {
                break rest.split(']').next().unwrap().parse().unwrap();
            }
        };
        Server { address, child, lines, log }
    }
}

/// A running server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    lines: BufReader<tokio::process::ChildStderr>,
    log: String,
}

impl Server {
    /// Asks for `path` until the answer has this status, for ten seconds at most.
    pub(crate) async fn until_answer(&self, path: &str, status: u16) -> String {
        let wanted = format!("HTTP/1.1 {status} ");
        let asked = async {
            loop {
                let answer = get(self.address, path, None).await;
                if answer.starts_with(&wanted) {
                    return answer;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asked).await.expect("another status")
    }

    /// Asks for `path` until the answer holds this text, for ten seconds at most.
    pub(crate) async fn until_text(&self, path: &str, text: &str) -> String {
        let asked = async {
            loop {
                let answer = get(self.address, path, None).await;
                if answer.contains(text) {
                    return answer;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), asked).await.expect("another text")
    }

    /// The line of its limits that begins so.
    pub(crate) fn limit(&self, name: &str) -> String {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id().unwrap()));
        limits.unwrap().lines().find(|line| line.starts_with(name)).unwrap().to_owned()
    }

    /// Asks it to end, requires that it does so in order, and answers its log.
    pub(crate) async fn end(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.lines.read_to_string(&mut self.log).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        assert_eq!(ended.unwrap().unwrap().code(), Some(0), "{}", self.log);
        self.log
    }
}

/// One request over a connection of its own; the whole answer as it came.
pub(crate) async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> String {
    let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let bearer = bearer.unwrap_or_default();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{bearer}\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The JSON of an answer.
pub(crate) fn body(answer: &str) -> serde_json::Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}
