//! Explanations by trial, for any model: Kernel SHAP (Lundberg and Lee, "A unified approach to interpreting model
//! predictions", 2017).
//!
//! A set of inputs is worth the model's mean answer when these come from the row and the others from the background. Where
//! all sets were tried, what each input adds is its exact Shapley value; else it is the weighted least squares fit to the
//! sets that were, the smallest and largest first, with the rest drawn in pairs.

use std::collections::BTreeMap;

use base::{Chance, Error, Result};
use ports::{
    each_element,
    infer::{Element, Explanation, Model, Tensor, Trials},
};

use crate::fault::not_explainable;

/// The most inputs, each value of a tensor counted.
const INPUTS_MAX: usize = 512;
/// The most rows the model is asked for altogether.
const ASKED_MAX: usize = 4_000_000;
/// Rows the model is asked for at a time.
const BATCH: usize = 8_192;

/// One input: a value in the rows of a tensor; those of a tensor stand together, in its order.
struct Input {
    tensor: usize,
    name: String,
}

/// Inputs that are taken from the row, and how much their set weighs.
struct Set {
    has: Vec<bool>,
    weight: f64,
}

/// Explains each row.
pub fn explain(model: &dyn Model, ask: Trials) -> Result<Vec<Explanation>> {
    let background = ask.background.first().and_then(|it| it.shape.first().copied()).unwrap_or(0);
    if background == 0 {
        return Err(Error::conflict("no-background", "there are no rows to compare with")
            .hint("train the model here, or name the version of the data it was trained on"));
    }
    let mut names: Vec<&str> = ask.inputs.iter().map(|it| it.name.as_str()).collect();
    let mut others: Vec<&str> = ask.background.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    others.sort_unstable();
    if names != others {
        return Err(Error::internal("the background has other columns than the rows"));
    }
    let place = |it: &Tensor| ask.inputs.iter().position(|other| other.name == it.name);
    let mut background_tensors = ask.background.clone();
    background_tensors.sort_by_key(|it| place(it));
    let rows = ask.inputs[0].shape.first().copied().unwrap_or(0);
    let inputs = inputs(&ask.inputs, rows)?;
    let sets = sets(inputs.len(), ask.sets_max, ask.seed);
    let asked = rows.saturating_mul(sets.len()).saturating_mul(background);
    if asked > ASKED_MAX {
        let message =
            format!("explaining {rows} rows would take {asked} predictions, {ASKED_MAX} are the most");
        return Err(Error::invalid("too-many-rows", message).at("rows").hint("explain fewer rows at once"));
    }
    let work =
        Work { model, rows: &ask.inputs, background: &background_tensors, count: background, inputs, sets };
    let answered = Answers::of(model, &ask.inputs, rows)?;
    (0..rows).map(|row| work.one(row, &answered)).collect()
}

/// Every value of every tensor is an input.
fn inputs(tensors: &[Tensor], rows: usize) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for (tensor, it) in tensors.iter().enumerate() {
        let width = it.elements.count().checked_div(rows).unwrap_or(0);
        if it.shape.first() != Some(&rows) {
            return Err(not_explainable("its inputs do not count rows on their first axis"));
        }
        for at in 0..width {
            let name = if width == 1 { it.name.clone() } else { format!("{}[{at}]", it.name) };
            inputs.push(Input { tensor, name });
        }
    }
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        return Err(not_explainable(format!("it has {} inputs, {INPUTS_MAX} are the most", inputs.len())));
    }
    Ok(inputs)
}

/// A model's numbers for some rows.
struct Answers {
    values: Vec<f64>,
    width: usize,
}

impl Answers {
    fn of(model: &dyn Model, inputs: &[Tensor], rows: usize) -> Result<Self> {
        Self::read(model, model.run(inputs.to_vec())?, rows)
    }

    /// The probabilities of a classifier, else the first numbers.
    fn read(model: &dyn Model, outputs: Vec<Tensor>, rows: usize) -> Result<Self> {
        let classes = model.signature().classes.len();
        let numbers = |it: &Tensor| it.elements.datatype().is_float().then(|| it.elements.numbers());
        let wanted = |it: &&Tensor| classes == 0 || it.elements.count() == rows * classes;
        let values = outputs.iter().filter(wanted).find_map(numbers);
        let values = values.ok_or_else(|| not_explainable("it answers no numbers"))?;
        let width = values.len().checked_div(rows).unwrap_or(0);
        if width == 0 || width * rows != values.len() {
            return Err(not_explainable("it does not answer as many numbers for each row"));
        }
        Ok(Self { values, width })
    }

