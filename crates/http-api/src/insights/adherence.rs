use std::collections::BTreeSet;

use restartix_telemetry::insights::report::{AdherenceRow, GroupRow};
use restartix_telemetry::insights::{ADHERENCE, PatientWeek, Share, Weeks};
use restartix_tenancy::Tenant;
use restartix_workflows::{Named, PatientSummary, Progress};

use super::field::{band, columns, count, mean, name, sessions, share, text};
use super::{Asked, USUAL_WEEKS, own};
use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Column, Field, InsightTable, day};
use crate::{Api, Problem};

/// Adherence: of everybody by week, by specialist, by patient, or of one patient.
pub async fn adherence(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    let asked = Asked { api, tenant, query, usual: USUAL_WEEKS };
    asked
        .answered(&GroupBy::ALL, progress_table, async |weeks| {
            let mut patients = BTreeSet::new();
            let (columns, rows) = match query.group_by {
                GroupBy::Everybody => {
                    let rows = api.dashboards.adherence(tenant, weeks).await?;
                    (week_columns(), rows.iter().map(week_row).collect())
                }
                GroupBy::Specialist => {
                    let rows = api.dashboards.adherence_by_specialist(tenant, weeks).await?;
                    (group_columns(), rows.iter().map(group_row).collect())
                }
                GroupBy::Patient => {
                    let rows = api.dashboards.patients(tenant, weeks).await?;
                    patients.extend(rows.iter().map(|named| named.row.patient));
                    (patient_columns(), rows.iter().map(patient_row).collect())
                }
            };
            Ok(InsightTable { patients, ..asked.table(ADHERENCE, weeks, columns, rows) })
        })
        .await
}

fn week_columns() -> Vec<Column> {
    columns! {
        "week": "Week", "starts_on": "From Monday", "patients": "Patients",
        "high": "0.80 and more", "middle": "0.50 to 0.79", "low": "Below 0.50",
        "session_adherence": "Session adherence", "exercise_adherence": "Exercise adherence",
        "overdone": "Did more than asked",
    }
}

fn week_row(row: &AdherenceRow) -> Vec<Field> {
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
        band(row.sessions),
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
            band(sessions_of),
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
