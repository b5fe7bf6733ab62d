use restartix_kernel::AppointmentId;
use restartix_scheduling::ChangeReason;
use restartix_telemetry::ResourceKind;
use restartix_tenancy::{RateClass, Scope};
use restartix_workflows::BookRequest;

use crate::input::{AppointmentsQuery, Body, IfMatch, PageQuery, PathId};
use crate::wire::{
    AppointmentView, AttendedView, BookBody, CalendarFile, CancelBody, ConsentBody, PageView,
    PassView, RescheduleBody,
};
use crate::{AuditClass, Created, Declared, Member, Problem, Reply, Roles, Route, Verb};

const READ: AuditClass = AuditClass::Read(ResourceKind::Appointment);
const CHANGE: AuditClass = AuditClass::Change(ResourceKind::Appointment);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::member(
            Declared {
                operation: "appointments.list",
                method: Verb::Get,
                path: "/v1/appointments",
                summary: "The appointments that you may see, by start.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            list,
        )
        .for_clients(Scope::Appointments),
        Route::member(
            Declared {
                operation: "appointments.book",
                method: Verb::Post,
                path: "/v1/appointments",
                summary: "Book a hold, or a slot.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            book,
        ),
        Route::member(
            Declared {
                operation: "appointments.get",
                method: Verb::Get,
                path: "/v1/appointments/{id}",
                summary: "An appointment that you may see.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            get,
        )
        .for_clients(Scope::Appointments),
        Route::member(
            Declared {
                operation: "appointments.calendar_file",
                method: Verb::Get,
                path: "/v1/appointments/{id}.ics",
                summary: "An appointment for a calendar: when it is, and nothing else of it.",
                audit: READ,
                rate: RateClass::Read,
            },
            Roles::EVERYBODY,
            calendar_file,
        ),
        Route::member(
            Declared {
                operation: "appointments.edit",
                method: Verb::Patch,
                path: "/v1/appointments/{id}",
                summary: "Give or withdraw the patient's consent to a recording; with it, what is being recorded goes.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            edit,
        ),
        Route::member(
            Declared {
                operation: "appointments.cancel",
                method: Verb::Post,
                path: "/v1/appointments/{id}/cancel",
                summary: "Call an appointment off.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            cancel,
        ),
        Route::member(
            Declared {
                operation: "appointments.reschedule",
                method: Verb::Post,
                path: "/v1/appointments/{id}/reschedule",
                summary: "Move an appointment to another time.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::EVERYBODY,
            reschedule,
        ),
        Route::member(
            Declared {
                operation: "appointments.start",
                method: Verb::Post,
                path: "/v1/appointments/{id}/start",
                summary: "Say that an appointment begins.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            start,
        ),
        Route::member(
            Declared {
                operation: "appointments.complete",
                method: Verb::Post,
                path: "/v1/appointments/{id}/complete",
                summary: "Say that an appointment took place.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            complete,
        ),
        Route::member(
            Declared {
                operation: "appointments.miss",
                method: Verb::Post,
                path: "/v1/appointments/{id}/no-show",
                summary: "Say that nobody came to an appointment.",
                audit: CHANGE,
                rate: RateClass::Write,
            },
            Roles::STAFF,
            miss,
        ),
        Route::member(
            Declared {
                operation: "appointments.video_token",
                method: Verb::Post,
                path: "/v1/appointments/{id}/video-token",
                summary: "A key to the appointment's room, for patient and specialist.",
                audit: AuditClass::Change(ResourceKind::VideoRoom),
                rate: RateClass::Token,
            },
            Roles::EVERYBODY,
            video_token,
        ),
    ]
}

async fn list(
    member: Member<'_>,
    (AppointmentsQuery(filter), PageQuery(page)): (AppointmentsQuery, PageQuery),
) -> Result<Reply<PageView<AttendedView>>, Problem> {
    let appointments = member.api.bookings.list(member.tenant, &filter, &page).await?;
    Ok(Reply(appointments.into()))
}

async fn book(
    member: Member<'_>,
    Body(body): Body<BookBody>,
) -> Result<Created<AppointmentView>, Problem> {
    let request = BookRequest::try_from(body)?;
    let booked = member.api.bookings.book(member.tenant, member.act, &request).await?;
    Ok(Created(booked.into()))
}

async fn get(
    member: Member<'_>,
    PathId(id): PathId<AppointmentId>,
) -> Result<Reply<AppointmentView>, Problem> {
    let appointment = member.api.bookings.find(member.tenant, id).await?;
    Ok(Reply(appointment.into()))
}

async fn calendar_file(
    member: Member<'_>,
    PathId(id): PathId<AppointmentId>,
) -> Result<CalendarFile, Problem> {
    let Member { api, tenant, .. } = member;
    let appointment = api.bookings.find(tenant, id).await?;
    let public_url = api.config.public_url.clone();
    Ok(CalendarFile { appointment, made_at: api.clock.now(), public_url })
}

async fn edit(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<AppointmentId>, IfMatch, Body<ConsentBody>),
) -> Result<Reply<AppointmentView>, Problem> {
    let Member { api, tenant, act } = member;
    Ok(Reply(api.recorder.consent(tenant, act, (id, seen), body.recording_consent).await?.into()))
}

async fn cancel(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<AppointmentId>, IfMatch, Body<CancelBody>),
) -> Result<Reply<AppointmentView>, Problem> {
    let Member { api, tenant, act } = member;
    let reason = ChangeReason::try_from(body)?;
    let cancelled = api.bookings.cancel(tenant, act, (id, seen), reason).await?;
    Ok(Reply(cancelled.into()))
}

async fn reschedule(
    member: Member<'_>,
    (PathId(id), IfMatch(seen), Body(body)): (PathId<AppointmentId>, IfMatch, Body<RescheduleBody>),
) -> Result<Reply<AppointmentView>, Problem> {
    let Member { api, tenant, act } = member;
    let (starts_at, reason) = body.try_into()?;
    let moved = api.bookings.reschedule(tenant, act, (id, seen), starts_at, reason).await?;
    Ok(Reply(moved.into()))
}

async fn start(
    member: Member<'_>,
    (PathId(id), IfMatch(seen)): (PathId<AppointmentId>, IfMatch),
) -> Result<Reply<AppointmentView>, Problem> {
    let started = member.api.bookings.start(member.tenant, member.act, (id, seen)).await?;
    Ok(Reply(started.into()))
}

async fn complete(
    member: Member<'_>,
    (PathId(id), IfMatch(seen)): (PathId<AppointmentId>, IfMatch),
) -> Result<Reply<AppointmentView>, Problem> {
    let completed = member.api.bookings.complete(member.tenant, member.act, (id, seen)).await?;
    Ok(Reply(completed.into()))
}

async fn miss(
    member: Member<'_>,
    (PathId(id), IfMatch(seen)): (PathId<AppointmentId>, IfMatch),
) -> Result<Reply<AppointmentView>, Problem> {
    let missed = member.api.bookings.miss(member.tenant, member.act, (id, seen)).await?;
    Ok(Reply(missed.into()))
}

async fn video_token(
    member: Member<'_>,
    PathId(id): PathId<AppointmentId>,
) -> Result<Reply<PassView>, Problem> {
    let pass = member.api.visits.pass(member.tenant, member.act, id).await?;
    #[cfg(feature = "mutants")]
    if restartix_kernel::mutants::planted("http-api.room_in_the_answer") {
        let room = restartix_video::RoomName::deterministic(member.tenant.organisation(), id);
        return Ok(Reply(PassView::new(&pass, room.as_str())));
    }
    Ok(Reply(PassView::new(&pass, &member.api.config.public_url)))
}
