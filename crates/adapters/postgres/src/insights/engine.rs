use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{PersonId, ProgramId, StoreError};
use restartix_telemetry::Score;
use restartix_telemetry::insights::{
    ActivityTally, AdherenceTally, Cell, CompletionTally, CourseProgress, Group, Grouping,
    Insights, Month, Months, OutcomeMonth, OutcomeTally, PatientWeek, Week, Weeks,
};
use restartix_tenancy::{Reach, Tenant};
use restartix_workflows::Access;
use uuid::Uuid;

use super::rollups::{WeekRow, definition};
use super::schema::{insight_outcomes as outcomes, insight_weeks as weeks};
use crate::Database;
use crate::error::{store_error, unreadable};
use crate::rehab::bounded;
use crate::schema::care_relations;
use crate::transaction::TenantTx;

/// [`Insights`] over the rollups in PostgreSQL: each question is one statement in the caller's
/// organisation.
#[derive(Clone)]
pub struct PgInsights {
    database: Database,
}

impl PgInsights {
    /// The rollups kept in `database`, as the role that answers requests.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    async fn look<T>(
        &self,
        tenant: &Tenant,
        look: impl AsyncFnOnce(&mut TenantTx) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let connection = self.database.connection().await?;
        let mut tx = TenantTx::new(connection, tenant.organisation(), Access::Read);
        let seen = look(&mut tx).await.map_err(store_error)?;
        tx.commit().await?;
        Ok(seen)
    }
}

type Statement<'a> = BoxedSqlQuery<'a, Pg, SqlQuery>;

/// Says again what row-level security demands of each row, so that PostgreSQL, which knows both for the same,
/// looks up the organisation once and not for each of many rows. It takes nothing away: the policy stays.
const BOUND: &str = "r.org_id = (SELECT current_app_org_id())";

/// A statement over rows `r` of patients within reach: `{reach}` in its text stands for the condition.
/// The first bound values are the two dates and the definition.
fn statement(text: &str, reach: Reach, from: NaiveDate, to: NaiveDate) -> Statement<'static> {
    let condition = match reach {
        Reach::Organisation => "true",
        Reach::Own(_) => "r.patient_id = $4",
        Reach::TreatedBy(_) => {
            "EXISTS (SELECT FROM care_relations c WHERE c.specialist_id = $4 \
             AND c.patient_id = r.patient_id AND c.valid_until IS NULL)"
        }
    };
    let bound = BOUND;
    #[cfg(feature = "mutants")]
    let bound = if restartix_kernel::mutants::planted("postgres.insights_of_every_clinic") {
        "true"
    } else {
        bound
    };
    let text = text.replace("{reach}", condition).replace("{bound}", bound);
    let bound = diesel::sql_query(text).into_boxed::<Pg>();
    let bound = bound.bind::<Date, _>(from).bind::<Date, _>(to).bind::<Integer, _>(definition());
    match reach {
        Reach::Organisation => bound,
        Reach::Own(person) | Reach::TreatedBy(person) => bound.bind::<SqlUuid, _>(person.as_uuid()),
    }
}

/// The counts of patients' weeks of which something was asked, of rows `r`.
macro_rules! adherence {
    ($of:literal, $from:literal, $by:literal) => {
        concat!(
            "SELECT r.week, ",
            $of,
            " AS specialist,
             count(*) FILTER (WHERE r.band = 0) AS high,
             count(*) FILTER (WHERE r.band = 1) AS middle,
             count(*) FILTER (WHERE r.band = 2) AS low,
             count(*) FILTER (WHERE r.overdone > 0) AS overdone,
             sum(r.sessions_share) AS sessions,
             coalesce(sum(r.exercises_share), 0) AS exercises
             FROM insight_weeks r ",
            $from,
            " WHERE r.week BETWEEN $1 AND $2 AND r.definition = $3 AND {bound} AND r.band IS NOT NULL AND {reach}
             GROUP BY ",
            $by,
            " ORDER BY ",
            $by
        )
    };
}

