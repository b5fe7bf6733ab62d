//! An attacker who has everything that is published, and knows how it is suppressed, is told no
//! suppressed cell: for each there is another clinic of which the same is published and in which
//! that cell is another number.

use proptest::prelude::*;
use restartix_telemetry::insights::{Cell, Parts, Published, SmallestCell, publish};

fn published(parts: &[u32], smallest: SmallestCell) -> Published {
    let total = Cell::of_patients(parts.iter().sum());
    let cells: Vec<_> = parts.iter().copied().map(Cell::of_patients).collect();
    publish(total, &cells, Parts::Apart, smallest)
}

/// Whether there is another division with the same publication in which this part differs.
fn has_a_double(parts: &[u32], place: usize, smallest: SmallestCell, seen: &Published) -> bool {
    let hidden: Vec<_> = (0..parts.len()).filter(|other| seen.parts[*other].is_none()).collect();
    let most = smallest.get() * 2;
    if seen.total.is_none() {
        // Any few would do.
        for each in 1..=most {
            let mut world = parts.to_vec();
            for place in &hidden {
                world[*place] = each;
            }
            if world[place] != parts[place] && published(&world, smallest) == *seen {
                return true;
            }
        }
    }
    // Moved between two parts, up to an exchange of them.
    for step in 1..=parts.iter().copied().max().unwrap_or_default().max(most) {
        for other in &hidden {
            for (from, to) in [(place, *other), (*other, place)] {
                let mut world = parts.to_vec();
                if from == to || world[from] < step {
                    continue;
                }
                world[from] -= step;
                world[to] += step;
                if published(&world, smallest) == *seen {
                    return true;
                }
            }
        }
    }
    false
}

fn small_and_large() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 0_u32..4, 3 => 0_u32..15, 1 => 10_u32..13, 1 => 0_u32..200]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn no_suppressed_cell_can_be_told(
        parts in prop::collection::vec(small_and_large(), 1..8),
        smallest in 5_u32..14,
    ) {
        let smallest = SmallestCell::new(smallest).unwrap();
        let seen = published(&parts, smallest);
        for (place, part) in parts.iter().enumerate() {
            match seen.parts[place] {
                Some(value) => {
                    prop_assert_eq!(value, u64::from(*part));
                    prop_assert!(*part == 0 || *part >= smallest.get(), "a small cell is shown");
                }
                None => prop_assert!(
                    has_a_double(&parts, place, smallest, &seen),
                    "{:?} of {:?} is told by {:?}", part, parts, seen
                ),
            }
        }
        let total: u32 = parts.iter().sum();
        prop_assert!(seen.total.is_none() || total == 0 || total >= smallest.get());
    }

    /// By sums and differences of what is published, whatever the table: values of parts that may
    /// overlap in their patients.
    #[test]
    fn no_sum_and_no_difference_is_about_too_few(
        parts in prop::collection::vec((small_and_large(), 1_u64..9), 1..8),
        apart in any::<bool>(),
    ) {
        let smallest = SmallestCell::default();
        let cell = |(patients, each): &(u32, u64)| {
            Cell { value: u64::from(*patients) * each, patients: *patients }
        };
        let cells: Vec<_> = parts.iter().map(cell).collect();
        let all = cells.iter().map(|cell| cell.patients);
        // Whoever is in several parts is in the total once.
        let (kind, patients) = if apart {
            (Parts::Apart, all.sum())
        } else {
            (Parts::Overlapping, all.max().unwrap_or_default())
        };
        let total = Cell { value: cells.iter().map(|cell| cell.value).sum(), patients };
        let seen = publish(total, &cells, kind, smallest);
        let hidden: Vec<_> = (0..cells.len()).filter(|place| seen.parts[*place].is_none()).collect();
        prop_assert_ne!(hidden.len(), usize::from(seen.total.is_some()), "one alone is the rest");
        if seen.total.is_some() && !hidden.is_empty() {
            // What the total gives away is the sum of what is hidden: about how many is that?
            let hidden = hidden.iter().map(|place| cells[*place].patients);
            let about: u32 = if apart { hidden.sum() } else { hidden.max().unwrap_or_default() };
            let all_of_it = seen.parts.iter().zip(&cells).all(|(seen, cell)| {
                seen.is_none() || cell.patients == 0
            });
            prop_assert!(about >= smallest.get() || (all_of_it && patients >= smallest.get()));
        }
    }
}
