//! Trees and linear models as operators: raw scores, then what the file wants made of them.

use std::{borrow::Cow, sync::OnceLock};

use base::Result;

use crate::{
    attributes::Attributes,
    fault::{failed, not_explainable, unreadable},
    linear::Linear,
    op::{Op, Out},
    shap::{DEPTH_MAX, Explainer, Tables},
    trees::{Aggregate, Ensemble},
    value::{Data, Value},
};

/// What computes raw scores.
enum Form {
    /// The tables are made when the first row is explained.
    Trees(Ensemble, OnceLock<Option<Tables>>),
    Linear(Linear),
}

/// `post_transform` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    None,
    Softmax,
    SoftmaxZero,
    Logistic,
    Probit,
}

/// A classifier's label for each score. Of two classes one may have no score of its own.
struct Classes {
    labels: Data,
    /// The only score is that of the second class.
    single: bool,
    /// A single score above this is the second class: 0.5 when all weights are positive, so
    /// that the score can only be meant as a probability, else 0. The specification leaves it
    /// open; exporters rely on what onnxruntime does.
    above: f64,
}

/// An operator of trees or a linear model.
pub struct Scorer {
    form: Form,
    post: Post,
    classes: Option<Classes>,
}

/// One row's explanation in features.
pub struct Explained {
    pub base: f64,
    pub phi: Vec<f64>,
    pub margin: f64,
}

impl Scorer {
    pub fn tree_regressor(of: Attributes<'_>) -> Result<Self> {
        let targets = targets(of, "n_targets")?;
        Ok(Self {
            form: Form::Trees(Ensemble::read(of, "target", targets)?, OnceLock::new()),
            post: Post::read(of)?,
            classes: None,
        })
    }

    pub fn linear_regressor(of: Attributes<'_>) -> Result<Self> {
        Ok(Self {
            form: Form::Linear(Linear::read(of, targets(of, "targets")?)?),
            post: Post::read(of)?,
            classes: None,
        })
    }

    pub fn tree_classifier(of: Attributes<'_>) -> Result<Self> {
        let labels = labels(of, "classlabels_int64s")?;
        let count = labels.len();
        let ids = of.ints("class_ids");
        let single = count == 2 && ids.windows(2).all(|pair| pair[0] == pair[1]);
        let mut trees = Ensemble::read(of, "class", count)?;
        let mut above = 0.0;
        if single {
            trees.targets = 1;
            trees.weights.iter_mut().for_each(|it| it.target = 0);
            trees.base.drain(..trees.base.len().saturating_sub(1));
            if trees.weights.iter().all(|it| it.value >= 0.0) {
                above = 0.5;
            }
        }
        Ok(Self {
            form: Form::Trees(trees, OnceLock::new()),
            post: Post::read(of)?,
            classes: Some(Classes { labels, single, above }),
        })
    }

    pub fn linear_classifier(of: Attributes<'_>) -> Result<Self> {
        let labels = labels(of, "classlabels_ints")?;
        let scores = match of.floats("intercepts").len() {
            0 => labels.len(),
            some => some,
        };
        let single = scores == 1 && labels.len() == 2;
        if scores != labels.len() && !single {
            return Err(unreadable("the coefficients do not fit the classes"));
        }
        Ok(Self {
            form: Form::Linear(Linear::read(of, scores)?),
            post: Post::read(of)?,
            classes: Some(Classes { labels, single, above: 0.0 }),
        })
    }

    /// How many raw scores it gives.
    pub fn scores(&self) -> usize {
        match &self.form {
            Form::Trees(trees, _) => trees.targets,
            Form::Linear(linear) => linear.scores,
        }
    }

    /// How many features a row must have.
    pub fn features(&self) -> usize {
        match &self.form {
            Form::Trees(trees, _) => trees.features,
            Form::Linear(linear) => linear.features,
        }
    }

