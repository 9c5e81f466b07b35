//! Drift: how far each column of what was asked and answered is from the baseline.

use kernel::prelude::*;
use statistics::drift::{Binned, kolmogorov_smirnov};

use crate::{
    baseline::Baseline,
    sight::{Series, Sight},
};

/// By which number a column is said to have drifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Test {
    /// A test where the baseline has at most 1,000 rows (Kolmogorov and Smirnov's of numbers, chi-square of classes), the
    /// distance of Jensen and Shannon above: with many rows a test finds differences that do not matter.
    #[default]
    Auto,
    /// The population stability index.
    Psi,
    /// The distance of Jensen and Shannon.
    JensenShannon,
    /// The test of Kolmogorov and Smirnov; chi-square of classes.
    KolmogorovSmirnov,
    /// The chi-square test; Kolmogorov and Smirnov's of numbers.
    ChiSquare,
}

/// The baseline's rows up to which `Auto` is a test.
const TESTED_MAX: usize = 1_000;
/// A distance from which a column has drifted.
const DISTANCE: f64 = 0.1;
/// A probability under which it has.
const PROBABILITY: f64 = 0.05;

/// How far a column is from the baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Drifted {
    /// The column: `in.NAME` of what was asked, `out.NAME` of what was answered.
    pub column: String,
    /// `numbers` or `classes`.
    pub sort: String,
    /// Values of the baseline.
    pub baseline: u64,
    /// Values seen.
    pub current: u64,
    /// The share of the baseline's rows without a value.
    pub baseline_missing: f64,
    /// The share of the rows seen without one.
    pub current_missing: f64,
    /// The population stability index.
    pub psi: f64,
    /// The distance of Jensen and Shannon.
    pub jensen_shannon: f64,
    /// The largest distance of the distribution functions, of numbers.
    pub kolmogorov_smirnov: Option<f64>,
    /// The probability of such a distance, or a larger one, without drift.
    pub kolmogorov_smirnov_p: Option<f64>,
    /// The probability of such counts, or ones further off, without drift, of classes.
    pub chi_square_p: Option<f64>,
    /// By which number it is judged: `psi`, `jensen-shannon`, `kolmogorov-smirnov` or `chi-square`.
    pub test: String,
    /// That number.
    pub score: f64,
    /// What it is held against.
    pub threshold: f64,
    /// Whether the column has drifted.
    pub drifted: bool,
}

/// How far everything is from the baseline.
pub struct Told {
    /// The columns.
    pub columns: Vec<Drifted>,
    /// The share of the inputs that have drifted.
    pub share: f64,
    /// Whether the prediction has drifted; none where it was not seen.
    pub prediction: Option<bool>,
}

/// Compares columns; all but the probabilities where none are named. Takes time.
pub fn compare(baseline: &Baseline, sight: &Sight, how: (Test, Option<f64>), only: &[String]) -> Told {
    let prediction = sight.prediction();
    let wanted = |name: &str| {
        let plain = name.strip_prefix("in.").unwrap_or(name);
        match only {
            [] => name.starts_with("in.") || Some(name) == prediction,
            only => only.iter().any(|it| it == plain || it == name) || Some(name) == prediction,
        }
    };
    let mut columns = Vec::new();
    for (name, current) in sight.columns.iter().filter(|(name, _)| wanted(name)) {
        let Some(reference) = baseline.series(name, current) else { continue };
        columns.extend(one(name, (&reference, current), how));
    }
    let inputs: Vec<&Drifted> = columns.iter().filter(|it| it.column.starts_with("in.")).collect();
    let drifted = inputs.iter().filter(|it| it.drifted).count() as f64;
    let share = drifted / inputs.len().max(1) as f64;
    let prediction = columns.iter().find(|it| Some(it.column.as_str()) == prediction).map(|it| it.drifted);
    Told { columns, share, prediction }
}

