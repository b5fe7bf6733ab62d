//! The log: on standard error, without secrets and health data.

use std::error::Error;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;

use chrono::SecondsFormat;
use restartix_kernel::{Clock, SystemClock};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use crate::config::{Format, Log};

/// Starts logging, panics included. Once in a process.
pub(crate) fn start(log: &Log) -> Result<(), TryInitError> {
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        Format::Json => JsonLines.boxed(),
        Format::Text => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            lines.with_ansi(std::io::stderr().is_terminal()).boxed()
        }
    };
    tracing_subscriber::registry().with(lines.with_filter(log.level.clone())).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs where a panic happened. Its message only when it stands in the source: one that was put
/// together may hold anything.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
    tracing::error!(place, "a panic: {message}");
}

/// One JSON object a line, an error with its causes: `tracing-subscriber`'s own JSON leaves the
/// causes out, and they are what an operator needs.
struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = line(event).to_string() + "\n";
        // Where standard error is gone there is nobody to tell. One write, so that lines stay whole.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn line(event: &Event<'_>) -> Value {
    let now = SystemClock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut fields = Fields(Map::new());
    fields.put("timestamp", now);
    fields.put("level", event.metadata().level().as_str());
    fields.put("target", event.metadata().target());
    event.record(&mut fields);
    Value::Object(fields.0)
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        // Milliseconds come as such; they fit for longer than a server runs.
        self.put(field.name(), u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let chain =
            std::iter::successors(Some(value), |error: &&(dyn Error + 'static)| (*error).source());
        let texts: Vec<String> = chain.map(ToString::to_string).collect();
        self.put(field.name(), texts.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Keep(Arc<Mutex<Vec<Value>>>);

    impl<S: Subscriber> Layer<S> for Keep {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(line(event));
        }
    }

    #[test]
    fn a_line_holds_an_error_with_its_causes() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Keep(kept.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let cause = std::io::Error::other("connection refused");
            let error = restartix_kernel::StoreError::Unavailable(Box::new(cause));
            let error: &dyn Error = &error;
            tracing::warn!(error, attempts = 3, "not \"yet\"");
        });
        let lines = kept.lock().unwrap();
        insta::assert_json_snapshot!(*lines, { "[].timestamp" => "[now]" });
    }
}
