use chrono::TimeDelta;
use restartix_kernel::{PersonId, Random, StoreError};
use restartix_tenancy::Reach;

use super::Case;
use crate::{
    Appointment, Appointments, Booked, Booking, Capacity, ChangeReason, Reminded, Reminders,
    Rescheduling, Seat, Slot,
};

/// The rules of seats and reminders in [`Appointments`].
pub async fn seats(appointments: &mut dyn Appointments, case: &Case, random: &dyn Random) {
    seats_are_taken_and_left(appointments, case, random).await;
    whoever_moves_out_of_a_session_leaves_it_to_the_others(appointments, case, random).await;
    reminders_are_kept_until_nothing_is_to_come(appointments, case, random).await;
}

/// A booking of `patient` that opens a session of so many seats, some days from now.
fn opened(case: &Case, random: &dyn Random, days: i64, seats: u16) -> Booking {
    let seat = Seat::Opened(Capacity::new(seats).unwrap());
    Booking { seat, ..case.booking(random, days) }
}

/// A booking of `patient` in the session of `first`.
fn joined(case: &Case, random: &dyn Random, first: &Booking, patient: PersonId) -> Booking {
    let booking = case.booking_at(random, first.slot.starts_at);
    let appointment = Appointment { patient, ..booking.appointment };
    Booking { session: first.session, seat: Seat::Joined, appointment, ..booking }
}

async fn add(appointments: &mut dyn Appointments, booking: &Booking) -> Appointment {
    assert_eq!(appointments.add(booking).await.unwrap(), Booked::Made, "a free seat is refused");
    booking.appointment.clone()
}

async fn cancel(appointments: &mut dyn Appointments, appointment: &Appointment) {
    let cancelled = appointment.cancel(ChangeReason::PatientRequest).unwrap();
    appointments.set_status(&cancelled).await.unwrap();
}

async fn seats_are_taken_and_left(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let first = opened(case, random, 70, 3);
    let one = add(appointments, &first).await;
    let again = joined(case, random, &first, case.patient);
    let again = appointments.add(&again).await.unwrap();
    assert_eq!(again, Booked::SlotTaken, "two seats of one patient");
    let two = add(appointments, &joined(case, random, &first, case.other_patient)).await;
    cancel(appointments, &one).await;
    let one = add(appointments, &joined(case, random, &first, case.patient)).await;
    cancel(appointments, &one).await;
    cancel(appointments, &two).await;
    // The last one has left: nobody can join, and the time is free.
    let late = appointments.add(&joined(case, random, &first, case.patient)).await;
    assert!(matches!(late, Err(StoreError::Busy(_))), "a session that nobody keeps was joined");
    let small = opened(case, random, 70, 1);
    let one = add(appointments, &small).await;
    let late = appointments.add(&joined(case, random, &small, case.other_patient)).await;
    assert!(matches!(late, Err(StoreError::Busy(_))), "more seats than there are");
    cancel(appointments, &one).await;
}

async fn whoever_moves_out_of_a_session_leaves_it_to_the_others(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let (first, other) = (opened(case, random, 75, 2), opened(case, random, 80, 2));
    let one = add(appointments, &first).await;
    let two = add(appointments, &joined(case, random, &first, case.other_patient)).await;
    let moved = |of: &Appointment, days: i64, seat, session| {
        let slot = Slot::of(&case.kind, case.specialist, case.now + TimeDelta::days(days));
        let (starts_at, ends_at, version) = (slot.starts_at, slot.ends_at, of.version.next());
        Rescheduling {
            starts_at_before: of.starts_at,
            session,
            seat,
            slot,
            appointment: Appointment { starts_at, ends_at, version, ..of.clone() },
            reason: ChangeReason::PatientRequest,
            reminders: Reminders::none(),
        }
    };
    // Out of it, into a session of its own.
    let out = moved(&one, 80, other.seat, other.session);
    assert_eq!(appointments.reschedule(&out).await.unwrap(), Booked::Made);
    // The other one goes where the first now is: nobody is left behind, and the old time is free.
    let after = moved(&two, 80, Seat::Joined, other.session);
    assert_eq!(appointments.reschedule(&after).await.unwrap(), Booked::Made);
    let found = appointments.find(Reach::Organisation, two.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&after.appointment));
    let free = add(appointments, &opened(case, random, 75, 1)).await;
    // Back again, each from where it is: the last one takes the session along.
    for (booked, days) in [(&out.appointment, 85), (&after.appointment, 86)] {
        let back = moved(booked, days, other.seat, case.booking(random, days).session);
        assert_eq!(appointments.reschedule(&back).await.unwrap(), Booked::Made);
        cancel(appointments, &back.appointment).await;
    }
    cancel(appointments, &free).await;
    let free = add(appointments, &opened(case, random, 80, 1)).await;
    cancel(appointments, &free).await;
}

async fn reminders_are_kept_until_nothing_is_to_come(
    appointments: &mut dyn Appointments,
    case: &Case,
    random: &dyn Random,
) {
    let reminders = Reminders::new(&[2880, 60]).unwrap();
    let booking = Booking { reminders: reminders.clone(), ..case.booking(random, 90) };
    let appointment = add(appointments, &booking).await;
    let nowhere = restartix_kernel::AppointmentId::fresh(random);
    assert_eq!(appointments.reminders(nowhere).await.unwrap(), None);
    let kept = appointments.reminders(appointment.id).await.unwrap();
    assert_eq!(kept, Some(Reminded { appointment: appointment.clone(), reminders }));
    let left = Reminders::new(&[60]).unwrap();
    let after = Reminded { appointment: appointment.clone(), reminders: left };
    appointments.set_reminders(&after).await.unwrap();
    assert_eq!(appointments.reminders(appointment.id).await.unwrap(), Some(after));
    cancel(appointments, &appointment).await;
    let kept = appointments.reminders(appointment.id).await.unwrap().unwrap();
    assert_eq!(kept.reminders, Reminders::none(), "nobody is reminded of what was called off");
}