    /// The largest number of a row, by its place; the first of one.
    fn largest(&self, row: usize) -> usize {
        let row = &self.values[row * self.width..][..self.width];
        let place = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]).then(b.cmp(a)));
        place.unwrap_or(0)
    }
}

struct Work<'a> {
    model: &'a dyn Model,
    rows: &'a [Tensor],
    background: &'a [Tensor],
    count: usize,
    inputs: Vec<Input>,
    sets: Vec<Set>,
}

impl Work<'_> {
    fn one(&self, row: usize, answered: &Answers) -> Result<Explanation> {
        let class = answered.largest(row);
        let margin = answered.values[row * answered.width + class];
        let none = vec![false; self.inputs.len()];
        let base = self.worth(row, class, &[&none])?[0];
        let has: Vec<&Vec<bool>> = self.sets.iter().map(|set| &set.has).collect();
        let worth = self.worth(row, class, &has)?;
        let added = fit(&self.sets, &worth, (base, margin));
        let mut contributions = BTreeMap::new();
        for (input, phi) in self.inputs.iter().zip(added) {
            *contributions.entry(input.name.clone()).or_insert(0.0) += phi;
        }
        let classes = &self.model.signature().classes;
        Ok(Explanation {
            class: classes.get(class).cloned(),
            base,
            contributions,
            margin,
            method: "kernel-shap".to_owned(),
        })
    }

    /// What sets of inputs are worth: the mean answer over the background.
    fn worth(&self, row: usize, class: usize, sets: &[&Vec<bool>]) -> Result<Vec<f64>> {
        let mut worth = Vec::with_capacity(sets.len());
        for some in sets.chunks((BATCH / self.count).max(1)) {
            let rows = some.len() * self.count;
            let mut tensors = Vec::with_capacity(self.rows.len());
            for (at, (own, other)) in self.rows.iter().zip(self.background).enumerate() {
                tensors.push(self.mixed((row, at), (own, other), some)?);
            }
            let answers = Answers::read(self.model, self.model.run(tensors)?, rows)?;
            for set in 0..some.len() {
                let of = |at: usize| answers.values[(set * self.count + at) * answers.width + class];
                worth.push((0..self.count).map(of).sum::<f64>() / self.count as f64);
            }
        }
        Ok(worth)
    }

    /// A tensor of every background row, once for each set, with the row's own values where the set has them.
    fn mixed(
        &self,
        (row, tensor): (usize, usize),
        (own, other): (&Tensor, &Tensor),
        sets: &[&Vec<bool>],
    ) -> Result<Tensor> {
        let inputs: Vec<usize> =
            (0..self.inputs.len()).filter(|at| self.inputs[*at].tensor == tensor).collect();
        fn pick<T: Clone>(
            (own, other): (&[T], &[T]),
            (row, count): (usize, usize),
            (inputs, sets): (&[usize], &[&Vec<bool>]),
        ) -> Vec<T> {
            let width = inputs.len();
            let mut values = Vec::with_capacity(sets.len() * count * width);
            for set in sets {
                for line in 0..count {
                    for (at, input) in inputs.iter().enumerate() {
                        let from =
                            if set[*input] { &own[row * width + at] } else { &other[line * width + at] };
                        values.push(from.clone());
                    }
                }
            }
            values
        }
        let (place, of) = ((row, self.count), (inputs.as_slice(), sets));
        let elements = each_element!(&own.elements, a => {
            Element::of(&other.elements).map(|b| pick((a, b), place, of)).map(Element::list)
        });
        let elements =
            elements.ok_or_else(|| Error::internal("the background has other types than the rows"))?;
        let mut shape = own.shape.clone();
        shape[0] = sets.len() * self.count;
        Ok(Tensor { name: own.name.clone(), shape, elements })
    }
}

