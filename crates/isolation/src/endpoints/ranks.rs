//! Whether one of two series of times tends to be longer: the test of Mann and Whitney.
//!
//! Ranks instead of means: a pause of the machine counts as one long time, however long it was.

/// Beyond so many standard deviations, on either side, chance comes once in a thousand times.
pub(super) const FAR: f64 = 3.290_526_731;

/// How far the first series is above the second, in standard deviations of what chance does: the
/// normal approximation of U, corrected for ties (H. B. Mann and D. R. Whitney, 1947). 0 where
/// nothing can be said.
pub(super) fn deviation(first: &[u128], second: &[u128]) -> f64 {
    let mut all: Vec<(u128, bool)> = first.iter().map(|time| (*time, true)).collect();
    all.extend(second.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let (mut ranks_of_first, mut ties, mut below) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|one, other| one.0 == other.0) {
        let count = number(equal.len());
        // Equal times share the mean of their ranks.
        let rank = below + (count + 1.0) / 2.0;
        ranks_of_first += rank * number(equal.iter().filter(|(_, is_first)| *is_first).count());
        ties += count * count * count - count;
        below += count;
    }
    let (n, m) = (number(first.len()), number(second.len()));
    let whole = n + m;
    let u = ranks_of_first - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (whole + 1.0 - ties / (whole * (whole - 1.0)));
    if variance > 0.0 { (u - n * m / 2.0) / variance.sqrt() } else { 0.0 }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: U is 0 of 9, its mean 4.5, its variance 9 * 7 / 12.
    #[test]
    fn it_is_the_published_formula() {
        assert!((deviation(&[1, 2, 3], &[4, 5, 6]) - (-4.5 / 5.25_f64.sqrt())).abs() < 1e-12);
        // Ranks of the first: 1.5, 1.5, 3.5. Two ties of two: the variance loses 9/12 * 12/30.
        let tied = (6.5 - 6.0 - 4.5) / (9.0 / 12.0 * (7.0 - 12.0 / 30.0_f64)).sqrt();
        assert!((deviation(&[1, 1, 2], &[2, 3, 4]) - tied).abs() < 1e-12);
    }

    #[test]
    fn alike_series_are_near_and_shifted_ones_far_also_where_some_took_very_long() {
        let noise = |seed: u64, count: u64| -> Vec<u128> {
            (0..count).map(|at| u128::from((at * 7919 + seed * 104_729) % 1000 + 500)).collect()
        };
        assert!(deviation(&noise(1, 400), &noise(2, 400)).abs() < FAR);
        let later: Vec<u128> = noise(3, 400).iter().map(|time| time + 120).collect();
        assert!(deviation(&later, &noise(4, 400)) > FAR);
        assert!(deviation(&noise(4, 400), &later) < -FAR);
        let mut paused = noise(5, 400);
        paused.splice(..3, [1_000_000_000; 3]);
        assert!(deviation(&paused, &noise(6, 400)).abs() < FAR);
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert!(deviation(&[], &[]).abs() < f64::EPSILON);
        assert!(deviation(&[5, 5], &[5, 5]).abs() < f64::EPSILON);
    }
}
