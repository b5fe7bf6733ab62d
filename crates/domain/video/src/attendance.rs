use chrono::{DateTime, Utc};

use crate::{Part, Stay};

/// Who came to a visit, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Whether the patient was in the room.
    pub patient_came: bool,
    /// Whether the specialist was.
    pub specialist_came: bool,
    /// Since when the patient has been in the room without the specialist.
    pub waiting_since: Option<DateTime<Utc>>,
}

impl Attendance {
    /// What `stays` tell; `part` says whose each is.
    pub fn of(stays: &[Stay], part: impl Fn(&Stay) -> Option<Part>) -> Self {
        let present = |wanted| {
            let open = stays.iter().filter(|stay| part(stay) == Some(wanted));
            open.filter(|stay| stay.left_at.is_none()).map(|stay| stay.joined_at).min()
        };
        let came = |wanted| stays.iter().any(|stay| part(stay) == Some(wanted));
        Self {
            patient_came: came(Part::Patient),
            specialist_came: came(Part::Specialist),
            waiting_since: present(Part::Patient).filter(|_| present(Part::Specialist).is_none()),
        }
    }

    /// Whether both were there: from then on the appointment is under way.
    pub const fn is_complete(&self) -> bool {
        self.patient_came && self.specialist_came
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StayId;
    use restartix_kernel::PersonId;
    use uuid::Uuid;

    const PATIENT: u128 = 1;
    const SPECIALIST: u128 = 2;

    fn attendance(stays: &[(u128, i64, Option<i64>)]) -> Attendance {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let stays: Vec<_> = stays
            .iter()
            .map(|(who, joined, left)| Stay {
                id: StayId(Uuid::nil()),
                person: PersonId::from_uuid(Uuid::from_u128(*who)),
                joined_at: at(*joined),
                left_at: left.map(at),
            })
            .collect();
        Attendance::of(&stays, |stay| match stay.person.as_uuid().as_u128() {
            PATIENT => Some(Part::Patient),
            SPECIALIST => Some(Part::Specialist),
            _ => None,
        })
    }

    #[test]
    fn a_patient_waits_while_they_are_there_and_the_specialist_is_not() {
        let since = |stays: &[_]| attendance(stays).waiting_since.map(|at| at.timestamp());
        assert_eq!(since(&[]), None);
        assert_eq!(since(&[(PATIENT, 10, None), (3, 5, None)]), Some(10));
        assert_eq!(since(&[(PATIENT, 10, None), (PATIENT, 8, Some(9))]), Some(10));
        assert_eq!(since(&[(PATIENT, 10, None), (SPECIALIST, 20, None)]), None);
        assert_eq!(since(&[(PATIENT, 10, None), (SPECIALIST, 5, Some(8))]), Some(10));
        assert_eq!(since(&[(PATIENT, 10, Some(11))]), None);
    }

    #[test]
    fn both_have_come_once_each_was_there_be_it_one_after_the_other() {
        assert!(!attendance(&[(PATIENT, 1, None), (3, 1, None)]).is_complete());
        assert!(attendance(&[(PATIENT, 1, Some(2)), (SPECIALIST, 3, None)]).is_complete());
    }
}
