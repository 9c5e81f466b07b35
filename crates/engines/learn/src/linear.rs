//! Linear scores with quadratic regularization, fitted by L-BFGS (Nocedal and Wright, algorithm 7.5).
//!
//! Features come in standardized, so one strength of regularization suits all of them.

use crate::{features::Matrix, loss::Loss};

/// Steps remembered to guess the curvature.
const MEMORY: usize = 10;

/// Steps after which a fit ends, converged or not.
const STEPS_MAX: usize = 200;

/// The standardization of each feature, in the precision in which it is written into the model.
#[derive(Clone, Debug)]
pub struct Scale {
    pub offset: Vec<f32>,
    pub scale: Vec<f32>,
}

impl Scale {
    /// Mean and deviation of each feature, missing values left out.
    pub fn of(matrix: &Matrix) -> Self {
        let (mut offset, mut scale) = (Vec::new(), Vec::new());
        for at in 0..matrix.columns {
            let known = matrix.column(at).iter().filter(|x| !x.is_nan());
            let count = known.clone().count().max(1) as f64;
            let mean = known.clone().sum::<f64>() / count;
            let variance = known.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            offset.push(mean as f32);
            scale.push(if variance > 0.0 { (1.0 / variance.sqrt()) as f32 } else { 0.0 });
        }
        Self { offset, scale }
    }

    /// Standardized rows, a missing value at its feature's mean.
    pub fn rows(&self, matrix: &Matrix) -> Rows {
        let mut data = vec![0.0; matrix.rows * matrix.columns];
        for at in 0..matrix.columns {
            let (offset, scale) = (f64::from(self.offset[at]), f64::from(self.scale[at]));
            for (row, x) in matrix.column(at).iter().enumerate() {
                let standard = (x - offset) * scale;
                data[row * matrix.columns + at] = if standard.is_nan() { 0.0 } else { standard };
            }
        }
        Rows { data, width: matrix.columns }
    }
}

/// Features row by row.
pub struct Rows {
    data: Vec<f64>,
    width: usize,
}

impl Rows {
    fn row(&self, at: usize) -> &[f64] {
        &self.data[at * self.width..][..self.width]
    }
}

/// Coefficients and an intercept for each score, one after another.
pub struct Linear {
    pub coefficients: Vec<f64>,
    pub intercepts: Vec<f64>,
}

/// What is fitted.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    pub rows: &'a Rows,
    pub target: &'a [f64],
    pub loss: Loss,
    /// The weight of half the squared coefficients, beside the sum of the losses.
    pub l2: f64,
}

/// Told after every step: its number and the mean loss. `false` ends the fit.
pub type Told<'a> = &'a mut dyn FnMut(usize, f64) -> bool;

