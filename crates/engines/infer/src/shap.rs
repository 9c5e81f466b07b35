//! Exact Shapley values of tree ensembles, path-dependent: Lundberg et al. 2020,
//! "From local explanations to global understanding with explainable AI for trees", algorithm 2.
//!
//! What a set of known features is worth is the tree's answer when unknown branches are followed
//! both ways, in proportion to the training rows that took them. The values of a row and the
//! answer with nothing known sum to the row's answer.

use crate::trees::{Aggregate, Ensemble, Node, Test};

/// The deepest tree that is explained; the work grows with the square of the depth.
pub const DEPTH_MAX: usize = 200;

/// One feature on the way to a node: the share of orders in which it lets the row pass when
/// unknown (`zero`) and known (`one`), and the weight of the subsets of this size.
#[derive(Clone, Copy, Default)]
struct Step {
    feature: u32,
    zero: f64,
    one: f64,
    weight: f64,
}

/// No feature: the step before the root.
const NOTHING: u32 = u32::MAX;

/// Explains rows of one ensemble; kept to reuse its buffer.
pub struct Explainer<'a> {
    trees: &'a Ensemble,
    row: &'a [f64],
    target: u32,
    path: Vec<Step>,
}

/// A branch about to be entered: where, from which path, and the step that leads to it.
#[derive(Clone, Copy)]
struct Visit {
    at: u32,
    path_start: usize,
    path_len: usize,
    step: Step,
}

impl<'a> Explainer<'a> {
    /// An explainer of one row and target.
    pub fn new(trees: &'a Ensemble, row: &'a [f64], target: u32) -> Self {
        let depth = trees.depth + 2;
        Self { trees, row, target, path: vec![Step::default(); depth * (depth + 1)] }
    }

    /// Adds each feature's value to `phi` and answers what is expected with nothing known, base values left out.
    pub fn explain(mut self, phi: &mut [f64]) -> f64 {
        let mut expected = 0.0;
        let roots = &self.trees.roots;
        for &root in roots {
            expected += self.expected(root);
            self.descend(
                Visit {
                    at: root,
                    path_start: 0,
                    path_len: 0,
                    step: Step { feature: NOTHING, zero: 1.0, one: 1.0, weight: 0.0 },
                },
                phi,
            );
        }
        if self.trees.aggregate == Aggregate::Average {
            let trees = roots.len().max(1) as f64;
            phi.iter_mut().for_each(|it| *it /= trees);
            expected /= trees;
        }
        expected
    }

    /// The answer of the tree below a node when nothing is known.
    fn expected(&self, at: u32) -> f64 {
        let node = &self.trees.nodes[at as usize];
        if node.test == Test::Leaf {
            return self.value(node);
        }
        let (yes, no) = self.shares(node);
        let below = |child: u32, share: f64| {
            if share == 0.0 { 0.0 } else { share * self.expected(child) }
        };
        below(node.yes, yes) + below(node.no, no)
    }

    fn value(&self, leaf: &Node) -> f64 {
        self.trees.weights[leaf.yes as usize..leaf.no as usize]
            .iter()
            .filter(|weight| weight.target == self.target)
            .map(|weight| weight.value)
            .sum()
    }

    /// The shares of the training rows that took each branch; they sum to one.
    fn shares(&self, node: &Node) -> (f64, f64) {
        let yes = self.trees.covers[node.yes as usize];
        let no = self.trees.covers[node.no as usize];
        if yes + no > 0.0 { (yes / (yes + no), no / (yes + no)) } else { (0.5, 0.5) }
    }

