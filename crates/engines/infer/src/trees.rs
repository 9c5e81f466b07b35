//! Tree ensembles as `ai.onnx.ml` writes them, laid out to be walked fast.
//!
//! Branches are brought to `<`, `<=` or `==` when they are read, and nodes lie in the order of a
//! depth-first walk, so a row's way through a tree touches few cache lines and allocates nothing.

use std::collections::HashMap;

use base::Result;

use crate::{attributes::Attributes, fault::unreadable};

/// How a node compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Less,
    LessOrEqual,
    Equal,
    Leaf,
}

/// A branch, or a leaf whose children are the range of its weights.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub threshold: f64,
    pub feature: u32,
    pub yes: u32,
    pub no: u32,
    pub test: Test,
    pub missing_yes: bool,
}

/// How the trees' answers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// What a leaf adds to a target.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    pub target: u32,
    pub value: f64,
}

/// Trees that answer together.
#[derive(Debug)]
pub struct Ensemble {
    pub nodes: Vec<Node>,
    pub roots: Vec<u32>,
    pub weights: Vec<Weight>,
    /// How many training rows came by each node; empty when the file does not say.
    pub covers: Vec<f64>,
    pub targets: usize,
    /// How many features a row must have.
    pub features: usize,
    pub base: Vec<f64>,
    pub aggregate: Aggregate,
    pub depth: usize,
}

/// A node's identity in the file.
type Key = (i64, i64);

/// The node attributes in file order.
struct Lists<'a> {
    keys: Vec<Key>,
    features: &'a [i64],
    values: Vec<f64>,
    modes: Vec<String>,
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
    covers: Vec<f64>,
}

impl Ensemble {
    /// Reads the node attributes; `prefix` is `class` or `target`.
    pub fn read(of: Attributes<'_>, prefix: &str, targets: usize) -> Result<Self> {
        let lists = Lists::read(of)?;
        let weights = leaf_weights(of, prefix, targets)?;
        let aggregate = match of.text("aggregate_function", "SUM")?.as_str() {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(unreadable(format!("unknown aggregate `{other}`"))),
        };
        let base = of.doubles("base_values")?;
        if base.len() > targets.max(1) {
            return Err(unreadable("more base values than targets"));
        }
        let mut ensemble = Self {
            nodes: Vec::with_capacity(lists.keys.len()),
            roots: Vec::new(),
            weights: Vec::new(),
            covers: Vec::new(),
            targets,
            features: 0,
            base,
            aggregate,
            depth: 0,
        };
        ensemble.lay_out(&lists, &weights)?;
        Ok(ensemble)
    }

    /// Puts the nodes of each tree in the order of a depth-first walk, each met exactly once.
    fn lay_out(&mut self, lists: &Lists<'_>, weights: &HashMap<Key, Vec<Weight>>) -> Result<()> {
        let index = lists.index()?;
        let keep_covers = lists.covers_tell();
        let mut met = vec![false; lists.keys.len()];
        for root in lists.roots(&index)? {
            self.roots.push(self.nodes.len() as u32);
            // Each entry: the node in the file, the slot of its parent and its side, its depth.
            let mut todo = vec![(root, None, 1_usize)];
            while let Some((at, parent, depth)) = todo.pop() {
                if std::mem::replace(&mut met[at], true) {
                    return Err(unreadable("a tree node is reached twice"));
                }
                self.depth = self.depth.max(depth);
                let slot = self.nodes.len() as u32;
                match parent {
                    Some((parent, true)) => self.nodes[parent as usize].yes = slot,
                    Some((parent, false)) => self.nodes[parent as usize].no = slot,
                    None => {}
                }
                if keep_covers {
                    self.covers.push(lists.covers[at]);
                }
                let (node, children) = self.node(lists, at, weights)?;
                self.nodes.push(node);
                if let Some((yes, no)) = children {
                    let find = |id: i64| {
                        let key = (lists.keys[at].0, id);
                        index
                            .get(&key)
                            .copied()
                            .ok_or_else(|| unreadable(format!("tree {} has no node {id}", key.0)))
                    };
                    todo.push((find(no)?, Some((slot, false)), depth + 1));
                    todo.push((find(yes)?, Some((slot, true)), depth + 1));
                }
            }
        }
        if met.contains(&false) {
            return Err(unreadable("a tree node is never reached"));
        }
        Ok(())
    }