impl Problem<'_> {
    /// Fits some of the rows.
    pub fn fit(self, train: &[usize], told: Told<'_>) -> Linear {
        let scores = self.loss.scores();
        let stride = self.rows.width + 1;
        let targets: Vec<f64> = train.iter().map(|&row| self.target[row]).collect();
        let (centre, spread) = self.unit(&targets);
        let mut weights = vec![0.0; scores * stride];
        for (score, base) in self.loss.base(&targets).into_iter().enumerate() {
            weights[score * stride + stride - 1] = (base - centre) / spread;
        }
        let mean = |sum: f64| sum / train.len().max(1) as f64 * spread * spread;
        let value =
            |weights: &[f64], gradient: &mut Vec<f64>| self.slope(train, (centre, spread), weights, gradient);
        descend(&mut weights, value, &mut |step, sum| told(step, mean(sum)));
        let mut linear = Linear {
            coefficients: Vec::with_capacity(scores * self.rows.width),
            intercepts: Vec::with_capacity(scores),
        };
        for of_score in weights.chunks(stride) {
            let (intercept, coefficients) = (of_score[stride - 1], &of_score[..stride - 1]);
            linear.coefficients.extend(coefficients.iter().map(|it| it * spread));
            linear.intercepts.push(intercept * spread + centre);
        }
        linear
    }

    /// Numbers are brought to mean zero and deviation one while they are fitted.
    fn unit(self, targets: &[f64]) -> (f64, f64) {
        if self.loss != Loss::Squared {
            return (0.0, 1.0);
        }
        let count = targets.len().max(1) as f64;
        let mean = targets.iter().sum::<f64>() / count;
        let variance = targets.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / count;
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    }

    /// The sum of losses and its gradient; the penalty counts in the gradient and the objective.
    fn slope(
        self,
        train: &[usize],
        (centre, spread): (f64, f64),
        weights: &[f64],
        gradient: &mut Vec<f64>,
    ) -> Slope {
        let (scores, width) = (self.loss.scores(), self.rows.width);
        let stride = width + 1;
        gradient.clear();
        gradient.resize(weights.len(), 0.0);
        let (mut slopes, mut curvature) = (vec![0.0; scores], vec![0.0; scores]);
        let mut sum = 0.0;
        for &row in train {
            let features = self.rows.row(row);
            for (score, slope) in slopes.iter_mut().enumerate() {
                *slope = dot(&weights[score * stride..][..width], features) + weights[score * stride + width];
            }
            sum += self.loss.row((self.target[row] - centre) / spread, &mut slopes, &mut curvature);
            for (score, slope) in slopes.iter().enumerate() {
                let of_score = &mut gradient[score * stride..][..stride];
                for (it, x) in of_score.iter_mut().zip(features) {
                    *it += slope * x;
                }
                of_score[width] += slope;
            }
        }
        // The squared loss is counted in full, its slope by half.
        let half = if self.loss == Loss::Squared { 0.5 } else { 1.0 };
        let mut objective = sum * half;
        for score in 0..scores {
            for at in score * stride..score * stride + width {
                objective += 0.5 * self.l2 * weights[at] * weights[at];
                gradient[at] += self.l2 * weights[at];
            }
        }
        Slope { objective, sum }
    }

    /// The mean loss of some rows.
    pub fn mean_loss(self, linear: &Linear, rows: &[usize]) -> f64 {
        let (scores, width) = (self.loss.scores(), self.rows.width);
        let (mut row_scores, mut curvature) = (vec![0.0; scores], vec![0.0; scores]);
        let mut sum = 0.0;
        for &row in rows {
            for (score, it) in row_scores.iter_mut().enumerate() {
                let coefficients = &linear.coefficients[score * width..][..width];
                *it = dot(coefficients, self.rows.row(row)) + linear.intercepts[score];
            }
            sum += self.loss.row(self.target[row], &mut row_scores, &mut curvature);
        }
        sum / rows.len().max(1) as f64
    }
}

/// The objective at a point, and the losses in it.
#[derive(Clone, Copy)]
struct Slope {
    objective: f64,
    sum: f64,
}

/// One remembered step.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    scale: f64,
}

/// Walks down to where the slope is flat, no longer falls, or nobody wants to go on.
fn descend(
    weights: &mut Vec<f64>,
    value: impl Fn(&[f64], &mut Vec<f64>) -> Slope,
    told: &mut dyn FnMut(usize, f64) -> bool,
) {
    let mut gradient = Vec::new();
    let mut here = value(weights, &mut gradient);
    let mut memory: Vec<Pair> = Vec::new();
    for step in 0..STEPS_MAX {
        if !told(step, here.sum) {
            return;
        }
        let way = direction(&gradient, &memory);
        let fall = dot(&way, &gradient);
        if fall >= 0.0 {
            return;
        }
        // The very first step has no idea of its length.
        let mut length =
            if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let mut tried = Vec::new();
        let mut slope_there = Vec::new();
        let there = loop {
            tried.clear();
            tried.extend(weights.iter().zip(&way).map(|(w, d)| w + length * d));
            let there = value(&tried, &mut slope_there);
            if there.objective <= here.objective + 1e-4 * length * fall {
                break there;
            }
            length *= 0.5;
            if length < 1e-10 {
                return;
            }
        };
        let moved: Vec<f64> = way.iter().map(|d| length * d).collect();
        let change: Vec<f64> = slope_there.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curve = dot(&moved, &change);
        if curve > 1e-12 {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push(Pair { step: moved, change, scale: 1.0 / curve });
        }
        let gain = here.objective - there.objective;
        std::mem::swap(weights, &mut tried);
        std::mem::swap(&mut gradient, &mut slope_there);
        here = there;
        if gain <= 1e-9 * here.objective.abs() {
            return;
        }
    }
}

