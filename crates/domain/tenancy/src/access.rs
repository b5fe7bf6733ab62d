use restartix_kernel::PersonId;

/// Whose records an actor may see, within their organisation.
///
/// A record out of reach does not exist for the actor: it is a 404, never a 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every record of the organisation: administrators, programs within their scopes, the platform.
    Organisation,
    /// The records of the patients whom this specialist treats (`care_relations`).
    TreatedBy(PersonId),
    /// The records of this patient alone.
    Own(PersonId),
}

impl Reach {
    /// Whether a record about `patient` is within reach; `treated` tells whether a care relation
    /// ties the patient to the acting specialist now.
    pub fn covers(self, patient: PersonId, treated: bool) -> bool {
        match self {
            Self::Organisation => true,
            Self::TreatedBy(_) => treated,
            Self::Own(person) => person == patient,
        }
    }
}