const EVERYBODY: &str = adherence!("NULL::uuid", "", "r.week");
const BY_SPECIALIST: &str = adherence!(
    "t.specialist_id",
    "LEFT JOIN care_relations t ON t.patient_id = r.patient_id AND t.valid_until IS NULL",
    "r.week, t.specialist_id"
);

#[derive(QueryableByName)]
struct AdherenceRow {
    #[diesel(sql_type = Date)]
    week: NaiveDate,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    specialist: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    middle: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
    #[diesel(sql_type = BigInt)]
    overdone: i64,
    #[diesel(sql_type = BigInt)]
    sessions: i64,
    #[diesel(sql_type = BigInt)]
    exercises: i64,
}

fn number<T: TryFrom<i64>>(value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| unreadable("insight_weeks"))
}

fn adherence_tally(row: &AdherenceRow, by: Grouping) -> Result<AdherenceTally, StoreError> {
    let group = match (by, row.specialist) {
        (Grouping::Everybody, _) => Group::Everybody,
        (Grouping::BySpecialist, None) => Group::TreatedByNobody,
        (Grouping::BySpecialist, Some(id)) => Group::TreatedBy(PersonId::from_uuid(id)),
    };
    Ok(AdherenceTally {
        week: Week::of(row.week),
        group,
        bands: [number(row.high)?, number(row.middle)?, number(row.low)?],
        overdone: number(row.overdone)?,
        sessions: number(row.sessions)?,
        exercises: number(row.exercises)?,
    })
}

const OUTCOMES: &str = "SELECT r.month, r.instrument, r.latest - r.baseline AS change,
    count(*) AS patients FROM insight_outcomes r
    WHERE r.month BETWEEN $1 AND $2 AND r.definition = $3 AND {bound} AND {reach}
    GROUP BY r.month, r.instrument, change ORDER BY r.month, r.instrument, change";

#[derive(QueryableByName)]
struct ChangeRow {
    #[diesel(sql_type = Date)]
    month: NaiveDate,
    #[diesel(sql_type = Text)]
    instrument: String,
    #[diesel(sql_type = Integer)]
    change: i32,
    #[diesel(sql_type = BigInt)]
    patients: i64,
}

macro_rules! activity {
    ($($column:literal as $name:ident),+) => {
        /// What happened in each week: of each count its sum, and how many patients it is of.
        const ACTIVITY: &str = concat!(
            "SELECT r.week",
            $(", sum(", $column, ")::bigint AS ", stringify!($name),
              ", count(*) FILTER (WHERE ", $column, " > 0) AS ", stringify!($name), "_patients",)+
            " FROM insight_weeks r
             WHERE r.week BETWEEN $1 AND $2 AND r.definition = $3 AND {bound} AND {reach}
             GROUP BY r.week ORDER BY r.week"
        );
    };
}

activity! {
    "r.confirmed + r.in_progress + r.completed + r.cancelled + r.no_show" as appointments,
    "r.confirmed" as confirmed, "r.in_progress" as in_progress, "r.completed" as completed,
    "r.cancelled" as cancelled, "r.no_show" as no_show,
    "r.video_seconds" as video, "r.exercises" as exercises
}

macro_rules! activity_row {
    ($($name:ident, $patients:ident);+) => {
        #[derive(QueryableByName)]
        struct ActivityRow {
            #[diesel(sql_type = Date)]
            week: NaiveDate,
            $(#[diesel(sql_type = BigInt)]
            $name: i64,
            #[diesel(sql_type = BigInt)]
            $patients: i64,)+
        }
    };
}

activity_row! {
    appointments, appointments_patients; confirmed, confirmed_patients;
    in_progress, in_progress_patients; completed, completed_patients;
    cancelled, cancelled_patients; no_show, no_show_patients;
    video, video_patients; exercises, exercises_patients
}

