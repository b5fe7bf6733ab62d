use restartix_telemetry::Instrument;
use restartix_telemetry::insights::report::OutcomeRow;
use restartix_telemetry::insights::{OUTCOMES, OutcomeMonth, Weeks};
use restartix_tenancy::Tenant;
use restartix_workflows::Progress;

use super::field::{columns, count, text};
use super::{Asked, own};
use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Field, InsightTable};
use crate::{Api, Problem};

/// Weeks that are told of unless others are asked for: what is measured is measured by the month.
const USUAL_WEEKS: u32 = 26;

/// Outcomes: of everybody by month and instrument, or of one patient.
pub async fn outcomes(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<InsightTable, Problem> {
    let asked = Asked { api, tenant, query, usual: USUAL_WEEKS };
    asked
        .answered(&[GroupBy::Everybody], own_outcomes, async |weeks| {
            let rows = api.dashboards.outcomes(tenant, weeks).await?;
            let columns = columns! {
                "month": "Month", "instrument": "Instrument", "patients": "Patients",
                "improved": "Improved", "unchanged": "Unchanged", "worsened": "Worsened",
                "mean_change": "Mean change", "mcid": "Important difference", "better": "Better is",
            };
            Ok(asked.table(OUTCOMES, weeks, columns, rows.iter().map(month_row).collect()))
        })
        .await
}

/// The minimal clinically important difference, and in which direction.
fn important(instrument: Instrument) -> [Field; 2] {
    let none = [Field::NotApplicable, Field::NotApplicable];
    instrument.mcid().map_or(none, |mcid| [count(mcid.points.into()), text(mcid.better)])
}

fn month_row(row: &OutcomeRow) -> Vec<Field> {
    let none = [Field::NotApplicable, Field::NotApplicable, Field::NotApplicable];
    let [improved, unchanged, worsened] =
        row.verdicts.map_or(none, |verdicts| verdicts.map(Field::count));
    let change = match (row.patients, row.change) {
        (None, _) => Field::Suppressed,
        (Some(_), change) => change.map_or(Field::NotApplicable, Field::Hundredths),
    };
    let [mcid, better] = important(row.instrument);
    vec![
        text(row.month),
        text(row.instrument),
        Field::count(row.patients),
        improved,
        unchanged,
        worsened,
        change,
        mcid,
        better,
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
        let verdict = row.instrument.verdict(row.change());
        let [mcid, better] = important(row.instrument);
        vec![
            text(row.month),
            text(row.instrument),
            count(row.baseline.get().into()),
            count(row.latest.get().into()),
            Field::Hundredths(i64::from(row.change()) * 100),
            verdict.map_or(Field::NotApplicable, text),
            mcid,
            better,
        ]
    };
    let rows = progress.outcomes.iter().map(row).collect();
    own(progress, weeks, OUTCOMES, columns, rows)
}
