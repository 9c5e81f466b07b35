//! How alike things predict for the same rows.

use asking::{Predicted, Row};
use kernel::prelude::*;
use statistics::compare::Proportion;

use super::Facts;

/// How sure intervals are.
const CONFIDENCE: f64 = 0.95;
/// Numbers differ where they are further apart than this, absolutely and by their own size.
const APART: f64 = 1e-6;

/// How alike two of them predicted.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// The place of one, from 0.
    pub one: u64,
    /// The place of the other.
    pub other: u64,
    /// Rows for which both said the same class, or numbers that are not apart.
    pub agreed: u64,
    /// The share of all rows.
    pub share: f64,
    /// The interval that holds the true share with a confidence of 95 % (Wilson).
    pub interval: Vec<f64>,
    /// How far numbers were apart on average, where both say numbers.
    pub mean_difference: Option<f64>,
}

/// Asks all of them for the same rows, with the rights of whoever compares.
pub async fn of_all(cx: &Cx, items: &[Facts], rows: &[Row]) -> Result<Vec<Agreement>> {
    let mut said = Vec::new();
    for (at, it) in items.iter().enumerate() {
        let predicted = of(cx, it, rows).await;
        said.push(predicted.map_err(|error| error.at(format!("subjects[{at}]")))?);
    }
    let pairs = (0..said.len()).flat_map(|one| (one + 1..said.len()).map(move |other| (one, other)));
    Ok(pairs.map(|(one, other)| between((one, &said[one]), (other, &said[other]))).collect())
}

async fn of(cx: &Cx, it: &Facts, rows: &[Row]) -> Result<Vec<Predicted>> {
    let subject = it.subject(cx).await?;
    subject.may_predict(cx).await?;
    subject.known(cx, None).await?.predicted(cx, rows).await
}

fn between((one, first): (usize, &[Predicted]), (other, second): (usize, &[Predicted])) -> Agreement {
    let agreed = first.iter().zip(second).filter(|(a, b)| same(a, b)).count();
    let share = Proportion { count: agreed as f64, of: first.len() as f64 };
    let (low, high) = share.interval(CONFIDENCE);
    let numbers: Vec<f64> =
        first.iter().zip(second).filter_map(|(a, b)| Some((a.prediction? - b.prediction?).abs())).collect();
    Agreement {
        one: one as u64,
        other: other as u64,
        agreed: agreed as u64,
        share: share.share(),
        interval: vec![low, high],
        mean_difference: (!numbers.is_empty()).then(|| statistics::quality::mean(&numbers)),
    }
}

fn same(one: &Predicted, other: &Predicted) -> bool {
    match (&one.label, &other.label, one.prediction, other.prediction) {
        (Some(one), Some(other), ..) => one == other,
        (None, None, Some(one), Some(other)) => {
            (one - other).abs() <= APART * one.abs().max(other.abs()).max(1.0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_agree_by_name_and_numbers_by_distance() {
        let label = |text: &str| Predicted { label: Some(text.to_owned()), ..Predicted::default() };
        let number = |prediction: f64| Predicted { prediction: Some(prediction), ..Predicted::default() };
        let found = between((0, &[label("a"), label("b")]), (1, &[label("a"), label("a")]));
        assert_eq!((found.agreed, found.share, found.mean_difference), (1, 0.5, None));
        let found = between((0, &[number(1.0), number(1e9)]), (1, &[number(1.5), number(1e9 + 1.0)]));
        assert_eq!((found.agreed, found.mean_difference), (1, Some(0.75)));
        assert!(!same(&label("1"), &number(1.0)));
    }
}
