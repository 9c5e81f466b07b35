//! Whether groups are treated alike: rates by group, and how far they are apart, each with an interval.
//!
//! The differences and ratios are Fairlearn's. The interval of a difference of two shares is Newcombe's hybrid of two score
//! intervals ("Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998).

use std::collections::BTreeMap;

use crate::compare::Proportion;

/// One row: its group, whether it was selected, and whether it should have been, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The group.
    pub group: String,
    /// Whether the model gave it the favourable class.
    pub selected: bool,
    /// Whether that class was the right one.
    pub deserved: Option<bool>,
}

/// How a group is treated.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The group.
    pub name: String,
    /// How many of it were selected.
    pub selected: Proportion,
    /// How many were, of those who should have been; none where no truth is known of such rows.
    pub true_positive: Option<Proportion>,
    /// How many were, of those who should not have been.
    pub false_positive: Option<Proportion>,
}

/// How far two groups are apart in a rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The largest difference between groups.
    pub difference: f64,
    /// The interval of that difference.
    pub interval: (f64, f64),
    /// The smallest rate by the largest; 1 where there is none.
    pub ratio: f64,
    /// The groups with the largest and the smallest rate.
    pub between: (String, String),
}

/// How groups are treated, and how far they are apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Fairness {
    /// Every group, by name.
    pub groups: Vec<Group>,
    /// Demographic parity: of the selection rates. None with fewer than two groups.
    pub selection: Option<Gap>,
    /// Of the true positive rates.
    pub true_positive: Option<Gap>,
    /// Of the false positive rates.
    pub false_positive: Option<Gap>,
}

impl Fairness {
    /// Counts rows by group.
    pub fn of(rows: &[Judged], confidence: f64) -> Self {
        let mut counts: BTreeMap<&str, [f64; 6]> = BTreeMap::new();
        for row in rows {
            let count = counts.entry(&row.group).or_default();
            let selected = f64::from(u8::from(row.selected));
            count[0] += selected;
            count[1] += 1.0;
            if let Some(deserved) = row.deserved {
                let at = if deserved { 2 } else { 4 };
                count[at] += selected;
                count[at + 1] += 1.0;
            }
        }
        let share = |count: &[f64]| (count[1] > 0.0).then(|| Proportion { count: count[0], of: count[1] });
        let groups: Vec<Group> = counts
            .into_iter()
            .map(|(name, count)| Group {
                name: name.to_owned(),
                selected: Proportion { count: count[0], of: count[1] },
                true_positive: share(&count[2..4]),
                false_positive: share(&count[4..6]),
            })
            .collect();
        let gap = |rate: fn(&Group) -> Option<Proportion>| gap(&groups, rate, confidence);
        let selection = gap(|it| Some(it.selected));
        let (true_positive, false_positive) = (gap(|it| it.true_positive), gap(|it| it.false_positive));
        Self { selection, true_positive, false_positive, groups }
    }

    /// Equalized odds: the larger difference of the true and false positive rates.
    pub fn equalized_odds(&self) -> Option<f64> {
        let (one, other) = (self.true_positive.as_ref()?, self.false_positive.as_ref()?);
        Some(one.difference.max(other.difference))
    }

    /// The smaller ratio of the true and false positive rates.
    pub fn equalized_odds_ratio(&self) -> Option<f64> {
        let (one, other) = (self.true_positive.as_ref()?, self.false_positive.as_ref()?);
        Some(one.ratio.min(other.ratio))
    }
}

fn gap(groups: &[Group], rate: fn(&Group) -> Option<Proportion>, confidence: f64) -> Option<Gap> {
    let rates: Vec<(&str, Proportion)> =
        groups.iter().filter_map(|group| Some((group.name.as_str(), rate(group)?))).collect();
    if rates.len() < 2 {
        return None;
    }
    let by = |a: &&(&str, Proportion), b: &&(&str, Proportion)| a.1.share().total_cmp(&b.1.share());
    let (high, low) = (rates.iter().max_by(by)?, rates.iter().min_by(by)?);
    let (most, least) = (high.1.share(), low.1.share());
    Some(Gap {
        difference: most - least,
        interval: difference_interval(high.1, low.1, confidence),
        ratio: if most > 0.0 { least / most } else { 1.0 },
        between: (high.0.to_owned(), low.0.to_owned()),
    })
}

/// The interval that holds the true difference of two shares with this confidence.
pub fn difference_interval(one: Proportion, other: Proportion, confidence: f64) -> (f64, f64) {
    let (p1, p2) = (one.share(), other.share());
    let ((l1, u1), (l2, u2)) = (one.interval(confidence), other.interval(confidence));
    let below = ((p1 - l1).powi(2) + (u2 - p2).powi(2)).sqrt();
    let above = ((u1 - p1).powi(2) + (p2 - l2).powi(2)).sqrt();
    (p1 - p2 - below, p1 - p2 + above)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Judged> {
        let truth = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1];
        let said = [1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1];
        let row = |at: usize| Judged {
            group: if at < 6 { "a" } else { "b" }.to_owned(),
            selected: said[at] == 1,
            deserved: Some(truth[at] == 1),
        };
        (0..12).map(row).collect()
    }

    #[test]
    fn groups_are_apart_as_fairlearn_says() {
        let told = Fairness::of(&rows(), 0.95);
        let parity = told.selection.clone().unwrap();
        assert_eq!((parity.difference, parity.ratio), (0.0, 1.0));
        assert!((told.equalized_odds().unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(told.equalized_odds_ratio(), Some(0.0));
        assert!((told.groups[1].true_positive.unwrap().share() - 0.75).abs() < 1e-12);
        assert!(told.false_positive.unwrap().interval.0 < 0.0);
    }

    #[test]
    fn a_difference_has_the_interval_of_statsmodels() {
        // statsmodels.stats.proportion.confint_proportions_2indep(56, 70, 48, 80, method="newcomb")
        let of = |count, of| Proportion { count, of };
        let (low, high) = difference_interval(of(56.0, 70.0), of(48.0, 80.0), 0.95);
        assert!(
            (low - 0.052_431_472_402_364_98).abs() < 1e-9 && (high - 0.333_872_654_036_906_14).abs() < 1e-9
        );
    }

    #[test]
    fn one_group_is_compared_with_nobody() {
        let one: Vec<Judged> = rows().into_iter().take(6).map(|it| Judged { deserved: None, ..it }).collect();
        let told = Fairness::of(&one, 0.95);
        assert_eq!((told.selection, told.groups[0].true_positive), (None, None));
    }
}
