//! Insights as the API and the pages tell them: the services' reports in tables.

use std::collections::BTreeSet;

use restartix_telemetry::insights::report::{
    ActivityRow, AdherenceRow, CompletionRow, GroupRow, OutcomeRow,
};
use restartix_telemetry::insights::{
    ACTIVITY, ADHERENCE, COMPLETION, CourseProgress, OUTCOMES, OutcomeMonth, PatientWeek, Share,
    Weeks,
};
use restartix_tenancy::{Personal, Tenant};
use restartix_workflows::{Failure, Named, PatientSummary, Progress};

use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Column, Field, InsightTable, day};
use crate::{Api, Problem};

/// Weeks that are told of unless others are asked for.
const USUAL_WEEKS: u32 = 12;
/// For outcomes, which are measured by the month.
const USUAL_OUTCOMES: u32 = 26;

macro_rules! columns {
    ($($name:literal: $title:literal),+ $(,)?) => {
        vec![$(Column { name: $name, title: $title }),+]
    };
}

/// What one insight is asked with: `patient` and a division other than the first exclude each other.
fn alone(query: &InsightQuery, groups: &[GroupBy]) -> Result<(), Problem> {
    if query.patient.is_some() && query.group_by != GroupBy::Everybody {
        return Err(Problem::parameter("group_by", "not_with_patient_id"));
    }
    if groups.contains(&query.group_by) {
        Ok(())
    } else {
        Err(Problem::parameter("group_by", "not_here"))
    }
}

/// Whether it is one patient's progress: a patient's own unless somebody is named.
fn is_progress(tenant: &Tenant, query: &InsightQuery) -> bool {
    let patient = matches!(tenant.reach(), restartix_tenancy::Reach::Own(_));
    query.patient.is_some() || (patient && query.group_by == GroupBy::Everybody)
}

fn weeks(api: &Api, query: &InsightQuery, usual: u32) -> Weeks {
    query.weeks.unwrap_or_else(|| api.dashboards.last_weeks(usual))
}

/// The weeks of somebody's progress: unless others are asked for, up to the one under way.
fn own_weeks(api: &Api, query: &InsightQuery, usual: u32) -> Weeks {
    let last = api.dashboards.last_weeks(1).last().after(2);
    query.weeks.unwrap_or_else(|| Weeks::up_to(last, usual.saturating_add(2)))
}

/// Adherence: of everybody by week, by specialist, by patient, or of one patient.
pub async fn adherence(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    alone(query, &GroupBy::ALL)?;
    if is_progress(tenant, query) {
        let weeks = own_weeks(api, query, USUAL_WEEKS);
        let progress = api.dashboards.progress(tenant, query.patient, weeks).await?;
        return Ok(progress_table(&progress, weeks));
    }
    let weeks = weeks(api, query, USUAL_WEEKS);
    let mut shown = BTreeSet::new();
    let (columns, rows) = match query.group_by {
        GroupBy::Everybody => {
            let rows = api.dashboards.adherence(tenant, weeks).await?;
            (adherence_columns(), rows.iter().map(adherence_row).collect())
        }
        GroupBy::Specialist => {
            let rows = api.dashboards.adherence_by_specialist(tenant, weeks).await?;
            (group_columns(), rows.iter().map(group_row).collect())
        }
        GroupBy::Patient => {
            let rows = api.dashboards.patients(tenant, weeks).await?;
            shown.extend(rows.iter().map(|named| named.row.patient));
            (patient_columns(), rows.iter().map(patient_row).collect())
        }
    };
    let of = table(api, ADHERENCE, weeks, query.group_by, columns, rows);
    Ok(InsightTable { patients: shown, ..of })
}

/// Outcomes: of everybody by month and instrument, or of one patient.
pub async fn outcomes(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    alone(query, &[GroupBy::Everybody])?;
    if is_progress(tenant, query) {
        let weeks = own_weeks(api, query, USUAL_OUTCOMES);
        let progress = api.dashboards.progress(tenant, query.patient, weeks).await?;
        return Ok(own_outcomes(&progress, weeks));
    }
    let weeks = weeks(api, query, USUAL_OUTCOMES);
    let rows = api.dashboards.outcomes(tenant, weeks).await?;
    let columns = columns! {
        "month": "Month", "instrument": "Instrument", "patients": "Patients",
        "improved": "Improved", "unchanged": "Unchanged", "worsened": "Worsened",
        "mean_change": "Mean change", "mcid": "Important difference", "better": "Better is",
    };
    let rows = rows.iter().map(outcome_row).collect();
    Ok(table(api, OUTCOMES, weeks, query.group_by, columns, rows))
}

