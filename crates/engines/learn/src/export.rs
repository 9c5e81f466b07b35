//! The learnt model as one ONNX file, from columns to answers.
//!
//! Numbers and encoded texts become one matrix of doubles; trees read it as it is, linear models
//! standardized; log-odds become probabilities, and their largest names the label. Only operators
//! whose meaning the specification leaves no doubt about are used, so every runtime agrees.

use engine_onnx::{
    Graph, ML, Message, Model, Node, OperatorSet, Property, SIGNATURE, ValueInfo, doubles, element, floats,
    ints, node, strings, value_info,
};
use ports::infer::{Datatype, Signature, Slot};

use crate::{
    boost::{Boosted, Tree},
    features::{Encoding, Input, UNRANKED},
    linear::{Linear, Scale},
    loss::Loss,
};

/// Names that outputs have.
const OUTPUTS: [&str; 3] = ["label", "probabilities", "prediction"];

/// Categories told in the signature are at most so many.
const CATEGORIES_MAX: usize = 50;

/// What is exported beside the scores.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub inputs: &'a [Input],
    pub loss: Loss,
    pub classes: &'a [String],
}

/// What computes the scores.
pub enum Scores<'a> {
    Trees(&'a Boosted),
    Linear(&'a Linear, &'a Scale),
}

/// The tensor that holds an input: the column's name, unless an output has it.
pub fn input_name(input: &Input) -> String {
    if OUTPUTS.contains(&input.name.as_str()) { format!("{}_input", input.name) } else { input.name.clone() }
}

