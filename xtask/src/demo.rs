//! `cargo xtask demo`: the main job, end to end, against its own stack, as users of two clinics.
//!
//! Over HTTP only, with what a client sees and how long it took; any surprise is exit 1 with the difference.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::run::Session;
use crate::services::Purpose;
use crate::stack::{self, Client, Clinic, Plan, Register, Stack};

mod audit;
mod call;
mod exercises;
mod files;
mod hooks;
mod made;
mod operations;
mod recording;
mod telemetry;
mod tour;
mod walls;

use files::Papers;
use made::Made;
use recording::Recorded;
use tour::Tour;

/// Long enough for the slowest machine that is worth waiting for.
const TOKEN_MINUTES: u32 = 30;

/// The people of one clinic who take part, each with their own client.
struct Cast<'a> {
    clinic: &'a Clinic,
    admin: Client,
    specialist: Client,
    patient: Client,
    other_patient: Client,
}

pub(crate) fn run(session: &Session) -> Result<ExitCode> {
    let dir = session.workspace().target().join("demo");
    session.claim(&dir)?;
    for file in ["secrets.json", "demo-data.json"] {
        // Left by a run that failed.
        let _absent = fs::remove_file(dir.join(file));
    }
    let plan = Plan {
        dir: dir.clone(),
        port: None,
        release: false,
        purpose: Purpose::Demo,
        database_url: None,
        redis_url: None,
        mutants: false,
    };
    let stack = Stack::prepare(session, &plan)?;
    let started = Instant::now();
    let mut register = Register::open(dir.join("demo-data.json"));
    let clinics = stack::clinics(session, &stack, &mut register)?;
    let client = stack.serve(session, &dir)?;
    let first =
        cast(session, &stack, &client, clinics.first().context("the fixture has no clinic")?)?;
    let second =
        cast(session, &stack, &client, clinics.get(1).context("the fixture has one clinic")?)?;
    let dana = client.with_token(&stack.token(session, "dana-two-clinics", TOKEN_MINUTES)?);

    let papers = Papers::read(session)?;
    let mut tour = Tour::new(session);
    let outcome = play(&mut tour, &stack, &papers, &client, &dana, [&first, &second]);
    println!("\n{}\n", tour.table());
    if let Err(surprise) = outcome {
        println!("SURPRISE: {surprise:#}\n\nlogs: {}", dir.display());
        return Ok(ExitCode::FAILURE);
    }
    println!("no surprise; {} steps in {:.1} s", tour.len(), started.elapsed().as_secs_f64());
    Ok(ExitCode::SUCCESS)
}

fn play(
    tour: &mut Tour<'_>,
    stack: &Stack,
    papers: &Papers,
    nobody: &Client,
    dana: &Client,
    [first, second]: [&Cast<'_>; 2],
) -> Result<()> {
    let daily = Client::new(&stack.daily_url);
    let receiver = Client::new(&stack.receiver_url);
    call::doors(tour, nobody, dana, first, second)?;
    let [first_tool, second_tool] =
        [hooks::listen(tour, &receiver, first)?, hooks::listen(tour, &receiver, second)?];
    let offer = call::furnish(tour, first)?;
    let booked = call::book_and_join(tour, &daily, first, offer)?;
    let recorded = recording::keep(tour, stack, &daily, first, &booked)?;
    let filed = files::exchange(tour, papers, first, &booked)?;
    let assigned = exercises::assign_and_do(tour, first, &booked)?;
    let happened = [
        ("appointment.created", 3),
        ("appointment.cancelled", 1),
        // Once more, because the patient consented to a recording.
        ("video.room_ready", 4),
        ("video.recording_available", 1),
        ("file.available", 4),
        ("document.signed", 1),
        ("program.assigned", 1),
        ("exercise.completed", 1),
        ("outcome.recorded", 1),
    ];
    let hooked = hooks::heard(tour, &receiver, first, first_tool, &happened)?;
    let aurora = Made { booked, recorded, filed, assigned, hooked };
    let offer = call::furnish(tour, second)?;
    let booked = call::book(tour, second, offer)?;
    let filed = files::exchange(tour, papers, second, &booked)?;
    let assigned = exercises::assign_and_do(tour, second, &booked)?;
    let happened = [
        ("appointment.created", 1),
        ("video.room_ready", 1),
        ("file.available", 3),
        ("document.signed", 1),
        ("program.assigned", 1),
        ("exercise.completed", 1),
        ("outcome.recorded", 1),
    ];
    let hooked = hooks::heard(tour, &receiver, second, second_tool, &happened)?;
    let recorded = Recorded::nobodys(booked.appointment.clone())?;
    let tamar = Made { booked, recorded, filed, assigned, hooked };
    exercises::told(tour, &Client::new(&stack.telemetry_url), &[first, second])?;
    audit::every_act(tour, first, &aurora, &tamar)?;
    audit::every_act(tour, second, &tamar, &aurora)?;
    let sink = Client::new(&stack.telemetry_url);
    telemetry::everything_told(tour, &sink, first)?;
    telemetry::everything_told(tour, &sink, second)?;
    walls::foreign_ids(tour, nobody, second, &aurora)?;
    walls::foreign_ids(tour, nobody, first, &tamar)?;
    walls::untouched(tour, first, &aurora)?;
    walls::untouched(tour, second, &tamar)
}

fn cast<'a>(
    session: &Session,
    stack: &Stack,
    client: &Client,
    clinic: &'a Clinic,
) -> Result<Cast<'a>> {
    let of = |subject: &str| -> Result<Client> {
        Ok(client.with_token(&stack.token(session, subject, TOKEN_MINUTES)?))
    };
    Ok(Cast {
        clinic,
        admin: of(&clinic.first("admin")?.subject)?,
        specialist: of(&clinic.first("specialist")?.subject)?,
        patient: of(&clinic.first("patient")?.subject)?,
        other_patient: of(&clinic.second("patient")?.subject)?,
    })
}