    fn descend(&mut self, visit: Visit, phi: &mut [f64]) {
        // Each depth works on its own copy of the path, behind its parent's.
        let start = visit.path_start + visit.path_len;
        self.path.copy_within(visit.path_start..start, start);
        let mut len = extend(&mut self.path[start..], visit.path_len, visit.step);
        let node = self.trees.nodes[visit.at as usize];
        if node.test == Test::Leaf {
            let value = self.value(&node);
            let path = &self.path[start..start + len];
            if value != 0.0 {
                for (at, step) in path.iter().enumerate().skip(1) {
                    phi[step.feature as usize] += unwound_sum(path, at) * (step.one - step.zero) * value;
                }
            }
            return;
        }
        let hot = Ensemble::next(&node, self.row[node.feature as usize]);
        let (yes, no) = self.shares(&node);
        let (cold, hot_share, cold_share) =
            if hot == node.yes { (node.no, yes, no) } else { (node.yes, no, yes) };
        // A feature met before gives its step back and enters again with the product of both.
        let (mut zero, mut one) = (1.0, 1.0);
        let path = &mut self.path[start..start + len];
        if let Some(at) = path.iter().position(|it| it.feature == node.feature) {
            (zero, one) = (path[at].zero, path[at].one);
            unwind(path, at);
            len -= 1;
        }
        for (at, share, one) in [(hot, hot_share, one), (cold, cold_share, 0.0)] {
            let zero = share * zero;
            // Nothing passes here, known or unknown.
            if zero == 0.0 && one == 0.0 {
                continue;
            }
            let step = Step { feature: node.feature, zero, one, weight: 0.0 };
            let visit = Visit { at, path_start: start, path_len: len, step };
            self.descend(visit, phi);
        }
    }
}

/// Appends a step and brings the weights of all subset sizes up to date; answers the new length.
fn extend(path: &mut [Step], len: usize, step: Step) -> usize {
    path[len] = Step { weight: if len == 0 { 1.0 } else { 0.0 }, ..step };
    let size = (len + 1) as f64;
    for at in (0..len).rev() {
        let weight = path[at].weight;
        path[at + 1].weight += step.one * weight * (at + 1) as f64 / size;
        path[at].weight = step.zero * weight * (len - at) as f64 / size;
    }
    len + 1
}

/// Takes the step at a place out again, undoing what `extend` did for it.
fn unwind(path: &mut [Step], at: usize) {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[at];
    let size = path.len() as f64;
    let mut next = path[last].weight;
    for below in (0..last).rev() {
        if one != 0.0 {
            let weight = path[below].weight;
            path[below].weight = next * size / ((below + 1) as f64 * one);
            next = weight - path[below].weight * zero * (last - below) as f64 / size;
        } else {
            path[below].weight = path[below].weight * size / (zero * (last - below) as f64);
        }
    }
    for below in at..last {
        let Step { feature, zero, one, .. } = path[below + 1];
        path[below] = Step { feature, zero, one, ..path[below] };
    }
}

/// The sum of the weights as if the step at a place were taken out.
fn unwound_sum(path: &[Step], at: usize) -> f64 {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[at];
    let size = path.len() as f64;
    let mut total = 0.0;
    if one == 0.0 {
        for (below, step) in path[..last].iter().enumerate() {
            total += step.weight / (zero * (last - below) as f64);
        }
        return total * size;
    }
    let mut next = path[last].weight;
    for below in (0..last).rev() {
        let weight = next * size / ((below + 1) as f64 * one);
        total += weight;
        next = path[below].weight - weight * zero * (last - below) as f64 / size;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{Explainer, Step};
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
            for feature in 0..4 {
                let mut value = 0.0;
                for set in (0..16_u32).filter(|set| set & (1 << feature) == 0) {
                    // |S|! (n - |S| - 1)! / n! for n = 4.
                    let share = [6.0, 2.0, 2.0, 6.0][set.count_ones() as usize] / 24.0;
                    let with = worth(&it, 0, &row, set | (1 << feature));
                    value += share * (with - worth(&it, 0, &row, set));
                }
                assert!((phi[feature] - value).abs() < 1e-9, "{phi:?} {value}");
            }
        }
    }

    #[test]
    fn taking_a_step_out_undoes_putting_it_in() {
        let step = |feature, zero, one| Step { feature, zero, one, weight: 0.0 };
        let mut path = vec![Step::default(); 4];
        super::extend(&mut path, 0, step(9, 1.0, 1.0));
        super::extend(&mut path, 1, step(0, 0.3, 1.0));
        let before: Vec<f64> = path[..2].iter().map(|it| it.weight).collect();
        super::extend(&mut path, 2, step(1, 0.6, 0.0));
        super::unwind(&mut path[..3], 2);
        for (at, weight) in before.iter().enumerate() {
            assert!((path[at].weight - weight).abs() < 1e-12);
        }
    }
}