/// Activity: of everybody by week, or of one patient.
pub async fn activity(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    alone(query, &[GroupBy::Everybody])?;
    if is_progress(tenant, query) {
        let weeks = own_weeks(api, query, USUAL_WEEKS);
        let progress = api.dashboards.progress(tenant, query.patient, weeks).await?;
        return Ok(own_activity(&progress, weeks));
    }
    let weeks = weeks(api, query, USUAL_WEEKS);
    let rows = api.dashboards.activity(tenant, weeks).await?;
    let rows = rows.iter().map(activity_row).collect();
    Ok(table(api, ACTIVITY, weeks, query.group_by, activity_columns(), rows))
}

/// How far programmes were followed: by where they stand, one by one, or those of one patient.
pub async fn completion(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    alone(query, &[GroupBy::Everybody, GroupBy::Patient])?;
    if query.patient.is_some() {
        let (progress, weeks) = progress(api, tenant, query).await?;
        return Ok(programmes(&progress, weeks));
    }
    let weeks = api.dashboards.last_weeks(1);
    let mut shown = BTreeSet::new();
    let (columns, rows) = if query.group_by == GroupBy::Patient {
        let rows = api.dashboards.courses(tenant).await?;
        shown.extend(rows.iter().map(|named| named.row.patient));
        (course_columns(), rows.iter().map(course_row).collect())
    } else {
        let rows = api.dashboards.completion(tenant).await?;
        let columns = columns! {
            "status": "Status", "programs": "Programmes", "high": "0.80 and more",
            "middle": "0.50 to 0.79", "low": "Below 0.50",
        };
        (columns, rows.iter().map(completion_row).collect())
    };
    let of = table(api, COMPLETION, weeks, query.group_by, columns, rows);
    Ok(InsightTable { patients: shown, ..of })
}

/// A patient's programmes, and how far each was followed.
pub fn programmes(progress: &Progress, weeks: Weeks) -> InsightTable {
    let row = |row: &CourseProgress| course_row(&Named { name: None, row: *row }).split_off(2);
    let columns = course_columns().split_off(2);
    let rows = progress.courses.iter().map(row).collect();
    own(progress, weeks, COMPLETION, columns, rows)
}

fn table(
    api: &Api,
    definition: &'static str,
    weeks: Weeks,
    group_by: GroupBy,
    columns: Vec<Column>,
    rows: Vec<Vec<Field>>,
) -> InsightTable {
    let smallest = api.dashboards.smallest().get();
    InsightTable {
        definition,
        weeks,
        group_by: group_by.as_str(),
        smallest_cell: (group_by != GroupBy::Patient).then_some(smallest),
        patients: BTreeSet::new(),
        columns,
        rows,
        facts: Vec::new(),
    }
}

fn own(
    progress: &Progress,
    weeks: Weeks,
    definition: &'static str,
    columns: Vec<Column>,
    rows: Vec<Vec<Field>>,
) -> InsightTable {
    InsightTable {
        definition,
        weeks,
        group_by: GroupBy::Everybody.as_str(),
        smallest_cell: None,
        patients: [progress.patient.id].into(),
        columns,
        rows,
        facts: Vec::new(),
    }
}

fn text(value: impl std::fmt::Display) -> Field {
    Field::Text(value.to_string())
}

fn count(value: u32) -> Field {
    Field::Count(value.into())
}

fn share(value: Option<Share>) -> Field {
    value.map_or(Field::NotApplicable, |share| Field::Share(share.ten_thousandths().into()))
}

/// A mean: suppressed with the number of those it is of, and not applicable for nobody.
fn mean(of: Option<u64>, value: Option<u64>) -> Field {
    match (of, value) {
        (None, _) => Field::Suppressed,
        (Some(_), value) => value.map_or(Field::NotApplicable, Field::Share),
    }
}

/// How often a session was asked for, of sevenths, in hundredths.
fn sessions(sevenths: u32) -> Field {
    Field::Hundredths((i64::from(sevenths) * 100 + 3) / 7)
}

fn name(name: Option<&Personal>) -> Field {
    name.map_or(Field::NotApplicable, |name| text(name.expose()))
}

