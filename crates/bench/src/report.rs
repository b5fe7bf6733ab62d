use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// One figure with a lower bound, and whatever explains it.
#[derive(Clone)]
pub(crate) struct Figure {
    /// The bench.
    pub(crate) bench: &'static str,
    /// Ours over the baseline, as a rate.
    pub(crate) ratio: f64,
    /// What is asked of it.
    pub(crate) at_least: f64,
    /// Rounds measured.
    pub(crate) rounds: usize,
    /// Further fields, in the order in which they are told.
    pub(crate) details: Vec<(&'static str, Value)>,
}

/// Prints the figures, and appends them to `file` as JSON lines.
#[expect(clippy::print_stdout, reason = "a command-line tool answers on stdout")]
pub(crate) fn tell(figures: &[Figure], file: Option<&Path>) -> Result<()> {
    for figure in figures {
        let verdict = if figure.ratio >= figure.at_least { "reached" } else { "NOT reached" };
        println!(
            "{}: ratio {:.3}, at least {} {verdict}, {} rounds",
            figure.bench, figure.ratio, figure.at_least, figure.rounds
        );
        for (name, value) in &figure.details {
            println!("    {name:<32} {value}");
        }
        let Some(file) = file else { continue };
        let mut line = Map::new();
        line.insert("bench".to_owned(), json!(figure.bench));
        line.insert("ratio".to_owned(), json!(figure.ratio));
        line.insert("rounds".to_owned(), json!(figure.rounds));
        line.insert("at_least".to_owned(), json!(figure.at_least));
        line.extend(figure.details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .context("open the JSON file")?;
        writeln!(out, "{}", Value::Object(line)).context("write the JSON file")?;
    }
    Ok(())
}