    /// One node and, for a branch, the file's ids of its children.
    fn node(
        &mut self,
        lists: &Lists<'_>,
        at: usize,
        weights: &HashMap<Key, Vec<Weight>>,
    ) -> Result<(Node, Option<(i64, i64)>)> {
        let mode = lists.modes[at].as_str();
        if mode == "LEAF" {
            let start = self.weights.len() as u32;
            if let Some(found) = weights.get(&lists.keys[at]) {
                self.weights.extend_from_slice(found);
            }
            let leaf = Node {
                threshold: 0.0,
                feature: 0,
                yes: start,
                no: self.weights.len() as u32,
                test: Test::Leaf,
                missing_yes: false,
            };
            return Ok((leaf, None));
        }
        // The complement of a comparison is the comparison with its children exchanged.
        let (test, exchanged) = match mode {
            "BRANCH_LT" => (Test::Less, false),
            "BRANCH_LEQ" => (Test::LessOrEqual, false),
            "BRANCH_EQ" => (Test::Equal, false),
            "BRANCH_GTE" => (Test::Less, true),
            "BRANCH_GT" => (Test::LessOrEqual, true),
            "BRANCH_NEQ" => (Test::Equal, true),
            other => return Err(unreadable(format!("unknown node mode `{other}`"))),
        };
        let feature = u32::try_from(lists.features[at])
            .ok()
            .filter(|&it| it < 1 << 24)
            .ok_or_else(|| unreadable("a tree splits on a feature that cannot be"))?;
        self.features = self.features.max(feature as usize + 1);
        // Without the flag a missing value fails every comparison but `!=`.
        let tracks_true = lists.missing.get(at).is_some_and(|&it| it != 0) || mode == "BRANCH_NEQ";
        let (yes, no) = (lists.yes[at], lists.no[at]);
        let node = Node {
            threshold: lists.values[at],
            feature,
            yes: 0,
            no: 0,
            test,
            missing_yes: tracks_true != exchanged,
        };
        Ok((node, Some(if exchanged { (no, yes) } else { (yes, no) })))
    }

    /// Where a row goes from a branch.
    #[inline]
    pub fn next(node: &Node, x: f64) -> u32 {
        let yes = if x.is_nan() {
            node.missing_yes
        } else {
            match node.test {
                Test::Less => x < node.threshold,
                Test::LessOrEqual => x <= node.threshold,
                Test::Equal => x == node.threshold,
                Test::Leaf => true,
            }
        };
        if yes { node.yes } else { node.no }
    }

    /// The weights of the leaf a row reaches. The row must have `features` values.
    #[inline]
    pub fn leaf(&self, root: u32, row: &[f64]) -> &[Weight] {
        let mut node = &self.nodes[root as usize];
        while node.test != Test::Leaf {
            node = &self.nodes[Self::next(node, row[node.feature as usize]) as usize];
        }
        &self.weights[node.yes as usize..node.no as usize]
    }

    /// What a leaf adds to a target.
    #[inline]
    pub fn value(&self, leaf: &Node, target: u32) -> f64 {
        let weights = &self.weights[leaf.yes as usize..leaf.no as usize];
        weights.iter().filter(|weight| weight.target == target).map(|weight| weight.value).sum()
    }

    /// The raw scores of a row, base values left out: one a target.
    pub fn score(&self, row: &[f64], scores: &mut [f64]) {
        let start = match self.aggregate {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        scores.fill(start);
        for &root in &self.roots {
            for weight in self.leaf(root, row) {
                let score = &mut scores[weight.target as usize];
                *score = match self.aggregate {
                    Aggregate::Sum | Aggregate::Average => *score + weight.value,
                    Aggregate::Min => score.min(weight.value),
                    Aggregate::Max => score.max(weight.value),
                };
            }
        }
        for score in scores {
            if self.aggregate == Aggregate::Average {
                *score /= self.roots.len().max(1) as f64;
            } else if score.is_infinite() && *score == start {
                *score = 0.0;
            }
        }
    }

    /// Bytes of memory it holds, about.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.weights) + size_of_val(&*self.covers)
    }
}