    /// `tree-shap` or `linear`.
    pub fn method(&self) -> &'static str {
        match self.form {
            Form::Trees(..) => "tree-shap",
            Form::Linear(_) => "linear",
        }
    }

    /// The raw scores of a row.
    fn raw(&self, row: &[f64], scores: &mut [f64]) {
        match &self.form {
            Form::Linear(linear) => linear.score(row, scores),
            Form::Trees(trees, _) => {
                trees.score(row, scores);
                for (score, base) in scores.iter_mut().zip(&trees.base) {
                    *score += base;
                }
            }
        }
    }

    /// Whether rows can be explained at all.
    pub fn explainable(&self) -> Result<()> {
        let Form::Trees(trees, _) = &self.form else {
            return Ok(());
        };
        if matches!(trees.aggregate, Aggregate::Min | Aggregate::Max) {
            return Err(not_explainable("its trees are not summed"));
        }
        if trees.covers.is_empty() {
            return Err(not_explainable("its trees do not say how many rows each node saw"));
        }
        if trees.depth > DEPTH_MAX {
            return Err(not_explainable(format!("a tree is deeper than {DEPTH_MAX}")));
        }
        Ok(())
    }

    /// Explains one raw score of each row.
    pub fn explain(&self, rows: &[(&[f64], u32)]) -> Vec<Explained> {
        let mut phi: Vec<Vec<f64>> = rows.iter().map(|(row, _)| vec![0.0; row.len()]).collect();
        let bases = match &self.form {
            Form::Linear(linear) => {
                let each = rows.iter().zip(&mut phi);
                each.map(|((row, score), phi)| linear.explain(row, *score as usize, phi)).collect()
            }
            Form::Trees(trees, tables) => trees_explained(trees, tables, rows, &mut phi),
        };
        let mut scores = vec![0.0; self.scores()];
        let each = rows.iter().zip(bases).zip(phi);
        each.map(|(((row, score), base), phi)| {
            self.raw(row, &mut scores);
            Explained { base, phi, margin: scores[*score as usize] }
        })
        .collect()
    }

    /// The rows of its input as doubles.
    pub fn rows<'a>(&self, from: &'a Value) -> Result<(usize, usize, Cow<'a, [f64]>)> {
        let (rows, width) = match from.dims.sizes() {
            [width] => (1, *width),
            _ => from.dims.rows(),
        };
        if width < self.features() {
            return Err(failed("score", format!("{} features are needed, {width} came", self.features())));
        }
        let elements = match &from.data {
            Data::F64(elements) => Cow::Borrowed(elements.as_slice()),
            other => Cow::Owned(other.to_f64().ok_or_else(|| failed("score", "it was given texts"))?),
        };
        Ok((rows, width, elements))
    }

    fn regress(&self, rows: usize, width: usize, elements: &[f64]) -> Option<Value> {
        let count = self.scores();
        let mut scores = vec![0.0; count];
        let mut all = Vec::with_capacity(rows * count);
        for at in 0..rows {
            self.raw(&elements[at * width..][..width], &mut scores);
            self.post.apply(&mut scores);
            all.extend(scores.iter().map(|&it| it as f32));
        }
        Value::new(&[rows, count], Data::F32(all))
    }

    fn classify(&self, input: (usize, usize, &[f64]), classes: &Classes) -> Option<Out> {
        let (rows, width, elements) = input;
        let mut scores = vec![0.0; self.scores()];
        let mut picks = Vec::with_capacity(rows);
        let mut all = Vec::with_capacity(rows * classes.labels.len());
        for at in 0..rows {
            self.raw(&elements[at * width..][..width], &mut scores);
            if classes.single {
                let score = scores[0];
                picks.push(usize::from(score > classes.above));
                let pair = match (classes.above > 0.0, self.post) {
                    (true, _) => [1.0 - score, score],
                    (false, Post::Logistic) => [logistic(-score), logistic(score)],
                    (false, _) => [-score, score],
                };
                all.extend(pair.map(|it| it as f32));
            } else {
                picks.push(largest(&scores));
                self.post.apply(&mut scores);
                all.extend(scores.iter().map(|&it| it as f32));
            }
        }
        let labels = match &classes.labels {
            Data::Text(labels) => Data::Text(picks.iter().map(|&it| labels[it].clone()).collect()),
            Data::I64(labels) => Data::I64(picks.iter().map(|&it| labels[it]).collect()),
            _ => return None,
        };
        let label = Value::new(&[rows], labels)?;
        let scores = Value::new(&[rows, classes.labels.len()], Data::F32(all))?;
        Some(Out::Two(label, scores))
    }
}

