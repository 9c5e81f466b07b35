//! Exact Shapley values of tree ensembles, path-dependent: Lundberg et al. 2020,
//! "From local explanations to global understanding with explainable AI for trees", algorithm 2.
//!
//! What a set of known features is worth is the tree's answer when unknown branches are followed
//! both ways, in proportion to the training rows that took them. The values of a row and the
//! answer with nothing known sum to the row's answer. The sums over sets are worked out as
//! coefficients of polynomials, as Yu et al. do ("Linear TreeSHAP", 2022).

mod tables;

pub use tables::Tables;

use crate::trees::{Aggregate, Ensemble, Node, Test};

/// The deepest tree that is explained; the work grows with the square of the depth.
pub const DEPTH_MAX: usize = 200;

/// One feature on the way to a node: the share of orders in which it lets the row pass when unknown, and whether it does when
/// known.
#[derive(Clone, Copy, Default)]
struct Step {
    feature: u32,
    zero: f64,
    passes: bool,
}

/// Explains rows of one ensemble; kept to reuse its buffers.
///
/// Of the features on the way to a leaf only those that let the row pass can be known: a known one that does not closes the way.
/// So the shares of all sets of known features are the coefficients of the product of `zero + t` over those that pass, and
/// the others are a factor. All that do not pass add the same.
pub struct Explainer<'a> {
    trees: &'a Ensemble,
    row: &'a [f64],
    target: u32,
    /// The steps to each depth, one after the other.
    path: Vec<Step>,
    /// The coefficients at each depth, by how many are known.
    known: Vec<f64>,
    /// How much room a depth has in both.
    room: usize,
    /// The orders of `n` features at `n * room`.
    orders: Vec<f64>,
}

/// A branch about to be entered.
#[derive(Clone, Copy)]
struct Visit {
    at: u32,
    depth: usize,
    /// How many features there are on the way, and how many of them let the row pass.
    steps: usize,
    passing: usize,
    /// The product of `zero` over those that do not.
    factor: f64,
}

impl<'a> Explainer<'a> {
    /// An explainer of one row and target.
    pub fn new(trees: &'a Ensemble, row: &'a [f64], target: u32) -> Self {
        let room = trees.depth + 2;
        let mut all = vec![0.0; room * room];
        for n in 1..room {
            all[n * room..][..n].copy_from_slice(&orders(n));
        }
        let (path, known) = (vec![Step::default(); room * room], vec![0.0; room * room]);
        Self { trees, row, target, path, known, room, orders: all }
    }

    /// Adds each feature's value to `phi` and answers what is expected with nothing known, base values left out.
    pub fn explain(mut self, phi: &mut [f64]) -> f64 {
        let mut expected = 0.0;
        let roots = &self.trees.roots;
        for &root in roots {
            self.known[0] = 1.0;
            let visit = Visit { at: root, depth: 0, steps: 0, passing: 0, factor: 1.0 };
            expected += self.descend(visit, phi);
        }
        if self.trees.aggregate == Aggregate::Average {
            let trees = roots.len().max(1) as f64;
            phi.iter_mut().for_each(|it| *it /= trees);
            expected /= trees;
        }
        expected
    }

    /// Goes on below a node; answers what is expected there with nothing known.
    fn descend(&mut self, visit: Visit, phi: &mut [f64]) -> f64 {
        let node = self.trees.nodes[visit.at as usize];
        if node.test == Test::Leaf {
            return self.leaf(&visit, self.trees.value(&node, self.target), phi);
        }
        let hot = Ensemble::next(&node, self.row[node.feature as usize]);
        let (yes, no) = shares(self.trees, &node);
        let branches = if hot == node.yes {
            [(node.yes, yes, true), (node.no, no, false)]
        } else {
            [(node.no, no, true), (node.yes, yes, false)]
        };
        let start = visit.depth * self.room;
        let met = self.path[start..start + visit.steps].iter().position(|it| it.feature == node.feature);
        let mut expected = 0.0;
        for (at, share, passes) in branches {
            let below = self.enter(&visit, (met, node.feature), (share, passes));
            // Nothing passes here: no feature makes a difference.
            if below.factor != 0.0 {
                expected += self.descend(Visit { at, ..below }, phi);
            }
        }
        expected
    }

