//! Copies of requests for a revision on trial: what it answers is compared with what was returned, and never returned.

use std::sync::Arc;

use kernel::prelude::*;
use ports::{
    each_element,
    infer::{Element, Tensor},
};

use crate::{
    live::{Plan, Serving},
    predict,
};

/// Answers differ where they are further apart than this, absolutely and by their own size.
const APART: f64 = 1e-6;

/// Sends a copy, unless too many are under way; nobody waits for it.
pub fn send(
    cx: &Cx,
    (plan, place): (&Arc<Plan>, usize),
    inputs: Vec<Tensor>,
    returned: &[Tensor],
) -> Result<()> {
    let places = Arc::clone(&cx.port::<Serving>()?.shadows);
    let (cx, plan, returned) = (cx.clone(), Arc::clone(plan), returned.to_vec());
    tokio::spawn(async move {
        let target = &plan.targets[place];
        let counted = match places.try_acquire() {
            Err(_) => usage::count(&cx, &target.uid, &[("copied/left", 1.0)]).await,
            Ok(_place) => {
                let rows = inputs.first().and_then(|tensor| tensor.shape.first().copied()).unwrap_or(0);
                let began = cx.now();
                let answered = predict::run(&cx, &target.loaded, inputs, rows).await;
                let seconds = cx.now().seconds_since(began);
                let what = match answered {
                    Ok(outputs) => {
                        let agreed = agreed(&returned, &outputs, rows) as f64;
                        [("copied/rows", rows as f64), ("copied/agreed", agreed), ("copied/seconds", seconds)]
                    }
                    Err(_) => {
                        [("copied/failed", 1.0), ("copied/rows", rows as f64), ("copied/seconds", seconds)]
                    }
                };
                usage::count(&cx, &target.uid, &what).await
            }
        };
        if let Err(error) = counted {
            tracing::warn!(?error, "a copy of a request was not counted");
        }
    });
    Ok(())
}

/// How many rows got the same answer: the same label where there are labels, else numbers that are not apart.
fn agreed(returned: &[Tensor], copy: &[Tensor], rows: usize) -> usize {
    let pairs: Vec<(&Tensor, &Tensor)> = returned
        .iter()
        .filter_map(|ours| Some((ours, copy.iter().find(|theirs| theirs.name == ours.name)?)))
        .collect();
    let label = pairs.iter().find(|(ours, _)| ours.name == "label");
    let compared: Vec<&(&Tensor, &Tensor)> = match label {
        Some(label) => vec![label],
        None => pairs.iter().collect(),
    };
    if compared.is_empty() {
        return 0;
    }
    (0..rows).filter(|row| compared.iter().all(|(ours, theirs)| same(ours, theirs, *row))).count()
}

fn same(ours: &Tensor, theirs: &Tensor, row: usize) -> bool {
    if ours.shape != theirs.shape {
        return false;
    }
    let width: usize = ours.shape.iter().skip(1).product();
    let range = row * width..(row + 1) * width;
    fn close<T: Element>(a: &[T], b: &[T]) -> bool {
        a.iter().zip(b).all(|(a, b)| {
            let (x, y) = (a.number(), b.number());
            let is_near = || (x - y).abs() <= APART + APART * x.abs() || (x.is_nan() && y.is_nan());
            a == b || (T::DATATYPE.is_float() && is_near())
        })
    }
    each_element!(&ours.elements, a => {
        let parts = a.get(range.clone()).zip(Element::of(&theirs.elements).and_then(|b| b.get(range)));
        parts.is_some_and(|(a, b)| close(a, b))
    })
}

#[cfg(test)]
mod tests {
    use ports::infer::Elements;

    use super::*;

    fn tensor(name: &str, shape: &[usize], elements: Elements) -> Tensor {
        Tensor { name: name.to_owned(), shape: shape.to_vec(), elements }
    }

    #[test]
    fn labels_decide_where_there_are_labels_and_numbers_else() {
        let labels = |second: &str| {
            let texts = vec!["a".to_owned(), second.to_owned()];
            tensor("label", &[2], Elements::Bytes(texts))
        };
        let odds = |first: f32| tensor("probabilities", &[2, 2], Elements::Fp32(vec![first, 0.5, 0.1, 0.9]));
        assert_eq!(agreed(&[labels("b"), odds(0.4)], &[odds(0.5), labels("b")], 2), 2);
        assert_eq!(agreed(&[labels("b")], &[labels("c")], 2), 1);
        assert_eq!(agreed(&[odds(0.5)], &[odds(0.500_000_1)], 2), 2);
        assert_eq!(agreed(&[odds(0.5)], &[odds(0.51)], 2), 1);
        assert_eq!(agreed(&[odds(0.5)], &[labels("b")], 2), 0);
    }
}
