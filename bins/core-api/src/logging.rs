//! The log: on standard error, without secrets and health data.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Format, Log};

/// Starts logging, panics included. Once in a process.
pub(crate) fn start(log: &Log) -> Result<(), TryInitError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
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
    tracing::error!(place, message, "a panic");
}
