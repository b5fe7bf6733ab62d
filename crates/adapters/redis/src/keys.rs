//! The keys, all of them; `{..}` is the hash tag that keeps an organisation's keys together.

use restartix_kernel::{AppointmentTypeId, HoldId, PersonId, UserId};
use restartix_tenancy::{OrgId, RateClass};

/// `<hold> <specialist>`: the hold that `owner` has of this type.
pub(crate) fn hold_of(organisation: OrgId, kind: AppointmentTypeId, owner: PersonId) -> String {
    format!("rtx:{{{organisation}}}:hold:{kind}:{owner}")
}

/// `<type> <specialist>`: where a hold's record is found; it never changes.
pub(crate) fn place(organisation: OrgId, hold: HoldId) -> String {
    format!("rtx:{{{organisation}}}:hold-place:{hold}")
}

/// A hash, hold to record: all holds of a specialist, whatever their type.
pub(crate) fn holds_with(organisation: OrgId, specialist: PersonId) -> String {
    format!("rtx:{{{organisation}}}:holds-with:{specialist}")
}

/// A bucket of a user, or without one of the organisation.
pub(crate) fn bucket(organisation: OrgId, user: Option<UserId>, class: RateClass) -> String {
    let class = class.as_str();
    match user {
        Some(user) => format!("rtx:{{{organisation}}}:rate:{class}:{user}"),
        None => format!("rtx:{{{organisation}}}:rate:{class}"),
    }
}