impl Op for Scorer {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let input = from.first().ok_or_else(|| failed("score", "it has no input"))?;
        let (rows, width, elements) = self.rows(input)?;
        match &self.classes {
            None => self.regress(rows, width, &elements).map(Out::One),
            Some(classes) => self.classify((rows, width, &elements), classes),
        }
        .ok_or_else(|| failed("score", "too many scores"))
    }

    fn scorer(&self) -> Option<&Scorer> {
        Some(self)
    }

    fn classes(&self) -> Option<Vec<String>> {
        match &self.classes.as_ref()?.labels {
            Data::Text(labels) => Some(labels.clone()),
            Data::I64(labels) => Some(labels.iter().map(ToString::to_string).collect()),
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        match &self.form {
            Form::Trees(trees, _) => trees.bytes(),
            Form::Linear(linear) => size_of_val(&*linear.coefficients),
        }
    }
}

impl Post {
    fn read(of: Attributes<'_>) -> Result<Self> {
        Ok(match of.text("post_transform", "NONE")?.as_str() {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "LOGISTIC" => Self::Logistic,
            "PROBIT" => Self::Probit,
            other => return Err(unreadable(format!("unknown post_transform `{other}`"))),
        })
    }

    fn apply(self, scores: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(scores),
            Self::SoftmaxZero => {
                // Scores of exactly zero stay out.
                let mut kept: Vec<f64> = scores.iter().copied().filter(|&it| it != 0.0).collect();
                softmax(&mut kept);
                let mut kept = kept.into_iter();
                for score in scores.iter_mut().filter(|it| **it != 0.0) {
                    *score = kept.next().unwrap_or(0.0);
                }
            }
            Self::Logistic => scores.iter_mut().for_each(|it| *it = logistic(*it)),
            Self::Probit => scores.iter_mut().for_each(|it| *it = probit(*it)),
        }
    }
}

/// Adds what features make of rows to `phi`, and answers what is expected of each with nothing known.
fn trees_explained(
    trees: &Ensemble,
    tables: &OnceLock<Option<Tables>>,
    rows: &[(&[f64], u32)],
    phi: &mut [Vec<f64>],
) -> Vec<f64> {
    let base = |score: u32| trees.base.get(score as usize).copied().unwrap_or(0.0);
    if let Some(tables) = tables.get_or_init(|| Tables::of(trees)) {
        tables.explain(trees, rows, phi);
        return rows.iter().map(|(_, score)| base(*score) + tables.expected(*score)).collect();
    }
    let each = rows.iter().zip(phi);
    each.map(|((row, score), phi)| base(*score) + Explainer::new(trees, row, *score).explain(phi)).collect()
}

/// The logistic function.
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Exponentials that sum to one, computed without overflow.
pub fn softmax(scores: &mut [f64]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|it| *it = (*it - most).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|it| *it /= sum);
}

/// The inverse of the normal distribution, by Winitzki's approximation of the inverse error
/// function, which is the one runtimes use for this transform.
fn probit(p: f64) -> f64 {
    let x = 2.0 * p - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let v = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * log;
    let inverse = x.signum() * ((v * v - log / 0.147).sqrt() - v).sqrt();
    std::f64::consts::SQRT_2 * inverse
}

/// The place of the largest score, the first among equals.
pub fn largest(scores: &[f64]) -> usize {
    let mut best = 0;
    for (at, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = at;
        }
    }
    best
}

fn targets(of: Attributes<'_>, name: &str) -> Result<usize> {
    usize::try_from(of.int(name, 1))
        .ok()
        .filter(|it| (1..=1 << 16).contains(it))
        .ok_or_else(|| unreadable(format!("`{name}` cannot be")))
}

fn labels(of: Attributes<'_>, ints: &str) -> Result<Data> {
    let texts = of.strings("classlabels_strings")?;
    let labels = if texts.is_empty() { Data::I64(of.ints(ints).to_vec()) } else { Data::Text(texts) };
    if labels.len() == 0 || labels.len() > 1 << 16 {
        return Err(unreadable("a classifier without class labels"));
    }
    Ok(labels)
}
