use chrono::TimeDelta;
use restartix_kernel::PersonId;
use restartix_scheduling::AppointmentType;
use restartix_scheduling::engine::Offer;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Id, Instant, PersonKey};
use crate::View;

/// When somebody could be booked.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlotsView {
    slots: Vec<SlotView>,
}

/// A slot on offer.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlotView {
    /// Who offers it, whoever is next first; with `mode=all`, everybody asked for.
    specialist_ids: Vec<PersonKey>,
    /// The first of them.
    specialist_id: PersonKey,
    starts_at: Instant,
    ends_at: Instant,
}

impl View for SlotsView {}

impl From<(AppointmentType, Vec<Offer<PersonId>>)> for SlotsView {
    fn from((kind, offers): (AppointmentType, Vec<Offer<PersonId>>)) -> Self {
        let length = TimeDelta::minutes(i64::from(kind.rules.duration.get()));
        let slots = offers.into_iter().filter_map(|offer| {
            Some(SlotView {
                specialist_id: Id(*offer.specialists.first()?),
                specialist_ids: offer.specialists.into_iter().map(Id).collect(),
                starts_at: offer.starts_at.into(),
                ends_at: (offer.starts_at + length).into(),
            })
        });
        Self { slots: slots.collect() }
    }
}
