//! Gradient-boosted trees: Friedman's boosting with the second-order gains of Chen and Guestrin 2016.
//!
//! The trees are grown by `forust-ml` on binned features. The rounds around them are here, so that
//! several classes share a round, every round can be watched, and a budget holds between rounds.

use base::{Error, Result};
use forust_ml::{
    Matrix as View,
    binning::{BinnedData, bin_matrix},
    constraints::ConstraintMap,
    gradientbooster::GrowPolicy,
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::Tree as Grown,
};

use crate::{features::Matrix, loss::Loss, random::Random};

/// Values of a feature are told apart in so many bins.
const BINS: u16 = 128;

/// Rounds without a better validation loss after which boosting ends.
const PATIENCE: usize = 30;

/// From so many rows on a tree is grown on several threads. It is the same tree: each feature's
/// sums are made by one of them.
const THREADS_FROM: usize = 40_000;

/// How trees are grown and shrunk.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    pub learning_rate: f32,
    pub depth: usize,
    pub leaves: usize,
    pub l2: f32,
    pub min_leaf: f32,
    pub row_share: f64,
    pub column_share: f64,
    pub rounds: usize,
}

/// A branch, or a leaf that adds its value.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub feature: u32,
    pub threshold: f64,
    pub left: u32,
    pub right: u32,
    pub missing_left: bool,
    pub leaf: bool,
    pub value: f64,
    /// How many of the learnt rows came by.
    pub cover: f64,
}

/// A tree, its root first.
pub type Tree = Vec<Node>;

/// Boosted trees: one a score in each round.
pub struct Boosted {
    pub base: Vec<f64>,
    pub rounds: Vec<Vec<Tree>>,
    /// The mean validation loss of the last round kept.
    pub loss: f64,
}

/// Features in bins, ready to grow trees on.
pub struct Ground<'a> {
    pub matrix: &'a Matrix,
    pub target: &'a [f64],
    pub loss: Loss,
    bins: BinnedData<f64>,
}

/// Which rows of the ground teach and which decide when to stop.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub train: &'a [usize],
    pub valid: &'a [usize],
}

/// Told after every round: its number and the mean losses of both parts. `false` ends the boosting.
pub type Told<'a> = &'a mut dyn FnMut(usize, f64, f64) -> bool;

impl<'a> Ground<'a> {
    /// Puts features into bins.
    pub fn new(matrix: &'a Matrix, target: &'a [f64], loss: Loss) -> Result<Self> {
        let view = View::new(&matrix.data, matrix.rows, matrix.columns);
        let weights = vec![1.0; matrix.rows];
        let bins = bin_matrix(&view, &weights, BINS, f64::NAN, false).map_err(Error::internal)?;
        Ok(Self { matrix, target, loss, bins })
    }

    /// Boosts until the validation loss no longer falls, and keeps the rounds up to its lowest.
    pub fn boost(&self, parts: Parts<'_>, params: Params, seed: u64, told: Told<'_>) -> Boosted {
        let targets: Vec<f64> = parts.train.iter().map(|&row| self.target[row]).collect();
        let mut state = State::new(self, self.loss.base(&targets));
        let (mut random, features) = (Random::new(seed, 11), (0..self.matrix.columns).collect::<Vec<_>>());
        let mut rounds = Vec::new();
        let mut best = (0, state.mean_loss(parts.valid));
        for round in 0..params.rounds {
            let train_loss = state.slope(parts.train);
            let rows = random.some(parts.train, params.row_share);
            let columns = random.some(&features, params.column_share);
            let mut grown = Vec::with_capacity(self.loss.scores());
            for score in 0..self.loss.scores() {
                let mut tree = self.grow(&state, score, (&rows, &columns), params);
                state.climb(&mut tree, score, parts);
                grown.push(tree);
            }
            rounds.push(grown);
            let valid_loss = state.mean_loss(parts.valid);
            if valid_loss < best.1 {
                best = (round + 1, valid_loss);
            }
            let go_on = told(round, train_loss, valid_loss);
            if !go_on || round + 1 - best.0 >= PATIENCE {
                break;
            }
        }
        // A model without trees would say nothing of its inputs.
        rounds.truncate(best.0.max(1));
        Boosted { base: state.base, rounds, loss: best.1 }
    }

