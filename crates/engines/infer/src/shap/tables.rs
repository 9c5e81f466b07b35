//! Trees laid out so that a row is explained by looking up.
//!
//! Which features stand on the way to a leaf, and what share of the training rows each lets pass, is the same for all rows:
//! a row only decides which of them pass. So what the sums over sets come to is worked out once for each leaf and each set
//! of its features, 2^d numbers for d features, as Yang does ("Fast TreeSHAP", 2021, version 2).

use super::{multiply, orders, shares};
use crate::trees::{Aggregate, Ensemble, Node, Test};

/// The most bytes of an ensemble's tables. Ensembles that need more are explained without.
const BYTES_MAX: usize = 32 << 20;
/// The most features on the way to a leaf.
const FEATURES_MAX: usize = 16;
/// The slot of the way to a root, which no feature has.
const ROOT: u32 = 31;

/// An ensemble's trees with their sums.
pub struct Tables {
    trees: Vec<Tree>,
    /// What is expected with nothing known, by target.
    expected: Vec<f64>,
    depth: usize,
}

struct Tree {
    /// The nodes in the order of a depth-first walk.
    spots: Vec<Spot>,
    /// The features on the ways to the leaves, one leaf after the other.
    steps: Vec<Step>,
    /// What each set of features is worth, one leaf after the other.
    worth: Vec<f64>,
}

/// A node and the branch by which it is entered.
struct Spot {
    node: Node,
    /// The place of its state; that of the way to the root is 0.
    depth: u32,
    is_yes: bool,
    /// The place of the branch's feature among those on the way.
    slot: u32,
    /// What the branch makes of the share of those that do not pass, by whether the feature let pass before and does here.
    shares: [f64; 4],
    /// Of a leaf: where its steps and its sums are.
    steps: (u32, u32),
    worth: u32,
}

/// A feature on the way to a leaf, and what it weighs where it does not pass and where it does.
struct Step {
    feature: u32,
    weighs: [f64; 2],
}

/// How far a row has come: the features that let it pass, the share of those that do not, and whether it goes on to `yes`.
#[derive(Clone, Copy)]
struct State {
    passing: u32,
    factor: f64,
    is_yes: bool,
}

impl Tables {
    /// The tables of an ensemble, if they are small enough.
    pub fn of(ensemble: &Ensemble) -> Option<Self> {
        let mut of =
            Self { trees: Vec::new(), expected: vec![0.0; ensemble.targets], depth: ensemble.depth + 1 };
        let mut bytes = 0;
        for &root in &ensemble.roots {
            let mut tree = Tree { spots: Vec::new(), steps: Vec::new(), worth: Vec::new() };
            let entered = Spot::new(ensemble.nodes[root as usize], 1, true, ROOT, [1.0; 4]);
            tree.lay_out(ensemble, entered, &mut Vec::new(), (&mut of.expected, BYTES_MAX - bytes))?;
            bytes += tree.bytes();
            of.trees.push(tree);
        }
        if ensemble.aggregate == Aggregate::Average {
            of.expected.iter_mut().for_each(|it| *it /= ensemble.roots.len().max(1) as f64);
        }
        Some(of)
    }

    /// Adds to each row's `phi` what its features make of a target; the rows come with theirs.
    pub fn explain(&self, ensemble: &Ensemble, rows: &[(&[f64], u32)], phi: &mut [Vec<f64>]) {
        let all = State { passing: u32::MAX, factor: 1.0, is_yes: true };
        let mut states = vec![all; self.depth + 1];
        // A tree stays near while all rows pass through it.
        for tree in &self.trees {
            for ((row, target), phi) in rows.iter().zip(&mut *phi) {
                tree.explain(ensemble, (row, *target), &mut states, phi);
            }
        }
        if ensemble.aggregate == Aggregate::Average {
            let trees = self.trees.len().max(1) as f64;
            phi.iter_mut().flatten().for_each(|it| *it /= trees);
        }
    }

    /// What is expected of a target with nothing known.
    pub fn expected(&self, target: u32) -> f64 {
        self.expected[target as usize]
    }
}

impl Spot {
    fn new(node: Node, depth: u32, is_yes: bool, slot: u32, shares: [f64; 4]) -> Self {
        Self { node, depth, is_yes, slot, shares, steps: (0, 0), worth: 0 }
    }
}

impl Tree {
    fn bytes(&self) -> usize {
        size_of_val(&*self.spots) + size_of_val(&*self.steps) + size_of_val(&*self.worth)
    }