/// The two loops that turn a gradient into a quasi-Newton direction.
fn direction(gradient: &[f64], memory: &[Pair]) -> Vec<f64> {
    let mut way: Vec<f64> = gradient.iter().map(|it| -it).collect();
    let mut shares = vec![0.0; memory.len()];
    for (at, pair) in memory.iter().enumerate().rev() {
        shares[at] = pair.scale * dot(&pair.step, &way);
        add(&mut way, -shares[at], &pair.change);
    }
    if let Some(last) = memory.last() {
        let scale = 1.0 / (last.scale * dot(&last.change, &last.change));
        way.iter_mut().for_each(|it| *it *= scale);
    }
    for (at, pair) in memory.iter().enumerate() {
        let back = pair.scale * dot(&pair.change, &way);
        add(&mut way, shares[at] - back, &pair.step);
    }
    way
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(to: &mut [f64], times: f64, from: &[f64]) {
    for (it, x) in to.iter_mut().zip(from) {
        *it += times * x;
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Scale};
    use crate::{features::Matrix, loss::Loss, random::Random};

    #[test]
    fn a_line_is_found_again() {
        let mut random = Random::new(3, 0);
        let mut number = || random.below(1_000_000) as f64 / 1e6;
        let matrix = Matrix { data: (0..400).map(|_| number()).collect(), rows: 200, columns: 2 };
        let target: Vec<f64> =
            (0..200).map(|row| 100.0 + 3.0 * matrix.column(0)[row] - 7.0 * matrix.column(1)[row]).collect();
        let scale = Scale::of(&matrix);
        let rows = scale.rows(&matrix);
        let problem = Problem { rows: &rows, target: &target, loss: Loss::Squared, l2: 1e-6 };
        let all: Vec<usize> = (0..200).collect();
        let line = problem.fit(&all, &mut |_, _| true);
        for (at, slope) in [3.0, -7.0].into_iter().enumerate() {
            let found = line.coefficients[at] * f64::from(scale.scale[at]);
            assert!((found - slope).abs() < 1e-3, "{found}");
        }
        assert!(problem.mean_loss(&line, &all) < 1e-6);
    }

    #[test]
    fn classes_of_points_are_told_apart() {
        let mut random = Random::new(4, 0);
        let matrix = Matrix {
            data: (0..600).map(|_| random.below(1000) as f64 - 500.0).collect(),
            rows: 300,
            columns: 2,
        };
        let third = |row: usize| {
            let (x, y) = (matrix.column(0)[row], matrix.column(1)[row]);
            if x > 0.0 && x > y {
                0.0
            } else if y > 0.0 {
                1.0
            } else {
                2.0
            }
        };
        let target: Vec<f64> = (0..300).map(third).collect();
        let rows = Scale::of(&matrix).rows(&matrix);
        let problem = Problem { rows: &rows, target: &target, loss: Loss::Softmax(3), l2: 0.1 };
        let all: Vec<usize> = (0..300).collect();
        let linear = problem.fit(&all, &mut |_, _| true);
        assert!(problem.mean_loss(&linear, &all) < 0.25, "{}", problem.mean_loss(&linear, &all));
    }
}
