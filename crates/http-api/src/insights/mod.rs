//! Insights as the API and the pages tell them: the services' reports in tables, one room for each.

mod activity;
mod adherence;
mod completion;
mod field;
mod outcomes;

use std::collections::BTreeSet;

use restartix_telemetry::insights::Weeks;
use restartix_tenancy::{Reach, Tenant};
use restartix_workflows::{Failure, Progress};

use crate::input::{GroupBy, InsightQuery};
use crate::wire::insight::{Column, Field, InsightTable};
use crate::{Api, Problem};

pub use activity::activity;
pub use adherence::{adherence, progress_table};
pub use completion::{completion, programmes};
pub use outcomes::{outcomes, own_outcomes};

/// Weeks that are told of unless others are asked for.
const USUAL_WEEKS: u32 = 12;

/// An insight: who asks, and what.
#[derive(Clone, Copy)]
struct Asked<'a> {
    api: &'a Api,
    tenant: &'a Tenant,
    query: &'a InsightQuery,
    /// Weeks that it tells of unless others are asked for.
    usual: u32,
}

impl Asked<'_> {
    /// One patient's progress, where it is somebody's own or somebody is named; else the table of
    /// many, which may be divided by `groups`.
    async fn answered(
        self,
        groups: &[GroupBy],
        of_one: fn(&Progress, Weeks) -> InsightTable,
        of_many: impl AsyncFnOnce(Weeks) -> Result<InsightTable, Problem>,
    ) -> Result<InsightTable, Problem> {
        self.divided(groups)?;
        let told = if self.is_of_one() {
            let (progress, weeks) = self.progress().await?;
            of_one(&progress, weeks)
        } else {
            let usual = || self.api.dashboards.last_weeks(self.usual);
            of_many(self.query.weeks.unwrap_or_else(usual)).await?
        };
        #[cfg(feature = "mutants")]
        let told = crate::mutants::told(self.tenant, self.query, told);
        Ok(told)
    }

    /// `patient` and a division other than the first exclude each other.
    fn divided(self, groups: &[GroupBy]) -> Result<(), Problem> {
        let by = self.query.group_by;
        if self.query.patient.is_some() && by != GroupBy::Everybody {
            return Err(Problem::parameter("group_by", "not_with_patient_id"));
        }
        if groups.contains(&by) { Ok(()) } else { Err(Problem::parameter("group_by", "not_here")) }
    }

    /// Whether it is one patient's progress: a patient's own unless somebody is named.
    fn is_of_one(self) -> bool {
        let patient = matches!(self.tenant.reach(), Reach::Own(_));
        self.query.patient.is_some() || (patient && self.query.group_by == GroupBy::Everybody)
    }

    /// What became of one patient; unless other weeks are asked for, up to the one under way.
    async fn progress(self) -> Result<(Progress, Weeks), Failure> {
        let dashboards = &self.api.dashboards;
        let last = dashboards.last_weeks(1).last().after(2);
        let usual = || Weeks::up_to(last, self.usual.saturating_add(2));
        let weeks = self.query.weeks.unwrap_or_else(usual);
        Ok((dashboards.progress(self.tenant, self.query.patient, weeks).await?, weeks))
    }

    /// The table of many.
    fn table(
        self,
        definition: &'static str,
        weeks: Weeks,
        columns: Vec<Column>,
        rows: Vec<Vec<Field>>,
    ) -> InsightTable {
        let (group_by, smallest) = (self.query.group_by, self.api.dashboards.smallest().get());
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
}

/// What became of one patient, for a page of its own.
pub async fn progress(
    api: &Api,
    tenant: &Tenant,
    query: &InsightQuery,
) -> Result<(Progress, Weeks), Failure> {
    Asked { api, tenant, query, usual: USUAL_WEEKS }.progress().await
}

/// The table of one patient.
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
