use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::reader::Reader;

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// For machines or for people.
    pub format: Format,
    /// Which lines, by target and level.
    pub level: Targets,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

impl Log {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let format = reader.or("log.format", Format::Json, |text| match text {
            "json" => Ok(Format::Json),
            "text" => Ok(Format::Text),
            _ => Err("must be json or text"),
        });
        let info = Targets::new().with_default(Level::INFO);
        Self { format, level: reader.or("log.level", info, levels) }
    }
}

fn levels(text: &str) -> Result<Targets, &'static str> {
    const RULE: &str = "must be error, warn, info, debug or trace, or levels by target";
    // `Targets` would take a misspelt level for a target, and log all of it.
    let is_level = |part: &str| {
        let (_, level) = part.rsplit_once('=').unwrap_or(("", part));
        level.trim().parse::<LevelFilter>().is_ok()
    };
    if text.split(',').all(is_level) { text.parse().map_err(|_| RULE) } else { Err(RULE) }
}