    fn grow(
        &self,
        state: &State<'_>,
        score: usize,
        (rows, columns): (&[usize], &[usize]),
        params: Params,
    ) -> Tree {
        let splitter = MissingImputerSplitter {
            l1: 0.0,
            l2: params.l2,
            max_delta_step: 0.0,
            gamma: 0.0,
            min_leaf_weight: params.min_leaf,
            learning_rate: params.learning_rate,
            allow_missing_splits: true,
            constraints_map: ConstraintMap::new(),
        };
        let mut grown = Grown::new();
        grown.fit(
            &View::new(&self.bins.binned_data, self.matrix.rows, self.matrix.columns),
            rows.to_vec(),
            columns,
            &self.bins.cuts,
            &state.gradients[score],
            &state.curvatures[score],
            &splitter,
            params.leaves,
            params.depth,
            rows.len() >= THREADS_FROM,
            // Says that the rows are some of all.
            &SampleMethod::Random,
            &GrowPolicy::LossGuide,
        );
        flat(&grown)
    }
}

/// The scores of all rows while boosting goes on.
struct State<'a> {
    ground: &'a Ground<'a>,
    base: Vec<f64>,
    /// By score, then by row.
    scores: Vec<Vec<f64>>,
    gradients: Vec<Vec<f32>>,
    curvatures: Vec<Vec<f32>>,
}

impl<'a> State<'a> {
    fn new(ground: &'a Ground<'a>, base: Vec<f64>) -> Self {
        let rows = ground.matrix.rows;
        Self {
            ground,
            scores: base.iter().map(|&it| vec![it; rows]).collect(),
            gradients: vec![vec![0.0; rows]; base.len()],
            curvatures: vec![vec![0.0; rows]; base.len()],
            base,
        }
    }

    /// Computes gradients and curvatures of some rows; answers their mean loss.
    fn slope(&mut self, rows: &[usize]) -> f64 {
        let count = self.base.len();
        let (mut scores, mut curvature) = (vec![0.0; count], vec![0.0; count]);
        let mut sum = 0.0;
        for &row in rows {
            for (at, it) in scores.iter_mut().enumerate() {
                *it = self.scores[at][row];
            }
            sum += self.ground.loss.row(self.ground.target[row], &mut scores, &mut curvature);
            for at in 0..count {
                self.gradients[at][row] = scores[at] as f32;
                self.curvatures[at][row] = curvature[at] as f32;
            }
        }
        sum / rows.len().max(1) as f64
    }

    fn mean_loss(&self, rows: &[usize]) -> f64 {
        let count = self.base.len();
        let (mut scores, mut curvature) = (vec![0.0; count], vec![0.0; count]);
        let mut sum = 0.0;
        for &row in rows {
            for (at, it) in scores.iter_mut().enumerate() {
                *it = self.scores[at][row];
            }
            sum += self.ground.loss.row(self.ground.target[row], &mut scores, &mut curvature);
        }
        sum / rows.len().max(1) as f64
    }

    /// Adds a tree to the scores of all rows in use, and counts in it the rows it learnt from.
    fn climb(&mut self, tree: &mut Tree, score: usize, parts: Parts<'_>) {
        let matrix = self.ground.matrix;
        let scores = &mut self.scores[score];
        for &row in parts.train {
            let mut at = 0;
            loop {
                tree[at].cover += 1.0;
                if tree[at].leaf {
                    break;
                }
                at = next(&tree[at], matrix, row);
            }
            scores[row] += tree[at].value;
        }
        for &row in parts.valid {
            let mut at = 0;
            while !tree[at].leaf {
                at = next(&tree[at], matrix, row);
            }
            scores[row] += tree[at].value;
        }
    }
}

fn next(node: &Node, matrix: &Matrix, row: usize) -> usize {
    let x = matrix.data[node.feature as usize * matrix.rows + row];
    let left = if x.is_nan() { node.missing_left } else { x < node.threshold };
    (if left { node.left } else { node.right }) as usize
}

/// A grown tree without what only growing needs. Its nodes are numbered by their places.
fn flat(grown: &Grown) -> Tree {
    let nodes = grown.nodes.iter().map(|it| Node {
        feature: it.split_feature as u32,
        threshold: it.split_value,
        left: it.left_child as u32,
        right: it.right_child as u32,
        missing_left: it.missing_node == it.left_child,
        leaf: it.is_leaf,
        value: f64::from(it.weight_value),
        cover: 0.0,
    });
    nodes.collect()
}
