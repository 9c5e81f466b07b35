//! Which rows learn, which decide and which test: each part has its share of every class, or of
//! every height of a number.

use crate::random::Random;

/// Rows in the order of their target, equal ones shuffled, so that every n-th is a fair sample.
fn in_order(rows: &[usize], target: &[f64], random: &mut Random) -> Vec<usize> {
    let mut keyed: Vec<(f64, u64, usize)> =
        rows.iter().map(|&row| (target[row], random.next(), row)).collect();
    keyed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, _, row)| row).collect()
}

/// Takes a share of the rows out; answers those that stay and those taken, both ascending.
pub fn take(rows: &[usize], target: &[f64], share: f64, random: &mut Random) -> (Vec<usize>, Vec<usize>) {
    let (mut stay, mut taken) = (Vec::new(), Vec::new());
    for (at, row) in in_order(rows, target, random).into_iter().enumerate() {
        let before = (at as f64 * share).round();
        let after = ((at + 1) as f64 * share).round();
        if after > before { taken.push(row) } else { stay.push(row) }
    }
    stay.sort_unstable();
    taken.sort_unstable();
    (stay, taken)
}

/// Deals the rows to folds.
pub fn folds(rows: &[usize], target: &[f64], count: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut folds = vec![Vec::new(); count];
    for (at, row) in in_order(rows, target, random).into_iter().enumerate() {
        folds[at % count].push(row);
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    folds
}

#[cfg(test)]
mod tests {
    use super::{folds, take};
    use crate::random::Random;

    #[test]
    fn every_part_has_its_share_of_each_class() {
        let target: Vec<f64> = (0..1000).map(|at| f64::from(at % 10 == 0)).collect();
        let rows: Vec<usize> = (0..1000).collect();
        let rare = |part: &[usize]| part.iter().filter(|&&row| target[row] == 1.0).count();
        let (stay, taken) = take(&rows, &target, 0.2, &mut Random::new(1, 2));
        assert_eq!((stay.len(), rare(&stay), taken.len(), rare(&taken)), (800, 80, 200, 20));
        for fold in folds(&rows, &target, 5, &mut Random::new(1, 3)) {
            assert_eq!((fold.len(), rare(&fold)), (200, 20));
        }
    }
}