impl Frame<'_> {
    /// What the model takes and gives.
    pub fn signature(self) -> Signature {
        let slot = |name: &str, datatype, shape: &[i64]| Slot {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
            categories: Vec::new(),
            optional: false,
        };
        let inputs = self.inputs.iter().map(|input| {
            let datatype = match input.encoding {
                Encoding::Number => Datatype::Fp64,
                Encoding::Hot(_) | Encoding::Ranked(_) => Datatype::Bytes,
            };
            let told = input.categories.len() <= CATEGORIES_MAX;
            let categories = input.categories.iter().filter(|it| told && !it.is_empty());
            Slot {
                categories: categories.cloned().collect(),
                optional: input.optional,
                ..slot(&input_name(input), datatype, &[-1, 1])
            }
        });
        let outputs = if self.loss == Loss::Squared {
            vec![slot("prediction", Datatype::Fp32, &[-1, 1])]
        } else {
            vec![
                slot("label", Datatype::Bytes, &[-1]),
                slot("probabilities", Datatype::Fp32, &[-1, self.classes.len() as i64]),
            ]
        };
        Signature {
            inputs: inputs.collect(),
            outputs,
            classes: self.classes.to_vec(),
            ..Signature::default()
        }
    }

    /// The whole file.
    pub fn write(self, scores: &Scores<'_>) -> Vec<u8> {
        let signature = self.signature();
        let mut nodes = Vec::new();
        let features = self.features(&mut nodes);
        let raw = if self.loss == Loss::Squared { "prediction" } else { "aic.scores" };
        match scores {
            Scores::Trees(boosted) => nodes.push(ensemble(boosted, &features, raw)),
            Scores::Linear(linear, scale) => lines(linear, scale, (&features, raw), &mut nodes),
        }
        self.answers(&mut nodes);
        let graph = Graph {
            node: nodes,
            name: "model".to_owned(),
            initializer: Vec::new(),
            input: signature.inputs.iter().map(info).collect(),
            output: signature.outputs.iter().map(info).collect(),
        };
        let set = |domain: &str, version| OperatorSet { domain: domain.to_owned(), version };
        Model {
            ir_version: 8,
            producer_name: "aic".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            opset_import: vec![set("", 17), set(ML, 3)],
            // A signature is plain data: writing it as JSON cannot fail.
            metadata_props: serde_json::to_string(&signature)
                .map(|value| Property { key: SIGNATURE.to_owned(), value })
                .into_iter()
                .collect(),
            ..Model::default()
        }
        .encode_to_vec()
    }

    /// Brings the columns together; answers the name of the matrix.
    fn features(self, nodes: &mut Vec<Node>) -> String {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for (at, input) in self.inputs.iter().enumerate() {
            let name = input_name(input);
            match &input.encoding {
                Encoding::Number => numbers.push(name),
                Encoding::Hot(categories) => {
                    let (cube, flat) = (format!("aic.hot.{at}"), format!("aic.flat.{at}"));
                    let hot = node(ML, "OneHotEncoder", &[&name], &cube).int("zeros", 1);
                    nodes.push(hot.and(strings("cats_strings", categories)));
                    nodes.push(node("", "Flatten", &[&cube], &flat).int("axis", 1));
                    texts.push(flat);
                }
                Encoding::Ranked(categories) => {
                    let rank = format!("aic.rank.{at}");
                    let ranks = (0..categories.len()).map(|it| it as f32).collect();
                    nodes.push(
                        node(ML, "LabelEncoder", &[&name], &rank)
                            .and(strings("keys_strings", categories))
                            .and(floats("values_floats", ranks))
                            .float("default_float", UNRANKED as f32),
                    );
                    texts.push(rank);
                }
            }
        }
        let mut parts = Vec::new();
        if !numbers.is_empty() {
            parts.push(join(&numbers, "aic.numbers", nodes));
        }
        if !texts.is_empty() {
            let narrow = join(&texts, "aic.texts", nodes);
            let wide = node("", "Cast", &[&narrow], "aic.texts.wide");
            nodes.push(wide.int("to", i64::from(element::DOUBLE)));
            parts.push("aic.texts.wide".to_owned());
        }
        join(&parts, "aic.features", nodes)
    }

    /// From scores to probabilities and the label.
    fn answers(self, nodes: &mut Vec<Node>) {
        match self.loss {
            Loss::Squared => return,
            Loss::Softmax(_) => {
                nodes.push(node("", "Softmax", &["aic.scores"], "probabilities").int("axis", 1));
            }
            Loss::Logistic => {
                nodes.push(node("", "Neg", &["aic.scores"], "aic.scores.first"));
                nodes.push(node("", "Sigmoid", &["aic.scores.first"], "aic.first"));
                nodes.push(node("", "Sigmoid", &["aic.scores"], "aic.second"));
                let both = node("", "Concat", &["aic.first", "aic.second"], "probabilities");
                nodes.push(both.int("axis", 1));
            }
        }
        let largest = node("", "ArgMax", &["probabilities"], "aic.class");
        nodes.push(largest.int("axis", 1).int("keepdims", 0));
        let places = (0..self.classes.len() as i64).collect();
        nodes.push(
            node(ML, "LabelEncoder", &["aic.class"], "label")
                .and(ints("keys_int64s", places))
                .and(strings("values_strings", self.classes)),
        );
    }
}

/// Tensors side by side under a name; a single one keeps its own.
fn join(parts: &[String], name: &str, nodes: &mut Vec<Node>) -> String {
    if let [only] = parts {
        return only.clone();
    }
    let from: Vec<&str> = parts.iter().map(String::as_str).collect();
    nodes.push(node("", "Concat", &from, name).int("axis", 1));
    name.to_owned()
}

fn info(slot: &Slot) -> ValueInfo {
    let element = match slot.datatype {
        Datatype::Bool => element::BOOL,
        Datatype::Int8 => element::INT8,
        Datatype::Int16 => element::INT16,
        Datatype::Int32 => element::INT32,
        Datatype::Int64 => element::INT64,
        Datatype::Uint8 => element::UINT8,
        Datatype::Uint16 => element::UINT16,
        Datatype::Uint32 => element::UINT32,
        Datatype::Uint64 => element::UINT64,
        Datatype::Fp16 => element::FLOAT16,
        Datatype::Bf16 => element::BFLOAT16,
        Datatype::Fp32 => element::FLOAT,
        Datatype::Fp64 => element::DOUBLE,
        Datatype::Bytes => element::STRING,
    };
    value_info(&slot.name, element, &slot.shape)
}

