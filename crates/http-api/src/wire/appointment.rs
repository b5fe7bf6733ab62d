use std::str::FromStr;

use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, ExposeSecret, PersonId};
use restartix_scheduling::{Appointment, ChangeReason};
use restartix_tenancy::Version;
use restartix_workflows::{Attended, BookRequest, Failure, HoldRequest, Pass, What};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HoldKey, Id, Instant, PersonKey, TypeKey, invalid};
use crate::View;

/// A patient's time with a specialist.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppointmentView {
    #[schema(value_type = i64, minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    id: AppointmentId,
    /// `confirmed`, `in_progress`, `completed`, `cancelled` or `no_show`.
    status: &'static str,
    appointment_type_id: TypeKey,
    specialist_id: PersonKey,
    patient_id: PersonKey,
    starts_at: Instant,
    ends_at: Instant,
    online: bool,
    recording_consent: bool,
    /// Why it was called off, when it was.
    #[schema(required = true)]
    cancel_reason: Option<&'static str>,
    version: i32,
}

impl View for AppointmentView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }

    fn patient(&self) -> Option<PersonId> {
        Some(self.patient_id.0)
    }
}

impl From<Appointment> for AppointmentView {
    fn from(appointment: Appointment) -> Self {
        Self {
            id: appointment.id,
            status: appointment.status.as_str(),
            appointment_type_id: Id(appointment.appointment_type),
            specialist_id: Id(appointment.specialist),
            patient_id: Id(appointment.patient),
            starts_at: appointment.starts_at.into(),
            ends_at: appointment.ends_at.into(),
            online: appointment.online,
            recording_consent: appointment.recording_consent,
            cancel_reason: appointment.cancel_reason.map(ChangeReason::as_str),
            version: appointment.version.get(),
        }
    }
}

/// An appointment, and what its video room tells of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttendedView {
    #[serde(flatten)]
    appointment: AppointmentView,
    /// For staff: since when the patient has been in the video room without the specialist.
    #[schema(required = true)]
    waiting_since: Option<Instant>,
    /// For staff: whether the patient has not come, although the organisation's grace has passed since
    /// the start. Nothing follows by itself.
    no_show_suggested: bool,
}

impl View for AttendedView {
    fn patient(&self) -> Option<PersonId> {
        self.appointment.patient()
    }
}

impl From<Attended> for AttendedView {
    fn from(attended: Attended) -> Self {
        Self {
            appointment: attended.appointment.into(),
            waiting_since: attended.waiting_since.map(Into::into),
            no_show_suggested: attended.no_show_suggested,
        }
    }
}

/// What is to be booked: a hold, or a slot by its own words.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BookBody {
    /// A hold of the caller; then no type, specialist or start.
    hold_id: Option<HoldKey>,
    appointment_type_id: Option<TypeKey>,
    specialist_id: Option<PersonKey>,
    starts_at: Option<Instant>,
    /// For whom; patients book for themselves, staff must say.
    patient_id: Option<PersonKey>,
    /// Whether the patient consents to a recording.
    recording_consent: bool,
}

impl TryFrom<BookBody> for BookRequest {
    type Error = Failure;

    fn try_from(body: BookBody) -> Result<Self, Failure> {
        let slot = (body.appointment_type_id, body.specialist_id, body.starts_at);
        let what = match (body.hold_id, slot) {
            (Some(Id(hold)), (None, None, None)) => What::Held(hold),
            (Some(_), _) => return Err(invalid("/hold_id", "not_with_a_slot")),
            (None, (Some(kind), Some(specialist), Some(starts_at))) => What::Slot(HoldRequest {
                appointment_type: kind.0,
                specialist: specialist.0,
                starts_at: starts_at.into(),
            }),
            (None, (None, ..)) => return Err(invalid("/appointment_type_id", "required")),
            (None, (_, None, _)) => return Err(invalid("/specialist_id", "required")),
            (None, (_, _, None)) => return Err(invalid("/starts_at", "required")),
        };
        let patient = body.patient_id.map(|Id(patient)| patient);
        Ok(Self { what, patient, recording_consent: body.recording_consent })
    }
}

/// What of an appointment changes.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    /// Whether the patient consents to a recording.
    pub(crate) recording_consent: bool,
}

/// Why an appointment is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// `patient_request`, `specialist_unavailable`, `clinic_closed`, `technical` or `other`.
    reason_code: String,
}

impl TryFrom<CancelBody> for ChangeReason {
    type Error = Failure;

    fn try_from(body: CancelBody) -> Result<Self, Failure> {
        Self::from_str(&body.reason_code).map_err(|_| invalid("/reason_code", "unknown_word"))
    }
}

/// To when an appointment is moved, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RescheduleBody {
    starts_at: Instant,
    /// `patient_request`, `specialist_unavailable`, `clinic_closed`, `technical` or `other`.
    reason_code: String,
}

impl TryFrom<RescheduleBody> for (DateTime<Utc>, ChangeReason) {
    type Error = Failure;

    fn try_from(body: RescheduleBody) -> Result<Self, Failure> {
        let reason = ChangeReason::try_from(CancelBody { reason_code: body.reason_code })?;
        Ok((body.starts_at.into(), reason))
    }
}

/// A key to the room of an appointment.
#[derive(Serialize, ToSchema)]
pub struct PassView {
    /// For the provider's own client; good until `expires_at`.
    token: String,
    expires_at: Instant,
    /// A page of ours that opens the room; good for ten minutes.
    join_url: String,
}

impl View for PassView {}

impl PassView {
    /// The view of `pass`, whose page is served under `public_url`.
    pub(crate) fn new(pass: &Pass, public_url: &str) -> Self {
        Self {
            token: pass.token.token.expose_secret().to_owned(),
            expires_at: pass.token.expires_at.into(),
            join_url: format!("{public_url}/join/{}", pass.code.expose()),
        }
    }
}
