use std::collections::{BTreeMap, BTreeSet};

use restartix_kernel::{EventId, PersonId, ProgramId};
use restartix_telemetry::{
    Act, Prescription, RehabEvent, Rejection, Report, ReportDraft, Reported, Resource, ResourceKind,
};
use restartix_tenancy::{Reach, Tenant};

use super::Rehab;
use crate::{Failure, Happening, Work};

/// What became of events that were told together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// How many are kept now and were not before.
    pub accepted: usize,
    /// How many were kept already.
    pub duplicates: usize,
    /// Those that are not kept, and why; the same again would end the same.
    pub rejected: Vec<(EventId, Rejection)>,
}

impl Rehab {
    /// The most events that are told together.
    pub const MOST_EVENTS: usize = 500;

    /// Keeps what may be kept of these events, all at once, and says what became of each.
    pub async fn report(
        &self,
        tenant: &Tenant,
        act: &Act,
        drafts: &[ReportDraft],
    ) -> Result<Receipt, Failure> {
        self.desk.change(tenant, async |work| self.report_in(work, tenant, act, drafts).await).await
    }

    async fn report_in(
        &self,
        work: &mut dyn Work,
        tenant: &Tenant,
        act: &Act,
        drafts: &[ReportDraft],
    ) -> Result<Receipt, Failure> {
        let (now, reach) = (self.desk.clock.now(), tenant.reach());
        let known = prescriptions(work, reach, drafts).await?;
        let (mut good, mut rejected) = (Vec::with_capacity(drafts.len()), Vec::new());
        for draft in drafts {
            match draft.judge(reach, now, known.get(&draft.program)) {
                Ok(reported) => good.push(reported),
                Err(why) => rejected.push((draft.id, why)),
            }
        }
        let mut fresh = work.rehab().keep(&good, now).await?;
        let accepted = fresh.len();
        let kept = good.iter().filter(|event| fresh.remove(&(event.patient, event.id)));
        let kept: Vec<&Reported> = kept.collect();
        let happened: Vec<_> = kept.iter().filter_map(|event| happening(event, &known)).collect();
        self.desk.announce_all(work, &happened).await?;
        let told: Vec<_> = kept.into_iter().copied().map(RehabEvent::from).collect();
        self.publish(work, &told).await?;
        let mut patients: BTreeSet<_> = good.iter().map(|event| Some(event.patient)).collect();
        if patients.is_empty() {
            patients.insert(own(reach));
        }
        // A line for each whose record was touched: staff may tell of several at once.
        for patient in patients {
            let resource = Resource::many(ResourceKind::RehabEvent);
            self.desk.trace(work, act, resource, patient).await?;
        }
        Ok(Receipt { accepted, duplicates: good.len().saturating_sub(accepted), rejected })
    }
}

async fn prescriptions(
    work: &mut dyn Work,
    reach: Reach,
    drafts: &[ReportDraft],
) -> Result<BTreeMap<ProgramId, Prescription>, Failure> {
    let programs: BTreeSet<_> = drafts.iter().map(|draft| draft.program).collect();
    let programs: Vec<_> = programs.into_iter().collect();
    let known = work.programs().prescriptions(reach, &programs).await?;
    Ok(known.into_iter().map(|known| (known.program, known)).collect())
}

const fn own(reach: Reach) -> Option<PersonId> {
    match reach {
        Reach::Own(person) => Some(person),
        Reach::TreatedBy(_) | Reach::Organisation => None,
    }
}

/// What others are to hear of an event that is kept; its programme is known, or it were not.
fn happening(event: &Reported, known: &BTreeMap<ProgramId, Prescription>) -> Option<Happening> {
    let program = event.program;
    let version = known.get(&program)?.version;
    Some(match event.report {
        Report::ExerciseCompleted { .. } => Happening::ExerciseCompleted { program, version },
        Report::OutcomeRecorded { instrument, .. } => {
            Happening::OutcomeRecorded { program, version, instrument }
        }
    })
}
