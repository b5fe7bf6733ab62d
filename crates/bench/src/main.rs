//! The benches and their baselines, run by `cargo xtask bench NAME`.
//!
//! Each figure is a ratio: ours over a baseline as a rate, greater is better, both measured in
//! interleaved rounds of one run on one machine, so that it means the same on any machine. The
//! median of the rounds' ratios counts. What has no lower bound goes into further fields.

mod audit;
mod availability;
mod booking;
mod insights;
mod migration;
mod outage;
mod presign;
mod report;
mod request;
mod rounds;
mod upload;
mod video_token;
mod webhooks;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about, arg_required_else_help = true)]
struct Arguments {
    /// The benches to run.
    names: Vec<String>,
    /// Names every bench, a line each, and ends.
    #[arg(long)]
    list: bool,
    /// Appends a line of JSON per figure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How many bookings `migration` loads.
    #[arg(long, default_value_t = 1_000_000)]
    bookings: u32,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What a bench runs as a process of its own.
#[derive(Subcommand)]
enum Part {
    /// The baseline of `request`: a bare handler with the same SELECT.
    #[command(hide = true)]
    BareServer(request::bare::Arguments),
    /// The load generator.
    #[command(hide = true)]
    Load(request::load::Arguments),
    /// The baseline of `booking`: a bare transaction that writes the same rows.
    #[command(hide = true)]
    BareBookings(booking::bare::Arguments),
    /// The load generator of `booking`.
    #[command(hide = true)]
    Bookings(booking::load::Arguments),
}

const BENCHES: [&str; 11] = [
    "availability",
    "booking",
    "insights",
    "migration",
    "presign",
    "request",
    "upload",
    "video-token",
    "audit",
    "outage",
    "webhooks",
];

#[expect(clippy::print_stdout, reason = "a command-line tool answers on stdout")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::BareServer(bare)) => return request::bare::serve(bare),
        Some(Part::Load(load)) => return request::load::generate(&load),
        Some(Part::BareBookings(bare)) => return booking::bare::generate(&bare),
        Some(Part::Bookings(load)) => return booking::load::generate(&load),
        None => {}
    }
    if arguments.list {
        for name in BENCHES {
            println!("{name}");
        }
        return Ok(());
    }
    for name in &arguments.names {
        let figures = match name.as_str() {
            "availability" => availability::measure()?,
            "booking" => booking::measure()?,
            "insights" => insights::measure()?,
            "migration" => migration::measure(arguments.bookings)?,
            "presign" => presign::measure()?,
            "request" => request::measure()?,
            "upload" => upload::measure()?,
            "video-token" => video_token::measure()?,
            "audit" => audit::measure()?,
            "outage" => outage::measure()?,
            "webhooks" => webhooks::measure()?,
            other => anyhow::bail!("there is no bench {other}; `--list` names them"),
        };
        report::tell(&figures, arguments.json.as_deref())?;
    }
    Ok(())
}