    /// Copies the way one depth down, with the branch's step.
    fn enter(
        &mut self,
        visit: &Visit,
        (met, feature): (Option<usize>, u32),
        (share, passes): (f64, bool),
    ) -> Visit {
        let (from, to) = (visit.depth * self.room, (visit.depth + 1) * self.room);
        self.path.copy_within(from..from + visit.steps, to);
        self.known.copy_within(from..=from + visit.passing, to);
        let mut below = Visit { depth: visit.depth + 1, ..*visit };
        let known = &mut self.known[to..to + self.room];
        let mut step = Step { feature, zero: share, passes };
        let at = met.unwrap_or(visit.steps);
        match met.map(|at| self.path[to + at]) {
            None => below.steps += 1,
            // A feature met before gives its step back, and enters again with the product of both.
            Some(before) if before.passes => {
                divide(&mut known[..=below.passing], before.zero);
                below.passing -= 1;
                step.zero *= before.zero;
            }
            Some(before) => {
                below.factor *= share;
                step = Step { zero: before.zero * share, ..before };
                self.path[to + at] = step;
                return below;
            }
        }
        if passes {
            multiply(&mut known[..=below.passing + 1], step.zero);
            below.passing += 1;
        } else {
            below.factor *= step.zero;
        }
        self.path[to + at] = step;
        below
    }

    /// Adds what the features on the way to a leaf make of it; answers what is expected of it with nothing known.
    fn leaf(&self, visit: &Visit, value: f64, phi: &mut [f64]) -> f64 {
        let start = visit.depth * self.room;
        let (path, known) =
            (&self.path[start..start + visit.steps], &self.known[start..=start + visit.passing]);
        let orders = &self.orders[visit.steps * self.room..];
        let scaled = value * visit.factor;
        if scaled != 0.0 {
            let closed: f64 = known.iter().zip(orders).map(|(share, order)| share * order).sum();
            for step in path {
                phi[step.feature as usize] += match step.passes {
                    false => -scaled * closed,
                    true => scaled * (1.0 - step.zero) * without(known, step.zero, orders),
                };
            }
        }
        scaled * known[0]
    }
}

/// The shares of the training rows that took each branch; they sum to one.
fn shares(trees: &Ensemble, node: &Node) -> (f64, f64) {
    let (yes, no) = (trees.covers[node.yes as usize], trees.covers[node.no as usize]);
    if yes + no > 0.0 { (yes / (yes + no), no / (yes + no)) } else { (0.5, 0.5) }
}

/// `k! (n - 1 - k)! / n!` for each `k` below `n`: the share of orders of `n` features in which `k` given ones come before one.
fn orders(n: usize) -> Vec<f64> {
    let mut share = 1.0 / n as f64;
    let next = |k: usize| {
        let now = share;
        share *= (k + 1) as f64 / (n - 1 - k).max(1) as f64;
        now
    };
    (0..n).map(next).collect()
}

/// The product with `zero + t`; the last coefficient has not been set.
fn multiply(known: &mut [f64], zero: f64) {
    let last = known.len() - 1;
    known[last] = 0.0;
    for at in (1..=last).rev() {
        known[at] = known[at] * zero + known[at - 1];
    }
    known[0] *= zero;
}

/// The quotient by `zero + t`, which divides without a rest.
fn divide(known: &mut [f64], zero: f64) {
    let mut next = 0.0;
    for at in (0..known.len()).rev() {
        let of = known[at];
        known[at] = next;
        next = of - zero * next;
    }
}

