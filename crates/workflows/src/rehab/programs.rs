use chrono::{NaiveDate, SubsecRound};
use restartix_kernel::{EventId, Page, PageRequest, PersonId, ProgramId};
use restartix_telemetry::{
    Act, Exercises, Plan, Program, ProgramFilter, ProgramStatus, RehabEvent, RehabFact, Resource,
    ResourceKind, WeeklySessions,
};
use restartix_tenancy::{Role, Tenant, Version};

use super::Rehab;
use crate::clinic::settled;
use crate::{Failure, Happening, Work};

/// A programme to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramDraft {
    /// For whom.
    pub patient: PersonId,
    /// What it asks for.
    pub plan: Plan,
    /// Its first day, on the patient's calendar.
    pub starts_on: NaiveDate,
}

/// What a programme is to ask for from now on; `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramPatch {
    /// In each session.
    pub exercises: Option<Exercises>,
    /// How many sessions a week.
    pub sessions_per_week: Option<WeeklySessions>,
}

impl Rehab {
    /// The programmes within the caller's reach.
    pub async fn programs(
        &self,
        tenant: &Tenant,
        filter: &ProgramFilter,
        page: &PageRequest,
    ) -> Result<Page<Program>, Failure> {
        self.desk
            .read(tenant, async |work| {
                Ok(work.programs().list(tenant.reach(), filter, page).await?)
            })
            .await
    }

    /// One of the programmes within the caller's reach.
    pub async fn program(&self, tenant: &Tenant, id: ProgramId) -> Result<Program, Failure> {
        self.desk.read(tenant, async |work| found(work, tenant, id).await).await
    }

    /// Gives a patient within the caller's reach a programme.
    pub async fn assign(
        &self,
        tenant: &Tenant,
        act: &Act,
        draft: &ProgramDraft,
    ) -> Result<Program, Failure> {
        self.desk
            .change(tenant, async |work| {
                let ProgramDraft { patient, plan, starts_on } = draft.clone();
                let person = work.people().find(tenant.reach(), patient).await?;
                if person.is_none() || !work.people().has_role(patient, Role::Patient).await? {
                    return Err(Failure::NotFound);
                }
                let program = Program {
                    id: ProgramId::fresh(&*self.desk.clock, &*self.desk.random),
                    patient,
                    plan,
                    starts_on,
                    status: ProgramStatus::Active,
                    ended_at: None,
                    version: Version::FIRST,
                };
                work.programs().add(&program).await?;
                self.told(work, act, &program, Step::Assigned).await?;
                Ok(program)
            })
            .await
    }

    /// Changes what a programme asks for, from today on (of the patient's calendar), or from its
    /// first day when that is still to come; what it asked for before stays on record.
    pub async fn revise(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: ProgramId,
        seen: Option<Version>,
        patch: &ProgramPatch,
    ) -> Result<Program, Failure> {
        self.desk
            .change(tenant, async |work| {
                let kept = found(work, tenant, id).await?;
                if seen.is_some_and(|seen| seen != kept.version) {
                    return Err(Failure::Stale);
                }
                let Plan { exercises, sessions_per_week } = kept.plan.clone();
                let revised = kept.revised(Plan {
                    exercises: patch.exercises.clone().unwrap_or(exercises),
                    sessions_per_week: patch.sessions_per_week.unwrap_or(sessions_per_week),
                })?;
                let patient = work.people().find(tenant.reach(), kept.patient).await?;
                let zone = patient.ok_or(Failure::NotFound)?.timezone;
                let today = self.desk.clock.now().with_timezone(&zone).date_naive();
                let effective_on = revised.takes_effect(today);
                settled(work.programs().revise(&revised, effective_on).await?, seen)?;
                self.told(work, act, &revised, Step::Revised).await?;
                Ok(revised)
            })
            .await
    }

    /// Lets a programme rest, until it is resumed.
    pub async fn pause(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: ProgramId,
    ) -> Result<Program, Failure> {
        self.go_on(tenant, act, id, ProgramStatus::Paused, Step::Paused).await
    }

    /// Lets a programme that rests go on.
    pub async fn resume(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: ProgramId,
    ) -> Result<Program, Failure> {
        self.go_on(tenant, act, id, ProgramStatus::Active, Step::Resumed).await
    }

    /// Ends a programme, for good.
    pub async fn end(&self, tenant: &Tenant, act: &Act, id: ProgramId) -> Result<Program, Failure> {
        self.go_on(tenant, act, id, ProgramStatus::Ended, Step::Ended).await
    }

    async fn go_on(
        &self,
        tenant: &Tenant,
        act: &Act,
        id: ProgramId,
        to: ProgramStatus,
        step: Step,
    ) -> Result<Program, Failure> {
        self.desk
            .change(tenant, async |work| {
                // As precise as it is kept.
                let now = self.desk.clock.now().trunc_subsecs(6);
                let moved = found(work, tenant, id).await?.moved(to, now)?;
                settled(work.programs().set_status(&moved, now).await?, None)?;
                self.told(work, act, &moved, step).await?;
                Ok(moved)
            })
            .await
    }

    async fn told(
        &self,
        work: &mut dyn Work,
        act: &Act,
        program: &Program,
        step: Step,
    ) -> Result<(), Failure> {
        self.desk.announce(work, step.happening(program)).await?;
        let id = EventId::fresh(&*self.desk.clock, &*self.desk.random);
        let (occurred_at, patient) = (self.desk.clock.now(), program.patient);
        let event = RehabEvent { id, occurred_at, patient, fact: step.fact(program) };
        self.publish(work, &[event]).await?;
        let resource = Resource::one(ResourceKind::Program, program.id);
        self.desk.trace(work, act, resource, Some(program.patient)).await
    }
}

/// What was done to a programme.
#[derive(Clone, Copy)]
enum Step {
    Assigned,
    Revised,
    Paused,
    Resumed,
    Ended,
}

impl Step {
    const fn happening(self, program: &Program) -> Happening {
        let Program { id: program, version, .. } = *program;
        match self {
            Self::Assigned => Happening::ProgramAssigned { program, version },
            Self::Revised => Happening::ProgramRevised { program, version },
            Self::Paused => Happening::ProgramPaused { program, version },
            Self::Resumed => Happening::ProgramResumed { program, version },
            Self::Ended => Happening::ProgramEnded { program, version },
        }
    }

    /// What the Telemetry service hears of it.
    const fn fact(self, program: &Program) -> RehabFact {
        let Plan { exercises, sessions_per_week } = &program.plan;
        let (program, exercises, sessions_per_week) =
            (program.id, exercises.count(), *sessions_per_week);
        match self {
            Self::Assigned => RehabFact::ProgramAssigned { program, exercises, sessions_per_week },
            Self::Revised => RehabFact::ProgramRevised { program, exercises, sessions_per_week },
            Self::Paused => RehabFact::ProgramPaused { program },
            Self::Resumed => RehabFact::ProgramResumed { program },
            Self::Ended => RehabFact::ProgramEnded { program },
        }
    }
}

async fn found(work: &mut dyn Work, tenant: &Tenant, id: ProgramId) -> Result<Program, Failure> {
    work.programs().find(tenant.reach(), id).await?.ok_or(Failure::NotFound)
}
