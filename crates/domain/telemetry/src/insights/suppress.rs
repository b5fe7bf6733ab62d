//! Small cells: what is about so few that it would be about somebody.

/// The least number of patients about whom an aggregate is published: never below 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SmallestCell(u32);

impl SmallestCell {
    /// What no policy can undercut.
    pub const FLOOR: u32 = 5;

    /// The number, when it is not below the floor.
    pub const fn new(patients: u32) -> Option<Self> {
        if patients >= Self::FLOOR { Some(Self(patients)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Eleven, as the Centers for Medicare & Medicaid Services have it (cell size suppression policy).
impl Default for SmallestCell {
    fn default() -> Self {
        Self(11)
    }
}

/// An aggregate, before it is known whether it may be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What was counted.
    pub value: u64,
    /// Of how many patients. An aggregate of none is about nobody.
    pub patients: u32,
}

impl Cell {
    /// A number of patients.
    pub fn of_patients(patients: u32) -> Self {
        Self { value: patients.into(), patients }
    }
}

/// Whether one patient can be in several parts of a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// In one at most.
    Apart,
    /// In several.
    Overlapping,
}

/// A total and its parts, as they are published: `None` is suppressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The total.
    pub total: Option<u64>,
    /// Its parts, in their order.
    pub parts: Vec<Option<u64>>,
}

/// What may be published of a total and its parts.
///
/// A cell about fewer than `smallest` patients is suppressed, but for one about nobody. Where the
/// total would give away what is suppressed, the next smallest parts go too, equal ones together:
/// until two are suppressed or more, and together they are about as many patients as a cell that may
/// be published. Where that cannot be had, the total goes.
///
/// Who knows this rule knows no more: two suppressed parts that differ might be each other, and equal
/// ones might be one more and one less. Where they might not, because each is the least or the most
/// that is suppressed, one part more goes.
///
/// Every total here has one set of parts, and no two totals are parts of a third: all that is
/// published together is such tables side by side.
pub fn publish(total: Cell, parts: &[Cell], kind: Parts, smallest: SmallestCell) -> Published {
    #[cfg(feature = "mutants")]
    if restartix_kernel::mutants::planted("telemetry.small_cells") {
        return one_by_one(total, parts, |_| false);
    }
    let small = |patients: u32| (1..smallest.0).contains(&patients);
    // Everything about somebody with fewer patients than this goes; a threshold treats equals equally.
    let mut below = smallest.0;
    if small(total.patients) {
        below = u32::MAX;
    } else if parts.iter().any(|part| small(part.patients)) {
        #[cfg(feature = "mutants")]
        if restartix_kernel::mutants::planted("telemetry.total_beside_one_that_is_suppressed") {
            return one_by_one(total, parts, small);
        }
        while let Some(next) = next_smallest(parts, below)
            && !hides(parts, below, kind, smallest)
        {
            below = next.saturating_add(1);
        }
    }
    let hidden = |part: &Cell| part.patients > 0 && part.patients < below;
    let total_goes =
        small(total.patients) || gives_away(parts.iter().filter(|part| hidden(part)), smallest);
    Published {
        total: (!total_goes).then_some(total.value),
        parts: parts.iter().map(|part| (!hidden(part)).then_some(part.value)).collect(),
    }
}

/// Each cell by itself, whatever the others give away.
#[cfg(feature = "mutants")]
fn one_by_one(total: Cell, parts: &[Cell], small: impl Fn(u32) -> bool) -> Published {
    let shown = |cell: &Cell| (!small(cell.patients)).then_some(cell.value);
    Published { total: shown(&total), parts: parts.iter().map(shown).collect() }
}

/// The least number of patients that a part has which is not below the threshold.
fn next_smallest(parts: &[Cell], below: u32) -> Option<u32> {
    parts.iter().map(|part| part.patients).filter(|patients| *patients >= below).min()
}

/// Whether the sum of the parts below the threshold, which the total gives away, gives nobody away.
fn hides(parts: &[Cell], below: u32, kind: Parts, smallest: SmallestCell) -> bool {
    let hidden = || parts.iter().filter(|part| part.patients < below);
    let patients = hidden().map(|part| part.patients);
    let at_least = match kind {
        Parts::Apart => patients.fold(0_u32, u32::saturating_add),
        Parts::Overlapping => patients.max().unwrap_or_default(),
    };
    at_least >= smallest.0 && !gives_away(hidden().filter(|part| part.patients > 0), smallest)
}

/// Whether the sum of these parts, all that are suppressed, gives each of them away: there is one
/// alone, or each is the least or the most that is suppressed at all.
fn gives_away<'a>(hidden: impl Iterator<Item = &'a Cell>, smallest: SmallestCell) -> bool {
    let patients: Vec<u32> = hidden.map(|part| part.patients).collect();
    let each = |edge: u32| patients.iter().all(|patients| *patients == edge);
    patients.len() == 1 || (!patients.is_empty() && (each(1) || each(smallest.0 - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(total: u32, parts: &[u32]) -> Published {
        let parts: Vec<_> = parts.iter().copied().map(Cell::of_patients).collect();
        publish(Cell::of_patients(total), &parts, Parts::Apart, SmallestCell::default())
    }

    fn shown(total: impl Into<Option<u64>>, parts: &[i64]) -> Published {
        let parts = parts.iter().map(|part| u64::try_from(*part).ok()).collect();
        Published { total: total.into(), parts }
    }

    #[test]
    fn what_is_large_enough_is_published() {
        assert_eq!(counts(66, &[40, 15, 11]), shown(66, &[40, 15, 11]));
        assert_eq!(counts(40, &[40, 0, 0]), shown(40, &[40, 0, 0]), "nobody is nobody");
        assert_eq!(counts(0, &[0, 0, 0]), shown(0, &[0, 0, 0]));
    }

    #[test]
    fn one_small_cell_takes_the_next_smallest_along() {
        assert_eq!(counts(60, &[40, 17, 3]), shown(60, &[40, -1, -1]));
        assert_eq!(counts(43, &[40, 0, 3]), shown(43, &[-1, 0, -1]));
    }

    #[test]
    fn two_small_cells_whose_sum_is_small_take_a_third_along() {
        assert_eq!(counts(43, &[40, 1, 2]), shown(43, &[-1, -1, -1]));
        assert_eq!(counts(51, &[40, 5, 6]), shown(51, &[40, -1, -1]));
    }

    #[test]
    fn equals_go_together_and_edges_take_one_more_along() {
        assert_eq!(counts(55, &[20, 20, 5, 10]), shown(55, &[20, 20, -1, -1]));
        assert_eq!(counts(45, &[20, 20, 5]), shown(45, &[-1, -1, -1]));
        assert_eq!(counts(40, &[20, 10, 10]), shown(40, &[-1, -1, -1]), "each the most");
        assert_eq!(counts(20, &[10, 10]), shown(None, &[-1, -1]));
        assert_eq!(counts(38, &[20, 9, 9]), shown(38, &[20, -1, -1]), "8 and 10, or 9 and 9");
    }

    #[test]
    fn a_small_total_leaves_nothing() {
        assert_eq!(counts(10, &[9, 0, 1]), shown(None, &[-1, 0, -1]));
        assert_eq!(counts(4, &[4]), shown(None, &[-1]));
    }

    #[test]
    fn parts_that_overlap_hide_behind_a_large_one() {
        let cell = |value, patients| Cell { value, patients };
        let parts = [cell(90, 60), cell(9, 8), cell(12, 9), cell(40, 30)];
        let all = publish(cell(151, 70), &parts, Parts::Overlapping, SmallestCell::default());
        assert_eq!(all, shown(151, &[90, -1, -1, -1]));
        let one = publish(cell(9, 12), &[cell(9, 8)], Parts::Overlapping, SmallestCell::default());
        assert_eq!(one, shown(None, &[-1]));
    }

    #[test]
    fn the_policy_has_a_floor() {
        assert_eq!(SmallestCell::new(4), None);
        assert_eq!(SmallestCell::new(5).map(SmallestCell::get), Some(5));
        assert_eq!(SmallestCell::default().get(), 11);
    }
}
