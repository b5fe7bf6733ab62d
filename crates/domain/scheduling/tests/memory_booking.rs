//! The main job in memory: what is offered is held, decided, booked, and offered no more.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use restartix_kernel::{
    AppointmentId, AppointmentTypeId, HoldId, ManualClock, PersonId, SeededRandom, SessionId,
};
use restartix_scheduling::engine::{
    LocalBlock, PositiveMinutes, Query, Rules, WeeklyBlock, Window, availability,
};
use restartix_scheduling::memory::{MemoryClinic, MemoryHolds, MemoryUnit};
use restartix_scheduling::{
    AppointmentType, Booked, Booking, BookingRefused, BookingRequest, Capacity, ChangeReason,
    HoldError, Holds, Reminders, Slot, Specialist, TypeName, decide,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Personal, Role, Tenant, Version};

/// A Monday.
fn now() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn day() -> Window {
    let starts_at = now() + TimeDelta::days(1);
    Window { starts_at, ends_at: starts_at + TimeDelta::hours(2) }
}

struct Clinic {
    unit: MemoryUnit,
    holds: MemoryHolds,
    kind: AppointmentType,
    specialist: PersonId,
}

impl Clinic {
    fn open(tenant: &Tenant, random: &SeededRandom) -> Self {
        let clock = Arc::new(ManualClock::at(now()));
        let kind = AppointmentType {
            id: AppointmentTypeId::fresh(&*clock, random),
            name: TypeName::new("Consultation").unwrap(),
            rules: Rules::new(PositiveMinutes::new(60).unwrap()),
            capacity: Capacity::ONE,
            reminders: Reminders::default(),
            online: true,
            recording: false,
            version: Version::FIRST,
        };
        let unit = MemoryClinic::new(clock).unit(tenant);
        let specialist = PersonId::fresh(random);
        let whole = LocalBlock::WHOLE_DAY;
        unit.add_specialist(Specialist {
            id: specialist,
            display_name: Personal::new("Dr. Ana Pop").unwrap(),
            timezone: Tz::UTC,
            hours: vec![WeeklyBlock::new(Weekday::Tue, whole.start(), whole.end()).unwrap()],
            version: Version::FIRST,
        });
        Self { unit, holds: MemoryHolds::default(), kind, specialist }
    }

    /// What `who` is offered: the diary, and the live holds of others.
    async fn offered(&mut self, tenant: &Tenant, who: PersonId) -> Vec<DateTime<Utc>> {
        let mut diary = self.unit.calendars().lock(self.specialist, day()).await.unwrap().unwrap();
        let live = self.holds.live(tenant, &[self.specialist], day(), now()).await.unwrap();
        let others = live.iter().filter(|hold| hold.owner != who);
        diary.busy.extend(others.map(|hold| hold.slot.busy().unwrap()));
        let query = Query::new(day().starts_at, day().ends_at).unwrap();
        let open = diary.open_starts(&self.kind);
        availability(&self.kind.rules, &diary.as_diary(&open), query, Some(now()))
    }

    async fn decide(
        &mut self,
        who: PersonId,
        starts_at: DateTime<Utc>,
        random: &SeededRandom,
    ) -> Result<Booking, BookingRefused> {
        let patient = self.unit.appointments().patient(who, now()).await.unwrap().unwrap();
        let diary = self.unit.calendars().lock(self.specialist, day()).await.unwrap().unwrap();
        let request = BookingRequest {
            id: AppointmentId::fresh(random),
            session: SessionId::fresh(&ManualClock::at(now()), random),
            kind: &self.kind,
            patient,
            starts_at,
            recording_consent: false,
        };
        decide(&request, &diary, now())
    }
}

#[tokio::test]
async fn what_is_offered_is_held_booked_and_offered_no_more() {
    let random = SeededRandom::new(3);
    let principal = principal(1, Role::Admin, &random).await;
    let tenant = principal.tenant().unwrap();
    let mut clinic = Clinic::open(tenant, &random);
    let [anna, bob] = [(); 2].map(|()| PersonId::fresh(&random));
    clinic.unit.add_patient(anna);
    clinic.unit.add_patient(bob);
    let hold_id = || HoldId::fresh(&ManualClock::at(now()), &random);

    let offered = clinic.offered(tenant, anna).await;
    let [nine, ten] = [day().starts_at, day().starts_at + TimeDelta::hours(1)];
    assert_eq!(offered, [nine, ten]);

    let slot = Slot::of(&clinic.kind, clinic.specialist, nine);
    let hold = clinic.holds.acquire(tenant, hold_id(), &slot, anna, now()).await.unwrap();
    assert_eq!(clinic.offered(tenant, anna).await, [nine, ten], "one's own hold hides nothing");
    assert_eq!(clinic.offered(tenant, bob).await, [ten], "another's hold does");
    let refused = clinic.holds.acquire(tenant, hold_id(), &slot, bob, now()).await;
    assert!(matches!(refused, Err(HoldError::Taken)));

    clinic.unit.set_max_open(1);
    let booking = clinic.decide(anna, nine, &random).await.unwrap();
    let rival = clinic.decide(bob, nine, &random).await.unwrap();
    assert_eq!(clinic.unit.appointments().add(&booking).await.unwrap(), Booked::Made);
    clinic.holds.release(tenant, hold.id, anna).await.unwrap();
    assert_eq!(clinic.offered(tenant, bob).await, [ten]);

    // Twice refused: by the rule under the lock, and behind it by the wall.
    let taken = clinic.decide(bob, nine, &random).await;
    assert_eq!(taken, Err(BookingRefused::SlotTaken));
    assert_eq!(clinic.unit.appointments().add(&rival).await.unwrap(), Booked::SlotTaken);
    let too_many = clinic.decide(anna, ten, &random).await;
    assert_eq!(too_many, Err(BookingRefused::TooManyOpen));

    let cancelled = booking.appointment.cancel(ChangeReason::PatientRequest).unwrap();
    clinic.unit.appointments().set_status(&cancelled).await.unwrap();
    assert_eq!(clinic.offered(tenant, bob).await, [nine, ten]);
    assert_eq!(clinic.unit.appointments().add(&rival).await.unwrap(), Booked::Made);
}
