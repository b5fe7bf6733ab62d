//! The repositories of scheduling in PostgreSQL pass the suites that their twins pass.

use crate::support::{add_member, sign_in, three_clinics};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentTypeId, EventId, ManualClock, PersonId, SeededRandom};
use restartix_postgres::PgUnits;
use restartix_scheduling::conformance::{self, Case};
use restartix_scheduling::engine::{Minutes, PositiveMinutes, Rules};
use restartix_scheduling::{AppointmentType, Calendars, Capacity, Exceptions, Reminders, TypeName};
use restartix_tenancy::{Principal, Role, Version};
use restartix_testkit::{TestDatabase, audit_line};
use restartix_workflows::{Access, UnitOfWork, Work};

struct Scene {
    units: PgUnits,
    one: Principal,
    two: Principal,
    case: Case,
    clock: ManualClock,
    random: SeededRandom,
    _database: TestDatabase,
}

impl Scene {
    async fn new() -> Result<Self> {
        let (database, random) = (three_clinics().await?, SeededRandom::new(1));
        // No fractions: PostgreSQL keeps microseconds.
        let now: DateTime<Utc> = "2026-03-02T08:00:00Z".parse()?;
        let clock = ManualClock::at(now);
        for (clinic, subject) in [(1, "admin-1"), (2, "admin-2")] {
            add_member(&database, clinic, subject, Role::Admin, &random).await?;
        }
        let specialist = add_member(&database, 1, "specialist", Role::Specialist, &random).await?;
        let patient = add_member(&database, 1, "patient", Role::Patient, &random).await?;
        let other = add_member(&database, 1, "other", Role::Patient, &random).await?;
        let kind = AppointmentType {
            id: AppointmentTypeId::fresh(&clock, &random),
            name: TypeName::new("Consultation")?,
            rules: Rules {
                buffer_before: Minutes::new(5)?,
                buffer_after: Minutes::new(10)?,
                ..Rules::new(PositiveMinutes::new(30)?)
            },
            capacity: Capacity::ONE,
            reminders: Reminders::default(),
            online: true,
            recording: false,
            version: Version::FIRST,
        };
        let case = Case {
            kind,
            specialist: specialist.person,
            patient: patient.person,
            other_patient: other.person,
            stranger: PersonId::fresh(&random),
            now,
        };
        let (one, two) =
            (sign_in(&database, "admin-1").await?, sign_in(&database, "admin-2").await?);
        let units = PgUnits::new(database.pool("core_app", 2)?);
        let scene = Self { units, one, two, case, clock, random, _database: database };
        let mut work = scene.change().await?;
        work.appointment_types().add(&scene.case.kind).await?;
        scene.commit(work).await?;
        Ok(scene)
    }

    async fn change(&self) -> Result<Box<dyn Work>> {
        Ok(self.units.begin(self.one.tenant()?, Access::Change).await?)
    }

    async fn commit(&self, mut work: Box<dyn Work>) -> Result<()> {
        self.trace(&mut *work).await?;
        Ok(work.commit().await?)
    }

    async fn trace(&self, work: &mut dyn Work) -> Result<()> {
        let id = EventId::fresh(&self.clock, &self.random);
        Ok(work.audit().record(audit_line(id, self.case.now)).await?)
    }
}

#[tokio::test]
async fn the_appointment_types_in_postgresql_keep_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    let types = work.appointment_types();
    conformance::appointment_types(types, &scene.case, &scene.clock, &scene.random).await;
    scene.commit(work).await
}

#[tokio::test]
async fn the_calendars_in_postgresql_keep_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    conformance::calendars(work.calendars(), &scene.case).await;
    let booking = scene.case.booking(&scene.random, 1);
    work.appointments().add(&booking).await?;
    conformance::the_diary_shows(work.calendars(), &booking).await;
    scene.commit(work).await?;

    let mut elsewhere = scene.units.begin(scene.two.tenant()?, Access::Change).await?;
    conformance::calendars_are_unseen(elsewhere.calendars(), &scene.case).await;
    Ok(elsewhere.roll_back().await?)
}

/// The ports of one unit of work.
struct Ports<'a>(&'a mut dyn Work);

impl conformance::ExceptionPorts for Ports<'_> {
    fn calendars(&mut self) -> &mut dyn Calendars {
        self.0.calendars()
    }

    fn exceptions(&mut self) -> &mut dyn Exceptions {
        self.0.exceptions()
    }
}

#[tokio::test]
async fn what_breaks_the_hours_in_postgresql_keeps_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    let mut ports = Ports(&mut *work);
    conformance::exceptions(&mut ports, &scene.case, &scene.clock, &scene.random).await;
    scene.commit(work).await?;

    let mut elsewhere = scene.units.begin(scene.two.tenant()?, Access::Change).await?;
    conformance::exceptions_are_unseen(elsewhere.exceptions(), &scene.case).await;
    Ok(elsewhere.roll_back().await?)
}

#[tokio::test]
async fn the_appointments_in_postgresql_keep_the_rules() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    conformance::appointments(work.appointments(), &scene.case, &scene.random).await;
    conformance::seats(work.appointments(), &scene.case, &scene.random).await;
    let seen = work.appointments();
    let all = seen
        .list(restartix_tenancy::Reach::Organisation, &Default::default(), &Default::default())
        .await?;
    let ids: Vec<_> = all.items.iter().map(|appointment| appointment.id).collect();
    scene.commit(work).await?;
    assert!(!ids.is_empty());

    let mut elsewhere = scene.units.begin(scene.two.tenant()?, Access::Change).await?;
    conformance::appointments_are_unseen(elsewhere.appointments(), &ids).await;
    elsewhere.roll_back().await?;

    // The second wall: PostgreSQL ends the transaction in which it refused an overlap.
    let mut work = scene.change().await?;
    conformance::an_overlap_is_refused(work.appointments(), &scene.case, &scene.random).await;
    work.roll_back().await.context("a refused booking is undone")?;
    let (case, random) = (&scene.case, &scene.random);
    let mut work = scene.change().await?;
    conformance::a_move_into_an_overlap_is_refused(work.appointments(), case, random).await;
    work.roll_back().await.context("a refused move is undone")
}

#[tokio::test]
async fn a_unit_in_which_a_statement_failed_does_not_claim_to_have_committed() -> Result<()> {
    let scene = Scene::new().await?;
    let mut work = scene.change().await?;
    scene.trace(&mut *work).await?;
    let twice = work.appointment_types().add(&scene.case.kind).await;
    assert!(twice.is_err(), "a key was taken twice");
    assert!(work.commit().await.is_err(), "a rollback was told as a success");
    Ok(())
}
