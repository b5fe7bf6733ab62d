//! What a change leaves behind goes out with its end, in one flight: all of it is there, or nothing is.

use std::collections::HashSet;

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use restartix_kernel::{AppointmentId, EventId, ManualClock, PersonId, SeededRandom, StoreError};
use restartix_postgres::PgUnits;
use restartix_telemetry::{AnalyticsFact, Fact, Publication, Whom};
use restartix_tenancy::{Principal, Role};
use restartix_testkit::{TestDatabase, audit_line, cut_short, sql};
use restartix_workflows::{Access, Aftermath, Care, UnitOfWork};

struct Scene {
    database: TestDatabase,
    admin: Principal,
    specialist: PersonId,
    clock: ManualClock,
    random: SeededRandom,
    now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    one: i64,
    #[diesel(sql_type = BigInt)]
    other: i64,
}

impl Scene {
    async fn new() -> Result<Self> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        let now: DateTime<Utc> = "2026-03-02T08:00:00Z".parse()?;
        add_member(&database, 1, "admin", Role::Admin, &random).await?;
        let specialist = add_member(&database, 1, "specialist", Role::Specialist, &random).await?;
        let patients = "INSERT INTO people (org_id, id, display_name, timezone)
            SELECT 1, ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, 'Somebody', 'UTC'
            FROM generate_series(0, 999) n";
        sql(&database, patients).await?;
        let admin = sign_in(&database, "admin").await?;
        let specialist = specialist.person;
        Ok(Self { database, admin, specialist, clock: ManualClock::at(now), random, now })
    }

    /// A pool of one: whoever comes next gets the same connection, if it was given back.
    fn units(&self) -> Result<PgUnits> {
        Ok(PgUnits::new(self.database.pool("core_app", 1)?))
    }

    fn fresh(&self) -> EventId {
        EventId::fresh(&self.clock, &self.random)
    }

    /// Care of that patient, and its line.
    fn left(&self, patient: usize, id: EventId) -> Result<Aftermath> {
        let patient = format!("00000000-0000-4000-9000-{patient:012}").parse()?;
        let care = Some(Care { specialist: self.specialist, patient, since: self.now });
        Ok(Aftermath { care, line: Some(audit_line(id, self.now)), ..Aftermath::default() })
    }

    /// The same, and so many events.
    fn left_and_told(&self, patient: usize, facts: usize) -> Result<Aftermath> {
        let fact = AnalyticsFact::AppointmentStarted { appointment: AppointmentId::new(102)? };
        let told = || Publication {
            id: self.fresh(),
            occurred_at: self.now,
            whom: Whom::Actor,
            fact: Fact::Analytics(fact),
        };
        let facts = std::iter::repeat_with(told).take(facts).collect();
        Ok(Aftermath { facts, ..self.left(patient, self.fresh())? })
    }

    async fn change(&self, units: &PgUnits, left: Vec<Aftermath>) -> Result<(), StoreError> {
        let tenant = self.admin.tenant().map_err(|error| StoreError::Defect(error.into()))?;
        let mut work = units.begin(tenant, Access::Change).await?;
        for aftermath in left {
            work.leave(aftermath).await?;
        }
        work.commit().await
    }

    async fn count(&self, table: &str) -> Result<i64> {
        Ok(self.ask(&format!("SELECT count(*) AS one, 0::bigint AS other FROM {table}")).await?.one)
    }

    /// How many of each were left, at one moment.
    async fn counts(&self) -> Result<(i64, i64)> {
        let query = "SELECT (SELECT count(*) FROM care_relations) AS one,
                            (SELECT count(*) FROM audit_events) AS other";
        let counts = self.ask(query).await?;
        Ok((counts.one, counts.other))
    }

    async fn ask(&self, query: &str) -> Result<Counts> {
        Ok(diesel::sql_query(query).get_result(&mut self.database.superuser().await?).await?)
    }
}

#[tokio::test]
async fn all_that_was_left_is_there_however_often_and_by_however_busy_a_task() -> Result<()> {
    let scene = Scene::new().await?;
    let units = scene.units()?;
    let mut patients = 0..;
    for spent in 0..140 {
        // Each of these is ready at once and costs the task a part of its turn.
        for _ in 0..spent {
            tokio::task::coop::consume_budget().await;
        }
        let left = patients.by_ref().take(1 + spent % 3);
        let left = left.map(|patient| scene.left(patient, scene.fresh())).collect::<Result<_>>();
        scene.change(&units, left?).await?;
    }
    let all = patients.start.try_into()?;
    assert_eq!(scene.counts().await?, (all, all));
    Ok(())
}

/// An insert of several rows is prepared each time, so it is sent a round trip after it is asked for.
#[tokio::test]
async fn what_is_prepared_each_time_is_there_as_well() -> Result<()> {
    let scene = Scene::new().await?;
    let units = scene.units()?;
    for turn in 0..6 {
        scene.change(&units, vec![scene.left_and_told(turn, turn % 3)?]).await?;
    }
    assert_eq!(scene.counts().await?, (6, 6));
    assert_eq!(scene.count("telemetry_events WHERE kind = 'analytics'").await?, 6);
    Ok(())
}

#[tokio::test]
async fn where_a_part_of_it_is_refused_nothing_is_left() -> Result<()> {
    let scene = Scene::new().await?;
    let units = scene.units()?;
    let first = scene.fresh();
    scene.change(&units, vec![scene.left(0, first)?]).await?;
    // Of a new connection, that has yet to prepare everything, and of one that knows it all.
    for units in [&scene.units()?, &units] {
        let twice = scene.change(units, vec![scene.left(1, first)?]).await;
        assert!(matches!(twice, Err(StoreError::Defect(_))), "{twice:?}");
        assert_eq!(scene.counts().await?, (1, 1));
        let early = vec![scene.left(1, first)?, scene.left(2, scene.fresh())?];
        assert!(scene.change(units, early).await.is_err());
        assert_eq!(scene.counts().await?, (1, 1));
    }
    scene.change(&units, vec![scene.left(1, scene.fresh())?]).await?;
    assert_eq!(scene.counts().await?, (2, 2));
    Ok(())
}

#[tokio::test]
async fn cut_short_at_any_await_it_is_all_there_or_not_at_all() -> Result<()> {
    let scene = Scene::new().await?;
    let mut ends = HashSet::new();
    for polls in 0.. {
        let units = scene.units()?;
        // The statements are known to the connection.
        scene.change(&units, vec![scene.left(3 * polls, scene.fresh())?]).await?;
        let before = scene.counts().await?;
        let left = vec![scene.left(3 * polls + 1, scene.fresh())?];
        let ended = cut_short(scene.change(&units, left), polls).await;
        // Whoever comes next finds a connection that has nothing open.
        scene.change(&units, vec![scene.left(3 * polls + 2, scene.fresh())?]).await?;
        let after = scene.counts().await?;
        let (care, lines) = (after.0 - before.0 - 1, after.1 - before.1 - 1);
        assert_eq!(care, lines, "after {polls} polls");
        ends.insert(care);
        if ended.is_some() {
            ensure!(polls >= 2, "only {polls} awaits were tried");
            break;
        }
    }
    assert_eq!(ends, HashSet::from([0, 1]));
    Ok(())
}