/// Compares one column; nothing where a side has no values.
pub fn one(
    name: &str,
    (reference, current): (&Series, &Series),
    (test, threshold): (Test, Option<f64>),
) -> Option<Drifted> {
    let (binned, kolmogorov, counts, rows) = match (reference, current) {
        (Series::Numbers(reference), Series::Numbers(current)) => {
            let known = |all: &[f64]| all.iter().copied().filter(|x| x.is_finite()).collect::<Vec<f64>>();
            let (first, second) = (known(reference), known(current));
            if first.is_empty() || second.is_empty() {
                return None;
            }
            let told = kolmogorov_smirnov(&first, &second);
            let binned = Binned::of_numbers(&first, &second);
            (binned, Some(told), (first.len(), second.len()), (reference.len(), current.len()))
        }
        (Series::Texts(reference), Series::Texts(current)) => {
            let known = |all: &'_ [Option<String>]| all.iter().flatten().count();
            let counts = (known(reference), known(current));
            if counts.0 == 0 || counts.1 == 0 {
                return None;
            }
            let binned = Binned::of_texts(
                reference.iter().flatten().map(String::as_str),
                current.iter().flatten().map(String::as_str),
            );
            (binned, None, counts, (reference.len(), current.len()))
        }
        (Series::Numbers(_), Series::Texts(_)) | (Series::Texts(_), Series::Numbers(_)) => return None,
    };
    let chi_square = kolmogorov.is_none().then(|| binned.chi_square());
    let (psi, jensen_shannon) = (binned.psi(), binned.jensen_shannon());
    let tested = match (kolmogorov, chi_square) {
        (Some(told), _) => ("kolmogorov-smirnov", told.p),
        (None, p) => ("chi-square", p.unwrap_or(1.0)),
    };
    let (test, score) = match test {
        Test::Psi => ("psi", psi),
        Test::JensenShannon => ("jensen-shannon", jensen_shannon),
        Test::Auto if counts.0 > TESTED_MAX => ("jensen-shannon", jensen_shannon),
        Test::Auto | Test::KolmogorovSmirnov | Test::ChiSquare => tested,
    };
    let is_probability = matches!(test, "kolmogorov-smirnov" | "chi-square");
    let threshold = threshold.unwrap_or(if is_probability { PROBABILITY } else { DISTANCE });
    let missing = |known: usize, all: usize| 1.0 - known as f64 / all.max(1) as f64;
    Some(Drifted {
        column: name.to_owned(),
        sort: if kolmogorov.is_some() { "numbers" } else { "classes" }.to_owned(),
        baseline: counts.0 as u64,
        current: counts.1 as u64,
        baseline_missing: missing(counts.0, rows.0),
        current_missing: missing(counts.1, rows.1),
        psi,
        jensen_shannon,
        kolmogorov_smirnov: kolmogorov.map(|it| it.statistic),
        kolmogorov_smirnov_p: kolmogorov.map(|it| it.p),
        chi_square_p: chi_square,
        test: test.to_owned(),
        score,
        threshold,
        drifted: if is_probability { score < threshold } else { score >= threshold },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_judged_by_the_number_asked_for() {
        let first = Series::Numbers((0..500).map(f64::from).collect());
        let second = Series::Numbers((0..400).map(|x| f64::from(x) + 200.0).collect());
        let told = |test, threshold| one("in.x", (&first, &second), (test, threshold)).unwrap();
        let auto = told(Test::Auto, None);
        assert_eq!((auto.test.as_str(), auto.drifted, auto.threshold), ("kolmogorov-smirnov", true, 0.05));
        assert!(!told(Test::Psi, Some(100.0)).drifted);
        assert!(told(Test::JensenShannon, None).drifted);
        assert!(!one("in.x", (&first, &first), (Test::Auto, None)).unwrap().drifted);
        let texts = Series::Texts(vec![Some("a".to_owned()), None]);
        let told = one("in.c", (&texts, &texts), (Test::KolmogorovSmirnov, None)).unwrap();
        assert_eq!(
            (told.test.as_str(), told.current_missing, told.chi_square_p),
            ("chi-square", 0.5, Some(1.0))
        );
        assert_eq!(one("in.x", (&first, &Series::Numbers(vec![f64::NAN])), (Test::Auto, None)), None);
        assert_eq!(one("in.x", (&first, &texts), (Test::Auto, None)), None);
    }
}