fn adherence_columns() -> Vec<Column> {
    columns! {
        "week": "Week", "starts_on": "From Monday", "patients": "Patients",
        "high": "0.80 and more", "middle": "0.50 to 0.79", "low": "Below 0.50",
        "session_adherence": "Session adherence", "exercise_adherence": "Exercise adherence",
        "overdone": "Did more than asked",
    }
}

fn adherence_row(row: &AdherenceRow) -> Vec<Field> {
    let [high, middle, low] = row.bands.map(Field::count);
    vec![
        text(row.week),
        day(row.week.monday()),
        Field::count(row.patients),
        high,
        middle,
        low,
        mean(row.patients, row.sessions),
        mean(row.patients, row.exercises),
        Field::count(row.overdone),
    ]
}

fn group_columns() -> Vec<Column> {
    columns! {
        "week": "Week", "starts_on": "From Monday", "specialist_id": "Specialist's id",
        "specialist": "Specialist", "patients": "Patients", "session_adherence": "Session adherence",
    }
}

fn group_row(named: &Named<GroupRow>) -> Vec<Field> {
    let row = &named.row;
    vec![
        text(row.week),
        day(row.week.monday()),
        row.specialist.map_or(Field::NotApplicable, text),
        name(named.name.as_ref()),
        Field::count(row.patients),
        mean(row.patients, row.sessions),
    ]
}

fn patient_columns() -> Vec<Column> {
    columns! {
        "patient_id": "Patient's id", "patient": "Patient", "session_adherence": "Session adherence",
        "band": "Band", "days_active": "Active days", "longest_gap_days": "Longest gap, days",
        "dropped_out_in": "Dropped out in",
    }
}

fn patient_row(named: &Named<PatientSummary>) -> Vec<Field> {
    let row = &named.row;
    vec![
        text(row.patient),
        name(named.name.as_ref()),
        share(row.sessions),
        row.sessions.map_or(Field::NotApplicable, |share| text(share.band())),
        count(row.active_days),
        count(row.persistence.longest_gap_days),
        row.persistence.dropped_out.map_or(Field::NotApplicable, text),
    ]
}

/// Somebody's adherence by week.
pub fn progress_table(progress: &Progress, weeks: Weeks) -> InsightTable {
    let columns = columns! {
        "week": "Week", "starts_on": "From Monday", "under_way": "Under way",
        "sessions_asked": "Sessions asked", "sessions_done": "Sessions done",
        "session_adherence": "Session adherence", "exercise_adherence": "Exercise adherence",
        "band": "Band", "sessions_beyond": "Beyond", "days_active": "Active days",
    };
    let row = |week: &PatientWeek| {
        let (sum, under_way) = (&week.fulfilment, week.week >= progress.under_way);
        // A week under way says nothing yet of how much of it is done.
        let over = |share: Option<Share>| share.filter(|_| !under_way);
        let (sessions_of, exercises) = (over(sum.sessions()), over(sum.exercises()));
        vec![
            text(week.week),
            day(week.week.monday()),
            text(if under_way { "yes" } else { "no" }),
            sessions(sum.prescribed),
            count(sum.done),
            share(sessions_of),
            share(exercises),
            sessions_of.map_or(Field::NotApplicable, |share| text(share.band())),
            sessions(sum.overdone),
            count(week.active.count()),
        ]
    };
    let rows = progress.weeks.iter().map(row).collect();
    let kept = &progress.persistence;
    InsightTable {
        facts: vec![
            ("longest_gap_days", count(kept.longest_gap_days)),
            ("dropped_out_in", kept.dropped_out.map_or(Field::NotApplicable, text)),
        ],
        ..own(progress, weeks, ADHERENCE, columns, rows)
    }
}

fn outcome_row(row: &OutcomeRow) -> Vec<Field> {
    let none = [Field::NotApplicable, Field::NotApplicable, Field::NotApplicable];
    let [improved, unchanged, worsened] =
        row.verdicts.map_or(none, |verdicts| verdicts.map(Field::count));
    let change = match (row.patients, row.change) {
        (None, _) => Field::Suppressed,
        (Some(_), change) => change.map_or(Field::NotApplicable, Field::Hundredths),
    };
    let mcid = row.instrument.mcid();
    vec![
        text(row.month),
        text(row.instrument),
        Field::count(row.patients),
        improved,
        unchanged,
        worsened,
        change,
        mcid.map_or(Field::NotApplicable, |mcid| count(mcid.points.into())),
        mcid.map_or(Field::NotApplicable, |mcid| text(mcid.better)),
    ]
}