/// What the quotient by `zero + t` weighs, term by term.
fn without(known: &[f64], zero: f64, orders: &[f64]) -> f64 {
    let (mut next, mut sum) = (0.0, 0.0);
    for at in (1..known.len()).rev() {
        next = known[at] - zero * next;
        sum += next * orders[at - 1];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{Explainer, Tables};
    use crate::trees::{Aggregate, Ensemble, Node, Test, Weight};

    /// A random tree over few features, so that features repeat on a path.
    fn tree(seed: &mut u64, depth: usize, features: u32) -> Ensemble {
        let mut it = Ensemble {
            nodes: Vec::new(),
            roots: vec![0],
            weights: Vec::new(),
            covers: Vec::new(),
            targets: 1,
            features: features as usize,
            base: Vec::new(),
            aggregate: Aggregate::Sum,
            depth: depth + 1,
        };
        grow(&mut it, seed, depth, 64.0);
        it
    }

    fn random(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn grow(it: &mut Ensemble, seed: &mut u64, depth: usize, cover: f64) -> u32 {
        let at = it.nodes.len();
        it.covers.push(cover);
        let leaf = depth == 0 || random(seed) < 0.1;
        it.nodes.push(Node {
            threshold: random(seed),
            feature: (random(seed) * it.features as f64) as u32,
            yes: it.weights.len() as u32,
            no: it.weights.len() as u32 + 1,
            test: if leaf { Test::Leaf } else { Test::Less },
            missing_yes: random(seed) < 0.5,
        });
        if leaf {
            it.weights.push(Weight { target: 0, value: random(seed) * 4.0 - 2.0 });
        } else {
            // Some branches saw no training row at all.
            let share = (random(seed) * 1.2 - 0.1).clamp(0.0, 1.0);
            it.nodes[at].yes = grow(it, seed, depth - 1, cover * share);
            it.nodes[at].no = grow(it, seed, depth - 1, cover * (1.0 - share));
        }
        at as u32
    }

    /// The tree's answer when only the features of a set are known.
    fn worth(it: &Ensemble, at: u32, row: &[f64], known: u32) -> f64 {
        let node = &it.nodes[at as usize];
        if node.test == Test::Leaf {
            return it.weights[node.yes as usize].value;
        }
        if known & (1 << node.feature) != 0 {
            return worth(it, Ensemble::next(node, row[node.feature as usize]), row, known);
        }
        let (yes, no) = (it.covers[node.yes as usize], it.covers[node.no as usize]);
        let share = if yes + no > 0.0 { yes / (yes + no) } else { 0.5 };
        share * worth(it, node.yes, row, known) + (1.0 - share) * worth(it, node.no, row, known)
    }

    #[test]
    fn the_values_are_those_of_the_definition_over_all_subsets() {
        let mut seed = 7;
        for _ in 0..200 {
            let it = tree(&mut seed, 5, 4);
            let mut row: Vec<f64> = (0..4).map(|_| random(&mut seed)).collect();
            if random(&mut seed) < 0.3 {
                row[1] = f64::NAN;
            }
            let mut phi = vec![0.0; 4];
            let base = Explainer::new(&it, &row, 0).explain(&mut phi);
            assert!((base - worth(&it, 0, &row, 0)).abs() < 1e-12);
            let tables = Tables::of(&it).unwrap();
            let mut looked_up = [vec![0.0; 4]];
            tables.explain(&it, &[(&row, 0)], &mut looked_up);
            assert!((tables.expected(0) - base).abs() < 1e-12);
            for feature in 0..4 {
                let mut value = 0.0;
                for set in (0..16_u32).filter(|set| set & (1 << feature) == 0) {
                    // |S|! (n - |S| - 1)! / n! for n = 4.
                    let share = [6.0, 2.0, 2.0, 6.0][set.count_ones() as usize] / 24.0;
                    let with = worth(&it, 0, &row, set | (1 << feature));
                    value += share * (with - worth(&it, 0, &row, set));
                }
                assert!((phi[feature] - value).abs() < 1e-9, "{phi:?} {value}");
                assert!((looked_up[0][feature] - value).abs() < 1e-9, "{looked_up:?} {value}");
            }
        }
    }

    #[test]
    fn taking_a_step_out_undoes_putting_it_in() {
        let mut known = vec![0.3, 1.0, 7.0];
        super::multiply(&mut known, 0.6);
        assert!((known[0] - 0.18).abs() < 1e-12 && (known[1] - 0.9).abs() < 1e-12 && known[2] == 1.0);
        super::divide(&mut known, 0.6);
        assert!((known[0] - 0.3).abs() < 1e-12 && (known[1] - 1.0).abs() < 1e-12 && known[2] == 0.0);
        assert!((super::without(&[0.18, 0.9, 1.0], 0.6, &[1.0, 10.0]) - 10.3).abs() < 1e-12);
    }
}
