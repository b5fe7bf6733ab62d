//! Patients of a probe's own, who do as they are asked or not, and are taken away again.

use anyhow::{Result, bail};
use restartix_kernel::{RandomExt as _, SystemRandom};

use super::super::scene::Clinic;
use crate::Target;
use crate::target::rows;

/// How their ids begin; nobody else's do.
const MARK: &str = "1d516470";

/// Ten weeks of fifteen patients: twelve do each day what they are asked to, but for a week, and get
/// better; three do little, and get worse.
const TEN_WEEKS: &str = "
CREATE FUNCTION pg_temp.named(seed text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$SELECT (':mark' || substr(overlay(overlay(md5(':season ' || seed) placing '4' from 13) placing '8' from 17), 9))::uuid$$;
BEGIN;
CREATE TEMP TABLE planted ON COMMIT DROP AS
SELECT n, pg_temp.named('patient ' || n) AS id, pg_temp.named('program ' || n) AS program,
  date_trunc('week', now() AT TIME ZONE 'UTC')::date - 70 AS starts
FROM generate_series(1, 15) n;
INSERT INTO public.people (org_id, id, display_name, timezone) SELECT :org, id, 'Somebody', 'UTC' FROM planted;
INSERT INTO public.care_relations (org_id, specialist_id, patient_id, valid_from)
SELECT :org, ':specialist', id, now() - interval '70 days' FROM planted;
INSERT INTO public.programs (org_id, id, patient_id, starts_on, status)
SELECT :org, program, id, starts, 'active' FROM planted;
INSERT INTO public.program_revisions (org_id, program_id, version, effective_on, sessions_per_week)
SELECT :org, program, 1, starts, 7 FROM planted;
INSERT INTO public.program_exercises (org_id, program_id, version, position, exercise_id, sets, reps)
SELECT :org, program, 1, 1, pg_temp.named('exercise'), 3, 10 FROM planted;
INSERT INTO public.rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, exercise_id, sets,
  reps, duration_seconds, source)
SELECT :org, id, pg_temp.named('done ' || n || ' ' || day), program, 'exercise.completed',
  (starts + day + time '10:00') AT TIME ZONE 'UTC', now(), pg_temp.named('exercise'), 3, 10, 300, 'sensor'
FROM planted, generate_series(0, 69) day
WHERE CASE WHEN n <= 12 THEN day / 7 <> 6 ELSE day % 7 = 0 END;
INSERT INTO public.rehab_events (org_id, patient_id, id, program_id, type, occurred_at, told_at, instrument, score)
SELECT :org, id, pg_temp.named('score ' || n || ' ' || day), program, 'outcome.recorded',
  (starts + day + time '10:00') AT TIME ZONE 'UTC', now(), 'pain', CASE WHEN (n <= 12) = (day = 1) THEN 7 ELSE 3 END
FROM planted, generate_series(1, 2) day;
COMMIT";

/// Plants them in `clinic`, of whose specialist they are.
pub(super) async fn plant(target: &Target, clinic: &Clinic) -> Result<()> {
    let season = hex::encode(SystemRandom.bytes::<8>());
    let statements = TEN_WEEKS
        .replace(":mark", MARK)
        .replace(":season", &season)
        .replace(":org", &clinic.organization_id.to_string())
        .replace(":specialist", &clinic.specialist_id);
    Ok(target.another().await?.batch_execute(&statements).await?)
}

/// Takes away whatever was planted, and what was computed of it.
pub(super) async fn take_away(target: &Target) -> Result<()> {
    let tables = [
        ("insight_marks", "patient_id"),
        ("insight_weeks", "patient_id"),
        ("insight_course_weeks", "patient_id"),
        ("insight_outcomes", "patient_id"),
        ("rehab_events", "patient_id"),
        ("program_exercises", "program_id"),
        ("program_revisions", "program_id"),
        ("programs", "patient_id"),
        ("care_relations", "patient_id"),
        ("people", "id"),
    ];
    let gone = tables.map(|(table, column)| {
        format!("DELETE FROM public.{table} WHERE {column}::text LIKE '{MARK}-%';")
    });
    // What was reported is never deleted, and no change of what is gone has to be marked.
    let statements = format!("SET session_replication_role = replica; {}", gone.concat());
    Ok(target.another().await?.batch_execute(&statements).await?)
}

/// What a keeper has not computed yet, or is computing now.
const STALE: &str =
    "SELECT count(*) FROM public.insight_marks WHERE due_at < now() + interval '1 minute'";

/// Waits until everything is computed.
pub(super) async fn renewed(target: &Target) -> Result<()> {
    for _ in 0..600 {
        let stale = rows(target.catalogue().simple_query(STALE).await?);
        if stale.into_iter().flatten().next().flatten().as_deref() == Some("0") {
            return Ok(());
        }
        // The database is the clock: it is what is waited for.
        target.catalogue().batch_execute("SELECT pg_sleep(0.1)").await?;
    }
    bail!("what is computed of patients does not come to rest")
}