    /// Lays out a node and what is below it; `way` has the features so far with the shares they let pass. There is room for
    /// so many bytes.
    fn lay_out(
        &mut self,
        ensemble: &Ensemble,
        mut spot: Spot,
        way: &mut Vec<(u32, f64)>,
        (expected, room): (&mut [f64], usize),
    ) -> Option<()> {
        let node = spot.node;
        if node.test == Test::Leaf {
            let open: f64 = way.iter().map(|(_, share)| share).product();
            for weight in &ensemble.weights[node.yes as usize..node.no as usize] {
                expected[weight.target as usize] += weight.value * open;
            }
            let more = size_of::<Spot>() + size_of::<Step>() * way.len() + (size_of::<f64>() << way.len());
            if self.bytes() + more > room {
                return None;
            }
            spot.worth = u32::try_from(self.worth.len()).ok()?;
            let first = u32::try_from(self.steps.len()).ok()?;
            spot.steps = (first, first + way.len() as u32);
            worth(way, &mut self.worth);
            let step = |&(feature, share): &(u32, f64)| Step { feature, weighs: [-1.0, 1.0 - share] };
            self.steps.extend(way.iter().map(step));
            self.spots.push(spot);
            return Some(());
        }
        let depth = spot.depth + 1;
        self.spots.push(spot);
        let met = way.iter().position(|(feature, _)| *feature == node.feature);
        let slot = met.unwrap_or(way.len());
        if slot >= FEATURES_MAX {
            return None;
        }
        let before = met.map_or(1.0, |at| way[at].1);
        let (yes, no) = shares(ensemble, &node);
        for (at, share, is_yes) in [(node.yes, yes, true), (node.no, no, false)] {
            match met {
                Some(at) => way[at].1 = before * share,
                None => {
                    way.truncate(slot);
                    way.push((node.feature, share));
                }
            }
            let entered = [share, share, before * share, 1.0];
            let spot = Spot::new(ensemble.nodes[at as usize], depth, is_yes, slot as u32, entered);
            self.lay_out(ensemble, spot, way, (&mut *expected, room))?;
        }
        match met {
            Some(at) => way[at].1 = before,
            None => way.truncate(slot),
        }
        Some(())
    }

    fn explain(&self, ensemble: &Ensemble, row: (&[f64], u32), states: &mut [State], phi: &mut [f64]) {
        let (row, target) = row;
        for spot in &self.spots {
            let State { passing, factor, is_yes } = states[spot.depth as usize - 1];
            let passes = u32::from(is_yes == spot.is_yes);
            let passed = passing >> spot.slot & 1;
            let factor = factor * spot.shares[(passed * 2 + passes) as usize];
            let passing = passing & !((passes ^ 1) << spot.slot);
            if spot.node.test != Test::Leaf {
                let to = Ensemble::next(&spot.node, row[spot.node.feature as usize]);
                states[spot.depth as usize] = State { passing, factor, is_yes: to == spot.node.yes };
                continue;
            }
            let scaled = ensemble.value(&spot.node, target) * factor;
            let steps = &self.steps[spot.steps.0 as usize..spot.steps.1 as usize];
            let passing = passing as usize & ((1 << steps.len()) - 1);
            let worth = &self.worth[spot.worth as usize..][..1 << steps.len()];
            for (at, step) in steps.iter().enumerate() {
                let weighs = step.weighs[passing >> at & 1];
                phi[step.feature as usize] += scaled * weighs * worth[passing & !(1 << at)];
            }
        }
    }
}

/// Appends what each set of the features on a way is worth to one of the others: the coefficients of the product of `share + t`
/// over the set, weighed by the orders in which the set comes first.
fn worth(way: &[(u32, f64)], to: &mut Vec<f64>) {
    let all = way.len();
    let orders = orders(all);
    let mut products = vec![[0.0; FEATURES_MAX + 1]; 1 << all];
    products[0][0] = 1.0;
    for set in 0..1_usize << all {
        let size = set.count_ones() as usize;
        if set != 0 {
            let last = set.trailing_zeros() as usize;
            let mut product = products[set & (set - 1)];
            multiply(&mut product[..=size], way[last].1);
            products[set] = product;
        }
        // Nothing comes after all of them.
        to.push(products[set].iter().zip(&orders).map(|(share, order)| share * order).sum());
    }
}