/// The sets to try, with their weights: all where they are few enough.
fn sets(count: usize, most: usize, seed: u64) -> Vec<Set> {
    let mut sets = Vec::new();
    let mut drawn: Vec<(usize, f64)> = Vec::new();
    let mut left = most.max(2 * count);
    // What all sets of a size weigh together.
    let weight = |size: usize| (count as f64 - 1.0) / (size * (count - size)) as f64;
    for size in 1..=count / 2 {
        let sizes = if 2 * size == count { 1 } else { 2 };
        let of_size = choose(count, size);
        if drawn.is_empty() && of_size * sizes as f64 <= left as f64 {
            let each = weight(size) / of_size;
            let mut chosen: Vec<usize> = (0..size).collect();
            loop {
                let mut has = vec![false; count];
                chosen.iter().for_each(|at| has[*at] = true);
                if sizes == 2 {
                    sets.push(Set { has: has.iter().map(|it| !it).collect(), weight: each });
                }
                sets.push(Set { has, weight: each });
                if !next(&mut chosen, count) {
                    break;
                }
            }
            left -= (of_size * sizes as f64) as usize;
        } else {
            drawn.push((size, weight(size) * sizes as f64));
        }
    }
    let all: f64 = drawn.iter().map(|it| it.1).sum();
    let pairs = left / 2;
    let mut chance = Chance::from(seed);
    for _ in 0..if drawn.is_empty() { 0 } else { pairs } {
        let mut at = chance.share() * all;
        let size = drawn.iter().find_map(|(size, weight)| {
            at -= weight;
            (at < 0.0).then_some(*size)
        });
        let size = size.unwrap_or(drawn[drawn.len() - 1].0);
        let mut order: Vec<usize> = (0..count).collect();
        let mut has = vec![false; count];
        for at in 0..size {
            let other = at + (chance.share() * (count - at) as f64) as usize;
            order.swap(at, other.min(count - 1));
            has[order[at]] = true;
        }
        let each = all / (2.0 * pairs as f64);
        sets.push(Set { has: has.iter().map(|it| !it).collect(), weight: each });
        sets.push(Set { has, weight: each });
    }
    sets
}

/// In how many ways so many of so many can be chosen.
fn choose(of: usize, count: usize) -> f64 {
    (0..count).fold(1.0, |ways, at| ways * (of - at) as f64 / (at + 1) as f64).round()
}

/// The next choice in order; false behind the last.
fn next(chosen: &mut [usize], of: usize) -> bool {
    let count = chosen.len();
    let Some(at) = (0..count).rev().find(|at| chosen[*at] < of - count + *at) else { return false };
    chosen[at] += 1;
    for behind in at + 1..count {
        chosen[behind] = chosen[behind - 1] + 1;
    }
    true
}

/// What each input adds, so that all together lead from `base` to `margin` and the sets' worth is met as closely as can be.
fn fit(sets: &[Set], worth: &[f64], (base, margin): (f64, f64)) -> Vec<f64> {
    let count = sets.first().map_or(1, |set| set.has.len());
    let sum = margin - base;
    if count == 1 {
        return vec![sum];
    }
    // The last input adds what the others leave of the sum.
    let free = count - 1;
    let mut matrix = vec![0.0; free * (free + 1)];
    for (set, worth) in sets.iter().zip(worth) {
        let last = f64::from(u8::from(set.has[free]));
        let wanted = worth - base - last * sum;
        let row: Vec<f64> = set.has[..free].iter().map(|has| f64::from(u8::from(*has)) - last).collect();
        for (i, one) in row.iter().enumerate().filter(|(_, one)| **one != 0.0) {
            let line = &mut matrix[i * (free + 1)..][..=free];
            for (cell, other) in line.iter_mut().zip(&row) {
                *cell += set.weight * one * other;
            }
            line[free] += set.weight * one * wanted;
        }
    }
    let mut added = solve(matrix, free);
    added.push(sum - added.iter().sum::<f64>());
    added
}

/// Solves the equations by elimination with the largest pivot; an unknown that nothing is said of is 0.
fn solve(mut matrix: Vec<f64>, count: usize) -> Vec<f64> {
    let width = count + 1;
    for at in 0..count {
        let pivot =
            (at..count).max_by(|a, b| matrix[a * width + at].abs().total_cmp(&matrix[b * width + at].abs()));
        let pivot = pivot.unwrap_or(at);
        if matrix[pivot * width + at].abs() < 1e-12 {
            continue;
        }
        for column in 0..width {
            matrix.swap(at * width + column, pivot * width + column);
        }
        for row in (0..count).filter(|row| *row != at) {
            let factor = matrix[row * width + at] / matrix[at * width + at];
            if factor != 0.0 {
                for column in at..width {
                    matrix[row * width + column] -= factor * matrix[at * width + column];
                }
            }
        }
    }
    let value = |at: usize| {
        let pivot = matrix[at * width + at];
        if pivot.abs() < 1e-12 { 0.0 } else { matrix[at * width + count] / pivot }
    };
    (0..count).map(value).collect()
}