impl<'a> Lists<'a> {
    fn read(of: Attributes<'a>) -> Result<Self> {
        let (trees, ids) = (of.ints("nodes_treeids"), of.ints("nodes_nodeids"));
        let lists = Self {
            keys: trees.iter().copied().zip(ids.iter().copied()).collect(),
            features: of.ints("nodes_featureids"),
            values: of.doubles("nodes_values")?,
            modes: of.strings("nodes_modes")?,
            yes: of.ints("nodes_truenodeids"),
            no: of.ints("nodes_falsenodeids"),
            missing: of.ints("nodes_missing_value_tracks_true"),
            covers: of.doubles("nodes_hitrates")?,
        };
        let lengths = [
            trees.len(),
            ids.len(),
            lists.features.len(),
            lists.values.len(),
            lists.modes.len(),
            lists.yes.len(),
            lists.no.len(),
        ];
        if trees.is_empty() || lengths.iter().any(|&it| it != trees.len()) {
            return Err(unreadable("the lists of tree nodes differ in length"));
        }
        Ok(lists)
    }

    fn index(&self) -> Result<HashMap<Key, usize>> {
        let index: HashMap<Key, usize> = self.keys.iter().copied().zip(0..).collect();
        if index.len() != self.keys.len() {
            return Err(unreadable("two tree nodes have the same id"));
        }
        Ok(index)
    }

    /// The nodes nobody points to, one a tree.
    fn roots(&self, index: &HashMap<Key, usize>) -> Result<Vec<usize>> {
        let mut pointed = vec![false; self.keys.len()];
        for (at, key) in self.keys.iter().enumerate() {
            if self.modes[at] == "LEAF" {
                continue;
            }
            for id in [self.yes[at], self.no[at]] {
                if let Some(&child) = index.get(&(key.0, id)) {
                    pointed[child] = true;
                }
            }
        }
        let roots: Vec<usize> = (0..pointed.len()).filter(|&at| !pointed[at]).collect();
        let mut trees: Vec<i64> = roots.iter().map(|&at| self.keys[at].0).collect();
        trees.sort_unstable();
        if trees.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(unreadable("a tree has two roots"));
        }
        Ok(roots)
    }

    /// Whether the covers say anything: exporters that do not know them write one number everywhere.
    fn covers_tell(&self) -> bool {
        self.covers.len() == self.keys.len()
            && self.covers.iter().all(|it| it.is_finite() && *it >= 0.0)
            && (self.modes.iter().all(|it| it == "LEAF")
                || self.covers.iter().any(|it| *it != self.covers[0]))
    }
}

/// The weights of each leaf by its identity.
fn leaf_weights(of: Attributes<'_>, prefix: &str, targets: usize) -> Result<HashMap<Key, Vec<Weight>>> {
    let trees = of.ints(&format!("{prefix}_treeids"));
    let nodes = of.ints(&format!("{prefix}_nodeids"));
    let ids = of.ints(&format!("{prefix}_ids"));
    let values = of.doubles(&format!("{prefix}_weights"))?;
    if trees.len() != nodes.len() || trees.len() != ids.len() || trees.len() != values.len() {
        return Err(unreadable("the lists of leaf weights differ in length"));
    }
    let mut weights: HashMap<Key, Vec<Weight>> = HashMap::new();
    for at in 0..trees.len() {
        let target = u32::try_from(ids[at])
            .ok()
            .filter(|&it| (it as usize) < targets)
            .ok_or_else(|| unreadable("a leaf answers for a target that is not there"))?;
        weights.entry((trees[at], nodes[at])).or_default().push(Weight { target, value: values[at] });
    }
    Ok(weights)
}
