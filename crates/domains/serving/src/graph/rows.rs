//! Rows of tensors: chosen, put behind each other, asked about and combined.

use kernel::prelude::*;
use ports::infer::{Element, Elements, Make, Tensor};

use super::{Means, When};

/// How many elements a row has.
fn width(tensor: &Tensor) -> usize {
    tensor.shape.iter().skip(1).product()
}

/// These rows of a tensor, in this order.
pub fn chosen(tensor: &Tensor, rows: &[usize]) -> Tensor {
    let mut shape = tensor.shape.clone();
    if let Some(first) = shape.first_mut() {
        *first = rows.len();
    }
    Tensor { name: tensor.name.clone(), shape, elements: tensor.elements.chosen(rows, width(tensor)) }
}

/// The rows of some tensors behind those of others; nothing where they are not alike.
pub fn behind(before: Vec<Tensor>, more: Vec<Tensor>) -> Option<Vec<Tensor>> {
    let one = |(mut tensor, more): (Tensor, Tensor)| {
        if tensor.shape.get(1..) != more.shape.get(1..) {
            return None;
        }
        let count = *more.shape.first()?;
        *tensor.shape.first_mut()? += count;
        tensor.elements.append(more.elements).then_some(tensor)
    };
    before.into_iter().zip(more).map(one).collect()
}

/// What stands in a row of a tensor with one value a row.
fn value(tensor: &Tensor, row: usize) -> Value {
    chosen(tensor, &[row]).elements.json().into_iter().next().unwrap_or_default()
}

/// Whether a condition holds for a row.
pub fn holds(when: &When, tensor: &Tensor, row: usize) -> bool {
    let value = value(tensor, row);
    let number = value.as_f64();
    let is_equal = when.equals.as_ref().is_none_or(|wanted| match (wanted.as_f64(), number) {
        (Some(wanted), Some(number)) => wanted == number,
        _ => *wanted == value,
    });
    is_equal
        && when.below.is_none_or(|most| number.is_some_and(|it| it < most))
        && when.at_least.is_none_or(|least| number.is_some_and(|it| it >= least))
}

/// Tensors of one shape as one; nothing where they are not alike.
pub fn combined(by: Means, tensors: &[&Tensor], weights: &[f64]) -> Option<Tensor> {
    let first = *tensors.first()?;
    if tensors.iter().any(|it| it.shape != first.shape) {
        return None;
    }
    let elements = match by {
        Means::Mean => mean(tensors, weights)?,
        Means::Vote => voted(tensors, weights)?,
    };
    Some(Tensor { name: first.name.clone(), shape: first.shape.clone(), elements })
}

fn mean(tensors: &[&Tensor], weights: &[f64]) -> Option<Elements> {
    let all: f64 = weights.iter().sum();
    let count = tensors.first()?.elements.count();
    let mut sums = vec![0.0; count];
    for (tensor, weight) in tensors.iter().zip(weights) {
        if !tensor.elements.datatype().is_float() {
            return None;
        }
        add(&mut sums, tensor.elements.numbers().into_iter(), *weight);
    }
    struct Means<I>(I);
    impl<I: Iterator<Item = f64>> Make for Means<I> {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            let one =
                |mean: f64| T::from_cell(&json!(mean)).ok_or_else(|| Error::internal("a mean is a float"));
            self.0.map(one).collect()
        }
    }
    tensors.first()?.elements.datatype().elements(Means(sums.into_iter().map(|sum| sum / all))).ok()
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>, weight: f64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value * weight;
    }
}

/// The value with the most weight in each place. Which tensor it comes from is enough to know.
fn voted(tensors: &[&Tensor], weights: &[f64]) -> Option<Elements> {
    let first = *tensors.first()?;
    let mut winners = first.elements.none();
    for at in 0..first.elements.count() {
        let values: Vec<Elements> = tensors.iter().map(|it| it.elements.chosen(&[at], 1)).collect();
        let weight = |value: &Elements| -> f64 {
            values.iter().zip(weights).filter(|(it, _)| *it == value).map(|(_, weight)| weight).sum()
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (i, value) in values.iter().enumerate() {
            if weight(value) > best.1 {
                best = (i, weight(value));
            }
        }
        winners.append(values.into_iter().nth(best.0)?);
    }
    Some(winners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], elements: Elements) -> Tensor {
        Tensor { name: "t".to_owned(), shape: shape.to_vec(), elements }
    }

    fn texts(values: &[&str]) -> Tensor {
        tensor(&[values.len()], Elements::Bytes(values.iter().map(|it| (*it).to_owned()).collect()))
    }

    #[test]
    fn rows_are_chosen_with_all_their_elements() {
        let it = tensor(&[3, 2], Elements::Int64(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(chosen(&it, &[2, 0]), tensor(&[2, 2], Elements::Int64(vec![5, 6, 1, 2])));
        let both = behind(vec![it.clone()], vec![chosen(&it, &[1])]).unwrap();
        assert_eq!(both[0].shape, [4, 2]);
        assert!(behind(vec![it], vec![tensor(&[1, 3], Elements::Int64(vec![1, 2, 3]))]).is_none());
    }

    #[test]
    fn conditions_hold_for_what_they_say_and_never_for_what_is_missing() {
        let when =
            |equals: Option<Value>, below, at_least| When { tensor: "t".to_owned(), equals, below, at_least };
        let numbers = tensor(&[3], Elements::Fp64(vec![1.0, 5.0, f64::NAN]));
        let held = |when: &When| (0..3).filter(|row| holds(when, &numbers, *row)).collect::<Vec<_>>();
        assert_eq!(held(&when(None, Some(5.0), None)), [0]);
        assert_eq!(held(&when(None, None, Some(5.0))), [1]);
        assert_eq!(held(&when(Some(json!(5)), None, None)), [1]);
        assert_eq!(held(&when(None, Some(9.0), Some(0.0))), [0, 1]);
        assert!(holds(&when(Some(json!("eu")), None, None), &texts(&["eu"]), 0));
    }

    #[test]
    fn means_are_weighted_and_votes_go_to_the_first_of_equals() {
        let (a, b) =
            (tensor(&[2], Elements::Fp32(vec![1.0, 2.0])), tensor(&[2], Elements::Fp32(vec![4.0, 2.0])));
        let mean = combined(Means::Mean, &[&a, &b], &[2.0, 1.0]).unwrap();
        assert_eq!(mean.elements, Elements::Fp32(vec![2.0, 2.0]));
        let (x, y, z) = (texts(&["p", "q"]), texts(&["r", "q"]), texts(&["r", "s"]));
        let vote = |weights: &[f64]| combined(Means::Vote, &[&x, &y, &z], weights).unwrap();
        assert_eq!(vote(&[1.0, 1.0, 1.0]), texts(&["r", "q"]));
        assert_eq!(vote(&[2.0, 1.0, 1.0]), texts(&["p", "q"]));
        assert_eq!(vote(&[0.5, 0.5, 2.0]), texts(&["r", "s"]));
    }
}
