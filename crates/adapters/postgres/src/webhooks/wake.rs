use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel_async::SimpleAsyncConnection;
use futures_util::StreamExt;
use restartix_kernel::{Clock, Secret};
use restartix_webhooks::Wake;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::DatabaseConfig;
use crate::database::connect_once;

/// How long it waits before it connects again.
const PAUSE: Duration = Duration::from_secs(2);

/// Listens for what sequencers announce (`NOTIFY webhook_deliveries`, without a word of whose), on a
/// connection of its own. While that is lost nobody is woken: the poll stands behind it.
pub struct PgWebhookWake {
    called: Arc<Notify>,
    listener: JoinHandle<()>,
}

impl PgWebhookWake {
    /// Listens from now on, as the role of `config`. Needs a tokio runtime; ends when dropped.
    pub fn start(config: &DatabaseConfig, clock: Arc<dyn Clock>) -> Self {
        let called = Arc::new(Notify::new());
        let (url, ca_file) = (config.url.clone(), config.ca_file.clone());
        let listener = tokio::spawn(listen(url, ca_file, called.clone(), clock));
        Self { called, listener }
    }
}

impl Drop for PgWebhookWake {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(url: Secret, ca_file: Option<PathBuf>, called: Arc<Notify>, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = hear(&url, &ca_file, &called).await {
            tracing::debug!(error, "nobody announces webhooks now");
        }
        clock.sleep(PAUSE).await;
    }
}

/// Hears until the connection is lost.
async fn hear(
    url: &Secret,
    ca_file: &Option<PathBuf>,
    called: &Notify,
) -> Result<(), &'static str> {
    let connection = connect_once(url, ca_file.as_deref()).await;
    let mut connection = connection.map_err(|_| "no connection")?;
    connection.batch_execute("LISTEN webhook_deliveries").await.map_err(|_| "no LISTEN")?;
    // What was announced before may have been missed.
    called.notify_one();
    let mut heard = std::pin::pin!(connection.notifications_stream());
    while let Some(Ok(_)) = heard.next().await {
        called.notify_one();
    }
    Err("the connection is lost")
}

#[async_trait]
impl Wake for PgWebhookWake {
    async fn woken(&self) {
        self.called.notified().await;
    }
}