fn activity_tally(row: &ActivityRow) -> Result<ActivityTally, StoreError> {
    let cell = |value, patients| {
        Ok::<_, StoreError>(Cell { value: number(value)?, patients: number(patients)? })
    };
    Ok(ActivityTally {
        week: Week::of(row.week),
        appointments: cell(row.appointments, row.appointments_patients)?,
        states: [
            cell(row.confirmed, row.confirmed_patients)?,
            cell(row.in_progress, row.in_progress_patients)?,
            cell(row.completed, row.completed_patients)?,
            cell(row.cancelled, row.cancelled_patients)?,
            cell(row.no_show, row.no_show_patients)?,
        ],
        video_seconds: cell(row.video, row.video_patients)?,
        exercises: cell(row.exercises, row.exercises_patients)?,
    })
}

/// How far each programme was followed; `$1` is the end of it, and `$2` the same for want of another.
const COURSES: &str = "SELECT r.id, r.patient_id, r.status, r.starts_on,
    coalesce(sum(w.prescribed), 0)::bigint AS prescribed,
    coalesce(sum(w.credited), 0)::bigint AS credited
    FROM programs r LEFT JOIN insight_course_weeks w
      ON w.org_id = r.org_id AND w.program_id = r.id AND w.week <= least($1::date, $2::date) AND w.definition = $3
    WHERE {reach} {patient}
    GROUP BY r.org_id, r.id ORDER BY r.id";

#[derive(QueryableByName)]
struct CourseRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    patient_id: Uuid,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Date)]
    starts_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    prescribed: i64,
    #[diesel(sql_type = BigInt)]
    credited: i64,
}

fn course(row: &CourseRow) -> Result<CourseProgress, StoreError> {
    Ok(CourseProgress {
        program: ProgramId::from_uuid(row.id),
        patient: PersonId::from_uuid(row.patient_id),
        status: row.status.parse().map_err(|_| unreadable("programs.status"))?,
        starts_on: row.starts_on,
        prescribed: number(row.prescribed)?,
        credited: number(row.credited)?,
    })
}

#[async_trait]
impl Insights for PgInsights {
    async fn adherence(
        &self,
        tenant: &Tenant,
        period: Weeks,
        by: Grouping,
    ) -> Result<Vec<AdherenceTally>, StoreError> {
        let text = match by {
            Grouping::Everybody => EVERYBODY,
            Grouping::BySpecialist => BY_SPECIALIST,
        };
        let (first, last) = (period.first().monday(), period.last().monday());
        let query = statement(text, tenant.reach(), first, last);
        let rows: Vec<AdherenceRow> = self.look(tenant, async |tx| query.load(tx).await).await?;
        rows.iter().map(|row| adherence_tally(row, by)).collect()
    }

    async fn outcomes(
        &self,
        tenant: &Tenant,
        months: Months,
    ) -> Result<Vec<OutcomeTally>, StoreError> {
        let (first, last) = (months.first().first_day(), months.last().first_day());
        let query = statement(OUTCOMES, tenant.reach(), first, last);
        let rows: Vec<ChangeRow> = self.look(tenant, async |tx| query.load(tx).await).await?;
        let mut tallies: BTreeMap<(Month, String), OutcomeTally> = BTreeMap::new();
        for row in rows {
            let word = row.instrument.parse();
            let instrument = word.map_err(|_| unreadable("insight_outcomes.instrument"))?;
            let month = Month::of(row.month);
            let tally = tallies.entry((month, row.instrument));
            tally
                .or_insert_with(|| OutcomeTally::empty(instrument, month))
                .count(row.change, number(row.patients)?);
        }
        Ok(tallies.into_values().collect())
    }

    async fn activity(
        &self,
        tenant: &Tenant,
        period: Weeks,
    ) -> Result<Vec<ActivityTally>, StoreError> {
        let (first, last) = (period.first().monday(), period.last().monday());
        let query = statement(ACTIVITY, tenant.reach(), first, last);
        let rows: Vec<ActivityRow> = self.look(tenant, async |tx| query.load(tx).await).await?;
        rows.iter().map(activity_tally).collect()
    }

    async fn completion(
        &self,
        tenant: &Tenant,
        until: Week,
    ) -> Result<Vec<CompletionTally>, StoreError> {
        Ok(CompletionTally::of(&self.courses(tenant, None, until).await?))
    }

