use std::sync::Arc;

use restartix_kernel::{AppointmentTypeId, PersonId};
use restartix_scheduling::engine::{Offer, Query, Window, all_of, any_of};
use restartix_scheduling::{AppointmentType, Hold, Holds, SpecialistDiary};
use restartix_tenancy::Tenant;

use crate::bookings::others;
use crate::{Desk, Failure};

/// How several specialists are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whoever is free, the next by round robin first.
    Any,
    /// All of them together.
    All,
}

/// When somebody could be booked.
#[derive(Clone, Debug)]
pub struct AvailabilityQuery {
    /// What for.
    pub appointment_type: AppointmentTypeId,
    /// With whom; empty: with anybody.
    pub specialists: Vec<PersonId>,
    /// How several are asked.
    pub mode: Mode,
    /// From when to when, as the engine takes it.
    pub query: Query,
    /// The same range, as the repositories take it.
    pub range: Window,
}

/// Specialists in one answer at most: a larger clinic asks for some by name.
const MOST_SPECIALISTS: usize = 50;

/// The slots on offer, with the type they are for.
pub(crate) async fn offers(
    desk: &Desk,
    holds: &Arc<dyn Holds>,
    tenant: &Tenant,
    asked: &AvailabilityQuery,
) -> Result<(AppointmentType, Vec<Offer<PersonId>>), Failure> {
    let now = desk.clock.now();
    let (kind, mut diaries) = desk
        .read(tenant, async |work| {
            let kind = work.appointment_types().find(asked.appointment_type).await?;
            let kind = kind.ok_or(Failure::NotFound)?;
            Ok((kind, work.calendars().diaries(&asked.specialists, asked.range).await?))
        })
        .await?;
    if diaries.len() > MOST_SPECIALISTS {
        return Err(Failure::Invalid { pointer: "/specialist_id", code: "too_many" });
    }
    if diaries.len() < asked.specialists.len() {
        return Err(Failure::NotFound);
    }
    add_holds(holds, tenant, &mut diaries, asked.range, now).await;
    let open: Vec<_> = diaries.iter().map(|diary| diary.open_starts(&kind)).collect();
    let candidates: Vec<_> =
        diaries.iter().zip(&open).map(|(diary, open)| diary.as_candidate(open)).collect();
    let offers = match asked.mode {
        Mode::Any => any_of(&kind.rules, &candidates, asked.query, Some(now)),
        Mode::All => all_of(&kind.rules, &candidates, asked.query, Some(now)),
    };
    Ok((kind, offers))
}

async fn add_holds(
    holds: &Arc<dyn Holds>,
    tenant: &Tenant,
    diaries: &mut [SpecialistDiary],
    range: Window,
    now: chrono::DateTime<chrono::Utc>,
) {
    let who: Vec<_> = diaries.iter().map(|diary| diary.specialist).collect();
    let live = match holds.live(tenant, &who, range, now).await {
        Ok(live) => live,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "availability without regard to holds");
            return;
        }
    };
    for diary in diaries {
        let own: Vec<Hold> =
            live.iter().filter(|hold| hold.slot.specialist == diary.specialist).copied().collect();
        diary.busy.extend(others(tenant, &own));
    }
}
