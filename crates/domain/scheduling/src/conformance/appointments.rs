use chrono::TimeDelta;
use restartix_kernel::{AppointmentId, Limit, PageRequest, Random};
use restartix_tenancy::Reach;

use super::Case;
use crate::{
    Appointment, AppointmentFilter, Appointments, Booked, Booking, ChangeReason, Rescheduling,
    Slot, Status,
};

/// The rules of [`Appointments`], but for the refusal of an overlap.
pub async fn appointments(appointments: &mut dyn Appointments, case: &Case, random: &dyn Random) {
    an_appointment_is_seen_within_reach(appointments, case, random).await;
    a_list_is_filtered_and_paged(appointments, case, random).await;
    open_appointments_are_counted(appointments, case, random).await;
    what_is_no_longer_active_frees_its_time(appointments, case, random).await;
    a_move_frees_the_time_before_and_takes_the_time_after(appointments, case, random).await;
    a_consent_is_given_and_withdrawn(appointments, case, random).await;
}

async fn a_consent_is_given_and_withdrawn(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let mut booked = add(appointments, &case.booking(random, 30)).await;
    for given in [true, false] {
        booked = booked.with_consent(given);
        appointments.set_consent(&booked).await.unwrap();
        let found = appointments.find(Reach::Organisation, booked.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&booked), "a consent is kept, and nothing else changes");
    }
    set(appointments, &booked, &[Status::Cancelled]).await;
}

fn move_by(booking: &Booking, case: &Case, by: TimeDelta) -> Rescheduling {
    let before = &booking.appointment;
    let slot = Slot::of(&case.kind, before.specialist, before.starts_at + by);
    let appointment = Appointment {
        starts_at: slot.starts_at,
        ends_at: slot.ends_at,
        version: before.version.next(),
        ..before.clone()
    };
    Rescheduling {
        starts_at_before: before.starts_at,
        session: booking.session,
        seat: booking.seat,
        slot,
        appointment,
        reason: ChangeReason::SpecialistUnavailable,
        reminders: booking.reminders.clone(),
    }
}

async fn a_move_frees_the_time_before_and_takes_the_time_after(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let booking = case.booking(random, 30);
    add(appointments, &booking).await;
    // A minute later: it meets nothing but itself.
    let moved = move_by(&booking, case, TimeDelta::minutes(1));
    assert_eq!(appointments.reschedule(&moved).await.unwrap(), Booked::Made);
    let moved = move_by(
        &Booking { appointment: moved.appointment, ..booking.clone() },
        case,
        TimeDelta::days(1),
    );
    assert_eq!(appointments.reschedule(&moved).await.unwrap(), Booked::Made);
    let found = appointments.find(Reach::Organisation, moved.appointment.id).await.unwrap();
    assert_eq!(found, Some(moved.appointment.clone()), "an appointment reads as it was moved");
    let again = add(appointments, &case.booking(random, 30)).await;
    set(appointments, &again, &[Status::Cancelled]).await;
    set(appointments, &moved.appointment, &[Status::Cancelled]).await;
}

/// A move into somebody else's time is refused. Ends with that refusal, after which a unit of work
/// in PostgreSQL is good for nothing: run it in a unit of its own.
pub async fn a_move_into_an_overlap_is_refused(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    add(appointments, &case.booking(random, 60)).await;
    let booking = case.booking(random, 61);
    add(appointments, &booking).await;
    let onto = move_by(&booking, case, -TimeDelta::days(1));
    assert_eq!(appointments.reschedule(&onto).await.unwrap(), Booked::SlotTaken);
}

async fn add(appointments: &mut dyn Appointments, booking: &Booking) -> Appointment {
    assert_eq!(appointments.add(booking).await.unwrap(), Booked::Made, "a free time is refused");
    booking.appointment.clone()
}

/// Moves an appointment, and keeps where it stands.
async fn set(appointments: &mut dyn Appointments, appointment: &Appointment, to: &[Status]) {
    let mut moved = appointment.clone();
    for status in to {
        moved = match status {
            Status::Cancelled => moved.cancel(ChangeReason::PatientRequest).unwrap(),
            status => moved.transition(*status).unwrap(),
        };
        appointments.set_status(&moved).await.unwrap();
    }
    let found = appointments.find(Reach::Organisation, moved.id).await.unwrap();
    assert_eq!(found, Some(moved), "an appointment reads as it was left");
}

async fn an_appointment_is_seen_within_reach(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let booked = add(appointments, &case.booking(random, 1)).await;
    let nowhere = AppointmentId::fresh(random);
    assert!(appointments.find(Reach::Organisation, nowhere).await.unwrap().is_none());
    assert!(appointments.lock(Reach::Organisation, nowhere).await.unwrap().is_none());
    for (reach, seen) in [
        (Reach::Organisation, true),
        (Reach::Own(case.patient), true),
        (Reach::TreatedBy(case.specialist), true),
        (Reach::Own(case.other_patient), false),
        (Reach::Own(case.specialist), false),
        (Reach::TreatedBy(case.stranger), false),
    ] {
        let expected = seen.then_some(&booked);
        let found = appointments.find(reach, booked.id).await.unwrap();
        assert_eq!(found.as_ref(), expected, "found within {reach:?}");
        let locked = appointments.lock(reach, booked.id).await.unwrap();
        assert_eq!(locked.as_ref(), expected, "locked within {reach:?}");
        let all = AppointmentFilter::default();
        let listed = appointments.list(reach, &all, &PageRequest::default()).await.unwrap().items;
        assert_eq!(listed.first(), expected, "listed within {reach:?}");
    }
    set(appointments, &booked, &[Status::Cancelled]).await;
}

