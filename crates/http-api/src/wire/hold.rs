use restartix_scheduling::Hold;
use restartix_workflows::HoldRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HoldKey, Id, Instant, PersonKey, TypeKey};
use crate::View;

/// A slot to be held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    appointment_type_id: TypeKey,
    specialist_id: PersonKey,
    starts_at: Instant,
}

/// A slot kept for the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldView {
    id: HoldKey,
    appointment_type_id: TypeKey,
    specialist_id: PersonKey,
    starts_at: Instant,
    ends_at: Instant,
    expires_at: Instant,
}

impl View for HoldView {}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self {
            id: Id(hold.id),
            appointment_type_id: Id(hold.slot.appointment_type),
            specialist_id: Id(hold.slot.specialist),
            starts_at: hold.slot.starts_at.into(),
            ends_at: hold.slot.ends_at.into(),
            expires_at: hold.expires_at.into(),
        }
    }
}

impl From<HoldBody> for HoldRequest {
    fn from(body: HoldBody) -> Self {
        Self {
            appointment_type: body.appointment_type_id.0,
            specialist: body.specialist_id.0,
            starts_at: body.starts_at.into(),
        }
    }
}
