//! A Redis of a test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use restartix_kernel::{Clock, SystemClock};
use restartix_redis::{Redis, RedisConfig};
use tempfile::TempDir;

/// A `redis-server` on a free port; it ends with the test.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder: TempDir::new().unwrap(), port, process: None };
        server.resume().await;
        server
    }

    /// Starts it on the same port, empty, and waits until it answers.
    pub(crate) async fn resume(&mut self) {
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be in PATH");
        self.process = Some(process);
        let redis = self.redis();
        until("Redis answers", async || redis.probe().await.is_ok()).await;
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::open(&RedisConfig::new(self.url().into())).unwrap()
    }

    /// A plain connection, for looking behind the adapter's back.
    pub(crate) async fn plain(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until `condition` holds, ten seconds at the most.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}