    async fn weeks_of(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        period: Weeks,
    ) -> Result<Vec<(PersonId, PatientWeek)>, StoreError> {
        let mut query = weeks::table
            .filter(weeks::week.ge(period.first().monday()))
            .filter(weeks::week.le(period.last().monday()))
            .filter(weeks::definition.eq(definition()))
            .into_boxed();
        if let Some(patient) = patient {
            query = query.filter(weeks::patient_id.eq(patient.as_uuid()));
        }
        query = match tenant.reach() {
            Reach::Organisation => query,
            Reach::Own(person) => query.filter(weeks::patient_id.eq(person.as_uuid())),
            Reach::TreatedBy(specialist) => query.filter(diesel::dsl::exists(
                care_relations::table
                    .filter(care_relations::specialist_id.eq(specialist.as_uuid()))
                    .filter(care_relations::patient_id.eq(weeks::patient_id))
                    .filter(care_relations::valid_until.is_null()),
            )),
        };
        let query = query.order((weeks::patient_id, weeks::week)).select(WeekRow::as_select());
        let rows: Vec<WeekRow> = self.look(tenant, async |tx| query.load(tx).await).await?;
        rows.into_iter()
            .map(|row| Ok((PersonId::from_uuid(row.patient_id), PatientWeek::try_from(row)?)))
            .collect()
    }

    async fn outcomes_of(
        &self,
        tenant: &Tenant,
        patient: PersonId,
        months: Months,
    ) -> Result<Vec<OutcomeMonth>, StoreError> {
        let mut query = outcomes::table
            .filter(outcomes::patient_id.eq(patient.as_uuid()))
            .filter(outcomes::month.ge(months.first().first_day()))
            .filter(outcomes::month.le(months.last().first_day()))
            .filter(outcomes::definition.eq(definition()))
            .into_boxed();
        query = match tenant.reach() {
            Reach::Organisation => query,
            Reach::Own(person) => query.filter(outcomes::patient_id.eq(person.as_uuid())),
            Reach::TreatedBy(specialist) => query.filter(diesel::dsl::exists(
                care_relations::table
                    .filter(care_relations::specialist_id.eq(specialist.as_uuid()))
                    .filter(care_relations::patient_id.eq(outcomes::patient_id))
                    .filter(care_relations::valid_until.is_null()),
            )),
        };
        let query = query.order((outcomes::month, outcomes::instrument)).select((
            outcomes::instrument,
            outcomes::month,
            outcomes::baseline,
            outcomes::latest,
        ));
        let rows: Vec<(String, NaiveDate, i32, i32)> =
            self.look(tenant, async |tx| query.load(tx).await).await?;
        rows.into_iter()
            .map(|(instrument, month, baseline, latest)| {
                let word = instrument.parse();
                Ok(OutcomeMonth {
                    instrument: word.map_err(|_| unreadable("insight_outcomes.instrument"))?,
                    month: Month::of(month),
                    baseline: bounded(baseline, Score::new, "insight_outcomes.baseline")?,
                    latest: bounded(latest, Score::new, "insight_outcomes.latest")?,
                })
            })
            .collect()
    }

    async fn courses(
        &self,
        tenant: &Tenant,
        patient: Option<PersonId>,
        until: Week,
    ) -> Result<Vec<CourseProgress>, StoreError> {
        let reach = tenant.reach();
        let of_one = match (patient, reach) {
            (None, _) => "",
            (Some(_), Reach::Organisation) => "AND r.patient_id = $4",
            (Some(_), Reach::Own(_) | Reach::TreatedBy(_)) => "AND r.patient_id = $5",
        };
        let text = COURSES.replace("{patient}", of_one);
        let mut query = statement(&text, reach, until.monday(), until.monday());
        if let Some(patient) = patient {
            query = query.bind::<SqlUuid, _>(patient.as_uuid());
        }
        let rows: Vec<CourseRow> = self.look(tenant, async |tx| query.load(tx).await).await?;
        rows.iter().map(course).collect()
    }
}