/// `TreeEnsembleRegressor`, in double precision: one target a score.
fn ensemble(boosted: &Boosted, from: &str, to: &str) -> Node {
    let mut lists = Lists::default();
    for round in &boosted.rounds {
        for (score, tree) in round.iter().enumerate() {
            lists.add(tree, score);
        }
    }
    node(ML, "TreeEnsembleRegressor", &[from], to)
        .int("n_targets", boosted.base.len() as i64)
        .text("aggregate_function", "SUM")
        .text("post_transform", "NONE")
        .and(doubles("base_values_as_tensor", boosted.base.clone()))
        .and(ints("nodes_treeids", lists.trees))
        .and(ints("nodes_nodeids", lists.nodes))
        .and(ints("nodes_featureids", lists.features))
        .and(strings("nodes_modes", lists.modes))
        .and(doubles("nodes_values_as_tensor", lists.values))
        .and(ints("nodes_truenodeids", lists.yes))
        .and(ints("nodes_falsenodeids", lists.no))
        .and(ints("nodes_missing_value_tracks_true", lists.missing))
        .and(doubles("nodes_hitrates_as_tensor", lists.covers))
        .and(ints("target_treeids", lists.leaf_trees))
        .and(ints("target_nodeids", lists.leaf_nodes))
        .and(ints("target_ids", lists.leaf_targets))
        .and(doubles("target_weights_as_tensor", lists.leaf_weights))
}

/// The parallel lists in which ONNX writes trees.
#[derive(Default)]
struct Lists {
    count: i64,
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    values: Vec<f64>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    covers: Vec<f64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaf_targets: Vec<i64>,
    leaf_weights: Vec<f64>,
}

impl Lists {
    fn add(&mut self, tree: &Tree, score: usize) {
        for (at, node) in tree.iter().enumerate() {
            self.trees.push(self.count);
            self.nodes.push(at as i64);
            self.features.push(i64::from(node.feature));
            self.modes.push(if node.leaf { "LEAF" } else { "BRANCH_LT" });
            self.values.push(if node.leaf { 0.0 } else { node.threshold });
            self.yes.push(i64::from(node.left));
            self.no.push(i64::from(node.right));
            self.missing.push(i64::from(node.missing_left && !node.leaf));
            self.covers.push(node.cover);
            if node.leaf {
                self.leaf_trees.push(self.count);
                self.leaf_nodes.push(at as i64);
                self.leaf_targets.push(score as i64);
                self.leaf_weights.push(node.value);
            }
        }
        self.count += 1;
    }
}

/// Standardization, then `LinearRegressor`: one target a score.
fn lines(linear: &Linear, scale: &Scale, (from, to): (&str, &str), nodes: &mut Vec<Node>) {
    let narrow = |list: &[f64]| list.iter().map(|&it| it as f32).collect();
    nodes.push(
        node(ML, "Scaler", &[from], "aic.scaled")
            .and(floats("offset", scale.offset.clone()))
            .and(floats("scale", scale.scale.clone())),
    );
    // A missing number stands at its mean, which is zero by now.
    nodes.push(
        node(ML, "Imputer", &["aic.scaled"], "aic.filled")
            .and(floats("imputed_value_floats", vec![0.0]))
            .float("replaced_value_float", f32::NAN),
    );
    nodes.push(
        node(ML, "LinearRegressor", &["aic.filled"], to)
            .int("targets", linear.intercepts.len() as i64)
            .and(floats("coefficients", narrow(&linear.coefficients)))
            .and(floats("intercepts", narrow(&linear.intercepts))),
    );
}
