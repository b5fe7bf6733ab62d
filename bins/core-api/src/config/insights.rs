use restartix_telemetry::insights::SmallestCell;

use super::reader::{Reader, between};

/// What is told of what patients did.
#[derive(Clone, Copy, Debug)]
pub struct Insights {
    /// The least number of patients about whom an aggregate is published.
    pub smallest_cell: SmallestCell,
}

impl Insights {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let rule = "must be a number of patients, 5 to 1000";
        let patients = reader.optional("insights.smallest_cell", between(5, 1_000, rule));
        let patients = patients.and_then(|patients| u32::try_from(patients).ok());
        let smallest_cell = patients.and_then(SmallestCell::new).unwrap_or_default();
        Self { smallest_cell }
    }
}
