//! How right predictions turned out to be, and whether groups were treated alike.

use std::collections::{BTreeMap, BTreeSet};

use asking::class_of;
use kernel::prelude::*;
use statistics::{
    fairness::{Fairness, Gap, Judged},
    quality::{Classified, regression},
};

use crate::sight::{Series, Sight, Watched};

/// How right predictions were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Rows whose truth is known.
    pub judged: u64,
    /// `accuracy`, `balanced_accuracy`, `f1`, `logloss` and `auc` of classes; `rmse`, `mae` and `r2` of numbers.
    pub metrics: BTreeMap<String, f64>,
}

/// The most groups that are told apart.
const GROUPS_MAX: usize = 50;

/// Measures what was seen against what turned out to be true.
pub fn measured(it: &Watched, sight: &Sight) -> Quality {
    let known: Vec<usize> = (0..sight.rows).filter(|row| sight.truths[*row].is_some()).collect();
    if known.is_empty() {
        return Quality::default();
    }
    match sight.texts("out.label") {
        Some(labels) => of_classes(it, sight, (&known, &labels)),
        None => of_numbers(sight, &known),
    }
}

fn of_classes(it: &Watched, sight: &Sight, (known, labels): (&[usize], &[Option<String>])) -> Quality {
    let truth = |row: &usize| sight.truths[*row].as_ref().and_then(class_of);
    let pairs: Vec<(usize, String, String)> =
        known.iter().filter_map(|row| Some((*row, truth(row)?, labels[*row].clone()?))).collect();
    let mut classes = it.known.classes.clone();
    let others: BTreeSet<&String> = pairs.iter().flat_map(|(_, truth, said)| [truth, said]).collect();
    let others: Vec<String> = others.into_iter().filter(|class| !classes.contains(class)).cloned().collect();
    let is_known = others.is_empty();
    classes.extend(others);
    let place = |class: &String| classes.iter().position(|it| it == class).unwrap_or(0);
    let chance = |class: &String| match sight.columns.get(&format!("out.probabilities.{class}")) {
        Some(Series::Numbers(numbers)) => Some(numbers),
        Some(Series::Texts(_)) | None => None,
    };
    let columns: Option<Vec<&Vec<f64>>> = classes.iter().map(chance).collect();
    let chances: Vec<f64> = match columns.filter(|_| is_known) {
        Some(columns) => {
            pairs.iter().flat_map(|(row, ..)| columns.iter().map(|column| column[*row])).collect()
        }
        None => Vec::new(),
    };
    let classified = Classified {
        classes: &classes,
        truth: &pairs.iter().map(|(_, truth, _)| place(truth)).collect::<Vec<usize>>(),
        said: &pairs.iter().map(|(_, _, said)| place(said)).collect::<Vec<usize>>(),
        chances: if chances.iter().all(|it| it.is_finite()) { &chances } else { &[] },
    };
    Quality {
        judged: pairs.len() as u64,
        metrics: if pairs.is_empty() { BTreeMap::new() } else { classified.metrics() },
    }
}

fn of_numbers(sight: &Sight, known: &[usize]) -> Quality {
    let Some(Series::Numbers(said)) = sight.prediction().and_then(|name| sight.columns.get(name)) else {
        return Quality::default();
    };
    let truth = |row: &usize| match &sight.truths[*row] {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) | None => None,
    };
    let pairs: Vec<(f64, f64)> = known
        .iter()
        .filter_map(|row| Some((truth(row)?, said[*row])))
        .filter(|(truth, said)| truth.is_finite() && said.is_finite())
        .collect();
    if pairs.is_empty() {
        return Quality::default();
    }
    let (truth, said): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    Quality { judged: truth.len() as u64, metrics: regression(&truth, &said) }
}

/// Whether groups were treated alike.
pub fn fairness(sight: &Sight, (column, favourable): (&str, &str), confidence: f64) -> Result<Fairness> {
    let missing = |message: String| {
        Error::invalid("unknown-column", message)
            .at("column")
            .hint("name a column of the model that is logged and not redacted")
    };
    let name = if column.contains('.') && sight.columns.contains_key(column) {
        column.to_owned()
    } else {
        format!("in.{column}")
    };
    let groups = sight.texts(&name).ok_or_else(|| missing(format!("no column `{column}` is logged")))?;
    let labels = sight.texts("out.label").ok_or_else(|| {
        Error::conflict("not-a-classifier", "groups are compared by classes, and the model answers none")
    })?;
    let distinct: BTreeSet<&String> = groups.iter().flatten().collect();
    if distinct.len() > GROUPS_MAX {
        let message = format!("`{column}` has {} values, {GROUPS_MAX} groups are the most", distinct.len());
        return Err(missing(message));
    }
    let row = |at: usize| {
        Some(Judged {
            group: groups[at].clone()?,
            selected: labels[at].as_deref()? == favourable,
            deserved: sight.truths[at].as_ref().and_then(class_of).map(|truth| truth == favourable),
        })
    };
    let rows: Vec<Judged> = (0..sight.rows).filter_map(row).collect();
    Ok(Fairness::of(&rows, confidence))
}

/// Fairness as it is told.
pub fn told(fairness: &Fairness, confidence: f64) -> Value {
    let gap = |gap: &Option<Gap>| match gap {
        None => Value::Null,
        Some(it) => json!({
            "difference": it.difference,
            "interval": [it.interval.0, it.interval.1],
            "ratio": it.ratio,
            "between": [it.between.0, it.between.1],
        }),
    };
    let groups: Vec<Value> = fairness
        .groups
        .iter()
        .map(|group| {
            let rate = |it: statistics::compare::Proportion| {
                let (low, high) = it.interval(confidence);
                json!({"rate": it.share(), "of": it.of, "interval": [low, high]})
            };
            json!({
                "group": group.name,
                "selection": rate(group.selected),
                "truePositive": group.true_positive.map(rate),
                "falsePositive": group.false_positive.map(rate),
            })
        })
        .collect();
    json!({
        "confidence": confidence,
        "groups": groups,
        "demographicParity": gap(&fairness.selection),
        "truePositiveRates": gap(&fairness.true_positive),
        "falsePositiveRates": gap(&fairness.false_positive),
        "equalizedOdds": fairness.equalized_odds(),
        "equalizedOddsRatio": fairness.equalized_odds_ratio(),
    })
}
