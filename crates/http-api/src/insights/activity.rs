use restartix_telemetry::insights::report::ActivityRow;
use restartix_telemetry::insights::{ACTIVITY, PatientWeek, Share, Weeks};
use restartix_tenancy::Tenant;
use restartix_workflows::Progress;

use super::field::{columns, count, share, text};
use super::{Asked, USUAL_WEEKS, own};
use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Column, Field, InsightTable, day};
use crate::{Api, Problem};

/// Activity: of everybody by week, or of one patient.
pub async fn activity(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    let asked = Asked { api, tenant, query, usual: USUAL_WEEKS };
    asked
        .answered(&[GroupBy::Everybody], own_activity, async |weeks| {
            let rows = api.dashboards.activity(tenant, weeks).await?;
            Ok(asked.table(ACTIVITY, weeks, week_columns(), rows.iter().map(week_row).collect()))
        })
        .await
}

fn week_columns() -> Vec<Column> {
    columns! {
        "week": "Week", "starts_on": "From Monday", "appointments": "Appointments",
        "confirmed": "Booked", "in_progress": "Going on", "completed": "Took place",
        "cancelled": "Called off", "no_show": "No-shows", "no_show_rate": "No-show rate",
        "video_minutes": "Video minutes", "exercises_completed": "Exercises done",
    }
}

fn week_row(row: &ActivityRow) -> Vec<Field> {
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
    own(progress, weeks, ACTIVITY, week_columns(), rows)
}