#[cfg(test)]
mod tests {
    use ports::infer::{Datatype, Elements, Signature, Slot};

    use super::*;

    /// A model whose answer is worked out by hand: 3 a + b c + d, and inputs that do nothing.
    struct Formula(Signature);

    impl Formula {
        fn of(count: usize) -> Self {
            let slot = |at: usize| Slot {
                name: format!("x{at}"),
                datatype: Datatype::Fp64,
                shape: vec![-1, 1],
                categories: Vec::new(),
                optional: false,
            };
            Self(Signature { inputs: (0..count).map(slot).collect(), ..Signature::default() })
        }
    }

    impl Model for Formula {
        fn signature(&self) -> &Signature {
            &self.0
        }

        fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
            let column = |at: usize| match &inputs[at].elements {
                Elements::Fp64(values) => values.clone(),
                other => panic!("{other:?}"),
            };
            let (a, b, c, d) = (column(0), column(1), column(2), column(3));
            let values = (0..a.len()).map(|row| 3.0 * a[row] + b[row] * c[row] + d[row]).collect();
            let shape = vec![a.len(), 1];
            Ok(vec![Tensor { name: "prediction".to_owned(), shape, elements: Elements::Fp64(values) }])
        }

        fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
            Err(not_explainable("it is a formula"))
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    fn tensors(count: usize, rows: &[&[f64]]) -> Vec<Tensor> {
        let tensor = |at: usize| Tensor {
            name: format!("x{at}"),
            shape: vec![rows.len(), 1],
            elements: Elements::Fp64(rows.iter().map(|row| row.get(at).copied().unwrap_or(0.5)).collect()),
        };
        (0..count).map(tensor).collect()
    }

    fn explained(count: usize, sets_max: usize) -> Explanation {
        let ask = Trials {
            inputs: tensors(count, &[&[1.0, 2.0, 3.0, 4.0]]),
            background: tensors(count, &[&[0.0, 0.0, 0.0, 0.0], &[0.0, 1.0, 1.0, 2.0]]),
            sets_max,
            seed: 7,
        };
        explain(&Formula::of(count), ask).unwrap().remove(0)
    }

    #[test]
    fn all_sets_give_exact_shapley_values() {
        let told = explained(5, 100);
        assert!((told.base - 1.5).abs() < 1e-12 && (told.margin - 13.0).abs() < 1e-12);
        // b and c share what they add together: worth of {b} is 1, of {c} 1.5, of both 6, of none 0.5.
        let wanted = [3.0, 2.5, 3.0, 3.0, 0.0];
        for (at, wanted) in wanted.into_iter().enumerate() {
            let found = told.contributions[&format!("x{at}")];
            assert!((found - wanted).abs() < 1e-9, "x{at}: {found} is not {wanted}");
        }
    }

    #[test]
    fn some_sets_of_many_come_close_and_add_up() {
        let told = explained(30, 600);
        let sum: f64 = told.contributions.values().sum();
        assert!((told.base + sum - told.margin).abs() < 1e-9);
        assert!((told.contributions["x0"] - 3.0).abs() < 0.2, "{told:?}");
        assert!(told.contributions["x29"].abs() < 0.2, "{told:?}");
    }

    #[test]
    fn what_cannot_be_tried_is_refused() {
        let ask = |background: &[&[f64]]| Trials {
            inputs: tensors(4, &[&[1.0]]),
            background: tensors(4, background),
            sets_max: 100,
            seed: 7,
        };
        assert_eq!(explain(&Formula::of(4), ask(&[])).unwrap_err().code(), "no-background");
        let many: Vec<&[f64]> = vec![&[0.0]; 400_000];
        assert_eq!(explain(&Formula::of(4), ask(&many)).unwrap_err().code(), "too-many-rows");
    }
}
