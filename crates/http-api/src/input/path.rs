use std::fmt::Display;
use std::str::FromStr;

use chrono::NaiveDate;
use restartix_kernel::{
    ApiClientId, AppointmentId, AppointmentTypeId, ClosureId, FileId, HoldId, MembershipId,
    PersonId, ProgramId, RecordingId, TimeOffId, WebhookDeliveryId, WebhookEndpointId,
    WebhookJobId,
};
use utoipa::openapi::{RefOr, Schema};

use super::{Input, Parts};
use crate::wire::{Date, schema};
use crate::{Kind, Problem, Sketch};

/// An id that clients see.
pub trait PublicId: FromStr + Display {
    /// How it is written.
    fn schema() -> RefOr<Schema>;
}

impl PublicId for AppointmentId {
    fn schema() -> RefOr<Schema> {
        schema::appointment_id()
    }
}

macro_rules! uuid_ids {
    ($($name:ident)+) => {
        $(impl PublicId for $name {
            fn schema() -> RefOr<Schema> {
                schema::uuid()
            }
        })+
    };
}

uuid_ids! { AppointmentTypeId ClosureId FileId HoldId MembershipId PersonId ProgramId RecordingId TimeOffId WebhookDeliveryId WebhookEndpointId WebhookJobId ApiClientId }

/// The `{id}` of a path. A text that is no id is the id of nothing: the same 404.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<T: PublicId> Input for PathId<T> {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        request.path("id").parse().map(Self).map_err(|_| Kind::NOT_FOUND.into())
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path("id", T::schema());
    }
}

/// The `{date}` of a path, in its one spelling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathDate(pub(crate) NaiveDate);

impl Input for PathDate {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let date: Result<Date, _> = request.path("date").parse();
        date.map(|Date(date)| Self(date)).map_err(|_| Problem::parameter("date", "invalid"))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path("date", schema::date());
    }
}

/// The `{time_off_id}` of a path, after the specialist's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathTimeOff(pub(crate) TimeOffId);

impl Input for PathTimeOff {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        request.path("time_off_id").parse().map(Self).map_err(|_| Kind::NOT_FOUND.into())
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path("time_off_id", TimeOffId::schema());
    }
}

/// The `{recording_id}` of a path, after the appointment's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathRecording(pub(crate) RecordingId);

impl Input for PathRecording {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        request.path("recording_id").parse().map(Self).map_err(|_| Kind::NOT_FOUND.into())
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path("recording_id", RecordingId::schema());
    }
}

/// The last part of a path, as `{name}`, taken as it is.
#[derive(Debug)]
pub struct PathText(pub String);

impl Input for PathText {
    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        Ok(Self(request.path("name").to_owned()))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.path_text("name");
    }
}