async fn a_list_is_filtered_and_paged(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let day = |days: i64| case.now + TimeDelta::days(days);
    let mut booked = Vec::new();
    // Not in the order of time.
    for days in [12, 10, 11] {
        booked.push(add(appointments, &case.booking(random, days)).await);
    }
    booked.sort_by_key(|appointment| appointment.starts_at);
    let window = AppointmentFilter { from: Some(day(9)), to: Some(day(20)), status: None };
    let reach = Reach::Organisation;
    let whole = appointments.list(reach, &window, &PageRequest::default()).await.unwrap();
    assert_eq!((&whole.items, whole.next_cursor), (&booked, None), "all, by start");

    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: Limit::new(2).unwrap(), cursor };
        let page = appointments.list(reach, &window, &request).await.unwrap();
        paged.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, booked, "pages of two hold what one page holds");

    let Some([first, second, third]) = booked.first_chunk() else { return };
    set(appointments, second, &[Status::InProgress]).await;
    let moved = appointments.find(reach, second.id).await.unwrap();
    for (filter, expected) in [
        // Half-open: what ends at `from`, or starts at `to`, is not in.
        (AppointmentFilter { from: Some(first.ends_at), ..window }, vec![second.id, third.id]),
        (AppointmentFilter { to: Some(third.starts_at), ..window }, vec![first.id, second.id]),
        (AppointmentFilter { status: Some(Status::InProgress), ..window }, vec![second.id]),
        (AppointmentFilter { status: Some(Status::Confirmed), ..window }, vec![first.id, third.id]),
    ] {
        let listed = appointments.list(reach, &filter, &PageRequest::default()).await.unwrap();
        let ids: Vec<_> = listed.items.iter().map(|appointment| appointment.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
    set(appointments, first, &[Status::Cancelled]).await;
    set(appointments, &moved.unwrap(), &[Status::Completed]).await;
    set(appointments, third, &[Status::NoShow]).await;
}

async fn open_appointments_are_counted(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    for nobody in [case.stranger, case.specialist] {
        let found = appointments.patient(nobody, case.now).await.unwrap();
        assert!(found.is_none(), "somebody who is no patient");
    }
    let patient = appointments.patient(case.patient, case.now).await.unwrap().unwrap();
    assert_eq!(patient.max_open, 10, "what a new organisation allows");
    let ahead = add(appointments, &case.booking(random, 21)).await;
    let begun = add(appointments, &case.booking(random, 22)).await;
    set(appointments, &begun, &[Status::InProgress]).await;
    let open = async |appointments: &mut dyn Appointments, patient, now| {
        appointments.patient(patient, now).await.unwrap().unwrap().open_appointments
    };
    assert_eq!(open(appointments, case.patient, case.now).await, 1, "confirmed and to come");
    assert_eq!(open(appointments, case.patient, ahead.starts_at).await, 0, "no longer to come");
    assert_eq!(open(appointments, case.other_patient, case.now).await, 0, "somebody else's");
    set(appointments, &ahead, &[Status::Cancelled]).await;
    assert_eq!(open(appointments, case.patient, case.now).await, 0, "called off");
}

async fn what_is_no_longer_active_frees_its_time(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    // The last one stays free too: each must make room for the next.
    for end in [
        [Status::Cancelled].as_slice(),
        &[Status::NoShow],
        &[Status::InProgress, Status::Completed],
        &[Status::Cancelled],
    ] {
        let booked = add(appointments, &case.booking(random, 25)).await;
        set(appointments, &booked, end).await;
    }
}

/// Footprints of one specialist may touch and may not meet. Ends with a refusal, after which a
/// unit of work in PostgreSQL is good for nothing: run it in a unit of its own.
pub async fn an_overlap_is_refused(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let first = case.booking(random, 40);
    add(appointments, &first).await;
    let footprint = |slot: &Slot| {
        let footprint = slot.footprint();
        footprint.ends_at - footprint.starts_at
    };
    let next = first.slot.starts_at + footprint(&first.slot);
    add(appointments, &case.booking_at(random, next)).await;
    // The slots lie apart; the buffers alone meet.
    let nearly = first.slot.starts_at - footprint(&first.slot) + TimeDelta::minutes(1);
    let overlap = case.booking_at(random, nearly);
    assert!(overlap.slot.ends_at < first.slot.starts_at, "the case's type needs buffers");
    let refused = appointments.add(&overlap).await.unwrap();
    assert_eq!(refused, Booked::SlotTaken, "footprints that meet");
}

/// Run in another organisation: none of `ids` is there, whatever is asked.
pub async fn appointments_are_unseen(appointments: &mut dyn Appointments, ids: &[AppointmentId]) {
    let reach = Reach::Organisation;
    for id in ids {
        assert!(appointments.find(reach, *id).await.unwrap().is_none(), "another organisation's");
        assert!(appointments.lock(reach, *id).await.unwrap().is_none());
    }
    let all = AppointmentFilter::default();
    let listed = appointments.list(reach, &all, &PageRequest::default()).await.unwrap().items;
    assert!(listed.iter().all(|appointment| !ids.contains(&appointment.id)));
}
