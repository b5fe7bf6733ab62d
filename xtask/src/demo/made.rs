//! What each clinic made, and the wall keeps from the other.

use anyhow::Result;

use super::call::{Booked, Offer};
use super::exercises::Assigned;
use super::files::Filed;
use super::hooks::Hooked;
use super::recording::Recorded;
use crate::stack::random_uuid;

/// What the demo made in one clinic, by its public ids.
pub(super) struct Made {
    pub(super) booked: Booked,
    pub(super) recorded: Recorded,
    pub(super) filed: Filed,
    pub(super) assigned: Assigned,
    pub(super) hooked: Hooked,
}

impl Made {
    /// The same kinds of ids, of nothing and nobody.
    pub(super) fn nobodys(&self) -> Result<Self> {
        Ok(Self {
            booked: Booked {
                offer: Offer {
                    appointment_type: random_uuid()?,
                    specialist: random_uuid()?,
                    patient: random_uuid()?,
                    membership: random_uuid()?,
                    time_off: random_uuid()?,
                    closure: random_uuid()?,
                },
                free: self.booked.free.clone(),
                hold: random_uuid()?,
                // An integer below 2^53; the chance that somebody has it is nil.
                appointment: "7001002003004005".to_owned(),
            },
            recorded: Recorded::nobodys("7001002003004006".to_owned())?,
            assigned: Assigned { program: random_uuid()?, exercise: random_uuid()? },
            filed: Filed { document: random_uuid()?, signature: random_uuid()? },
            hooked: Hooked {
                endpoint: random_uuid()?,
                delivery: random_uuid()?,
                job: random_uuid()?,
                program: random_uuid()?,
            },
        })
    }

    /// Every id that stays and that a list of this clinic may show.
    pub(super) fn ids(&self) -> Vec<&str> {
        let Self { booked, recorded, filed, assigned, hooked } = self;
        let Offer { appointment_type, specialist, patient, membership, time_off, closure } =
            &booked.offer;
        let of_booking = [
            &booked.appointment,
            appointment_type,
            specialist,
            patient,
            membership,
            time_off,
            closure,
        ];
        let of_files = [&filed.document, &filed.signature, &assigned.program, &assigned.exercise];
        let of_visit = [&recorded.appointment, &recorded.recording, &recorded.file];
        let of_hooks = [&hooked.endpoint, &hooked.delivery, &hooked.job, &hooked.program];
        of_booking
            .into_iter()
            .chain(of_visit)
            .chain(of_files)
            .chain(of_hooks)
            .map(String::as_str)
            .collect()
    }

    /// Ids of which the clinic's own audit tells, and no other's.
    pub(super) fn traced(&self) -> Vec<&str> {
        let Self { booked, filed, assigned, hooked, .. } = self;
        let Assigned { program, .. } = assigned;
        let traced =
            [&booked.appointment, &booked.hold, &filed.document, program, &hooked.endpoint];
        traced.map(String::as_str).into()
    }
}
