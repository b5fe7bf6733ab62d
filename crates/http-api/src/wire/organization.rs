use restartix_tenancy::{Organisation, Policies, Region, Version};
use restartix_workflows::{Failure, OrganisationPatch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Zone, invalid, present};
use crate::View;

/// The caller's organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationView {
    id: i64,
    name: String,
    timezone: Zone,
    /// Minutes for which a video room is open before the start.
    lead_minutes: u16,
    /// Minutes for which a video room stays open after the end.
    grace_minutes: u16,
    /// Where the servers are that carry its calls, as `eu-central-1`; `null`: wherever the platform's
    /// account says.
    #[schema(required = true)]
    video_region: Option<String>,
    policies: PoliciesBody,
    version: i32,
}

/// What the organisation has chosen for its patients and visits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliciesBody {
    /// Appointments to come that a patient may have at once: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    max_open_appointments: u16,
    /// Whether an appointment by video is under way once patient and specialist have come; yes, where
    /// it is not said.
    #[serde(default = "yes")]
    start_on_arrival: bool,
}

const fn yes() -> bool {
    true
}

/// What is to be changed about the organisation; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrganizationPatchBody {
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    timezone: Option<Zone>,
    /// 0 to 1,440.
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false, maximum = 1440)]
    lead_minutes: Option<u16>,
    /// 0 to 1,440.
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false, maximum = 1440)]
    grace_minutes: Option<u16>,
    /// For rooms that are made from now on; `null`: wherever the platform's account says.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32, pattern = "^[a-z0-9-]+$")]
    video_region: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    policies: Option<PoliciesBody>,
}

impl View for OrganizationView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }

    fn resource(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

impl From<Organisation> for OrganizationView {
    fn from(organisation: Organisation) -> Self {
        let Policies { max_open_appointments, start_on_arrival } = organisation.policies;
        Self {
            id: organisation.id.get(),
            name: organisation.name,
            timezone: Zone(organisation.timezone),
            lead_minutes: organisation.lead_minutes,
            grace_minutes: organisation.grace_minutes,
            video_region: organisation.video_region.map(|region| region.as_str().to_owned()),
            policies: PoliciesBody { max_open_appointments, start_on_arrival },
            version: organisation.version.get(),
        }
    }
}

fn minutes(pointer: &'static str, value: Option<u16>) -> Result<Option<u16>, Failure> {
    match value {
        Some(1_441..) => Err(invalid(pointer, "out_of_range")),
        value => Ok(value),
    }
}

fn region(text: Option<String>) -> Result<Option<Region>, Failure> {
    let region = text.map(|text| Region::new(&text)).transpose();
    region.map_err(|_| invalid("/video_region", "malformed"))
}

impl TryFrom<PoliciesBody> for Policies {
    type Error = Failure;

    fn try_from(body: PoliciesBody) -> Result<Self, Failure> {
        let PoliciesBody { max_open_appointments, start_on_arrival } = body;
        if (1..=100).contains(&max_open_appointments) {
            Ok(Self { max_open_appointments, start_on_arrival })
        } else {
            Err(invalid("/policies/max_open_appointments", "out_of_range"))
        }
    }
}

impl TryFrom<OrganizationPatchBody> for OrganisationPatch {
    type Error = Failure;

    fn try_from(body: OrganizationPatchBody) -> Result<Self, Failure> {
        Ok(Self {
            timezone: body.timezone.map(|Zone(zone)| zone),
            lead_minutes: minutes("/lead_minutes", body.lead_minutes)?,
            grace_minutes: minutes("/grace_minutes", body.grace_minutes)?,
            video_region: body.video_region.map(region).transpose()?,
            policies: body.policies.map(TryInto::try_into).transpose()?,
        })
    }
}
