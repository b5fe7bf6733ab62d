use std::collections::BTreeSet;

use restartix_telemetry::insights::report::CompletionRow;
use restartix_telemetry::insights::{COMPLETION, CourseProgress, Weeks};
use restartix_tenancy::Tenant;
use restartix_workflows::{Named, Progress};

use super::field::{band, columns, name, sessions, share, text};
use super::{Asked, USUAL_WEEKS, own};
use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Column, Field, InsightTable, day};
use crate::{Api, Problem};

/// How far programmes were followed: by where they stand, one by one, or those of one patient.
pub async fn completion(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    let asked = Asked { api, tenant, query, usual: USUAL_WEEKS };
    asked
        .answered(&[GroupBy::Everybody, GroupBy::Patient], programmes, async |_| {
            // A programme is told of as a whole, to the end of the last week.
            let weeks = api.dashboards.last_weeks(1);
            let mut patients = BTreeSet::new();
            let (columns, rows) = if query.group_by == GroupBy::Patient {
                let rows = api.dashboards.courses(tenant).await?;
                patients.extend(rows.iter().map(|named| named.row.patient));
                (course_columns(), rows.iter().map(course_row).collect())
            } else {
                let rows = api.dashboards.completion(tenant).await?;
                let columns = columns! {
                    "status": "Status", "programs": "Programmes", "high": "0.80 and more",
                    "middle": "0.50 to 0.79", "low": "Below 0.50",
                };
                (columns, rows.iter().map(status_row).collect())
            };
            Ok(InsightTable { patients, ..asked.table(COMPLETION, weeks, columns, rows) })
        })
        .await
}

fn status_row(row: &CompletionRow) -> Vec<Field> {
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
        band(done),
    ]
}

/// A patient's programmes, and how far each was followed.
pub fn programmes(progress: &Progress, weeks: Weeks) -> InsightTable {
    let row = |row: &CourseProgress| course_row(&Named { name: None, row: *row }).split_off(2);
    let rows = progress.courses.iter().map(row).collect();
    own(progress, weeks, COMPLETION, course_columns().split_off(2), rows)
}