/// Somebody's outcomes by month.
pub fn own_outcomes(progress: &Progress, weeks: Weeks) -> InsightTable {
    let columns = columns! {
        "month": "Month", "instrument": "Instrument", "baseline": "First score",
        "latest": "Last score", "change": "Change", "verdict": "Verdict",
        "mcid": "Important difference", "better": "Better is",
    };
    let row = |row: &OutcomeMonth| {
        let (mcid, verdict) = (row.instrument.mcid(), row.instrument.verdict(row.change()));
        vec![
            text(row.month),
            text(row.instrument),
            count(row.baseline.get().into()),
            count(row.latest.get().into()),
            Field::Hundredths(i64::from(row.change()) * 100),
            verdict.map_or(Field::NotApplicable, text),
            mcid.map_or(Field::NotApplicable, |mcid| count(mcid.points.into())),
            mcid.map_or(Field::NotApplicable, |mcid| text(mcid.better)),
        ]
    };
    let rows = progress.outcomes.iter().map(row).collect();
    own(progress, weeks, OUTCOMES, columns, rows)
}

fn activity_columns() -> Vec<Column> {
    columns! {
        "week": "Week", "starts_on": "From Monday", "appointments": "Appointments",
        "confirmed": "Booked", "in_progress": "Going on", "completed": "Took place",
        "cancelled": "Called off", "no_show": "No-shows", "no_show_rate": "No-show rate",
        "video_minutes": "Video minutes", "exercises_completed": "Exercises done",
    }
}

fn activity_row(row: &ActivityRow) -> Vec<Field> {
    let [confirmed, in_progress, completed, cancelled, no_show] = row.states.map(Field::count);
    let rate = match (row.no_shows, &completed, &no_show) {
        (Some(rate), ..) => Field::Share(rate),
        (None, Field::Suppressed, _) | (None, _, Field::Suppressed) => Field::Suppressed,
        (None, ..) => Field::NotApplicable,
    };
    vec![
        text(row.week),
        day(row.week.monday()),
        Field::count(row.appointments),
        confirmed,
        in_progress,
        completed,
        cancelled,
        no_show,
        rate,
        Field::count(row.video_minutes),
        Field::count(row.exercises),
    ]
}

/// What somebody did and came to, by week.
fn own_activity(progress: &Progress, weeks: Weeks) -> InsightTable {
    let row = |week: &PatientWeek| {
        let [confirmed, in_progress, completed, cancelled, no_show] = week.visits;
        let rate = Share::new(no_show, completed.saturating_add(no_show));
        vec![
            text(week.week),
            day(week.week.monday()),
            count(week.visits.iter().sum()),
            count(confirmed),
            count(in_progress),
            count(completed),
            count(cancelled),
            count(no_show),
            share(rate),
            count(week.video_seconds / 60),
            count(week.exercises),
        ]
    };
    let rows = progress.weeks.iter().map(row).collect();
    own(progress, weeks, ACTIVITY, activity_columns(), rows)
}

fn completion_row(row: &CompletionRow) -> Vec<Field> {
    let [high, middle, low] = row.bands.map(Field::count);
    vec![text(row.status), Field::count(row.programs), high, middle, low]
}

fn course_columns() -> Vec<Column> {
    columns! {
        "patient_id": "Patient's id", "patient": "Patient", "program_id": "Programme's id",
        "status": "Status", "starts_on": "From", "sessions_asked": "Sessions asked",
        "completion": "Completion", "band": "Band",
    }
}

fn course_row(named: &Named<CourseProgress>) -> Vec<Field> {
    let row = &named.row;
    let done = row.completion();
    vec![
        text(row.patient),
        name(named.name.as_ref()),
        text(row.program),
        text(row.status),
        day(row.starts_on),
        sessions(row.prescribed),
        share(done),
        done.map_or(Field::NotApplicable, |share| text(share.band())),
    ]
}

/// What became of one patient, for a page of its own.
pub async fn progress(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<(Progress, Weeks), Failure> {
    let weeks = own_weeks(api, query, USUAL_WEEKS);
    Ok((api.dashboards.progress(tenant, query.patient, weeks).await?, weeks))
}
