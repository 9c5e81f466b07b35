//! An inference graph: a few models that answer as one, before, behind or beside each other.
//!
//! Steps pass named tensors on, as Triton's ensembles do. What fits is known before anybody asks: the signatures of the
//! steps are held against each other when a version that names the graph is deployed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kernel::prelude::*;
use ports::infer::Model;

use crate::{Serving, form, gate, how::How};

mod build;
mod rows;
mod run;

/// What inference graphs serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<InferenceGraph>) -> KindBuilder<InferenceGraph> {
    kind.admit(versions).view("signature", "What the graph takes and gives: its steps are loaded.", signature)
}

/// Models that answer as one. A version of a model names it as its source, `inference-graphs:/NAME`.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "inference-graph", prefix = "igr", short = "ig")]
pub struct InferenceGraph {
    /// What is done, in this order.
    #[field(min = 1, max = 32, immutable)]
    pub steps: Vec<Step>,
    /// The tensors that are answered; the outputs of the last step when left out.
    #[field(max = 32, immutable)]
    pub answers: Vec<String>,
    /// The versions its steps run; found from them.
    #[field(reference = "catalog.model-versions", indexed, max = 256)]
    pub versions: Vec<Ref>,
}

/// One step: a model, one of several models by what a row is like, or tensors put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
pub struct Step {
    /// What it is called.
    #[field(min = 1, max = 63)]
    pub name: String,
    /// The version of a model that does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Ref>,
    /// Instead, versions of which the first whose condition holds for a row does it; the last has no condition. They take
    /// and give the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[field(max = 16)]
    pub switch: Vec<Case>,
    /// Instead, tensors that become one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combine: Option<Combine>,
    /// For inputs of the model, the tensors they are; those of the same names when left out. A tensor no step makes is an
    /// input of the graph.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// For outputs of the model, what the tensors are called from here on; the same when left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

/// One of several versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Case {
    /// For which rows; for all that are left when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// The version of a model that does it.
    pub version: Ref,
}

/// A condition on the value of a row; all that is said must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct When {
    /// The tensor, with one value a row.
    #[field(min = 1, max = 200)]
    pub tensor: String,
    /// It is this text, number or boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It is this or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
}

/// Tensors that become one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Combine {
    /// How.
    pub by: Means,
    /// The tensors, of one type and shape.
    #[field(min = 1, max = 32)]
    pub of: Vec<String>,
    /// How much each counts; all the same when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[field(max = 32)]
    pub weights: Vec<f64>,
    /// What the one is called.
    #[field(min = 1, max = 200)]
    pub into: String,
}

/// How tensors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Means {
    /// The mean of floats, weighted.
    Mean,
    /// The value with the most weight behind it; of several the one that comes first.
    Vote,
}

impl Step {
    /// The versions it runs.
    fn versions(&self) -> impl Iterator<Item = &Ref> {
        self.version.iter().chain(self.switch.iter().map(|case| &case.version))
    }
}

/// Notes which versions the steps run, and refuses steps that are nothing or two things.
async fn versions(
    _: Cx,
    mut it: Object<InferenceGraph>,
    old: Option<Object<InferenceGraph>>,
) -> Result<Object<InferenceGraph>> {
    if let Some(old) = old {
        // Found when it was made, like the steps.
        it.spec.versions = old.spec.versions;
        return Ok(it);
    }
    let mut names = BTreeSet::new();
    for (i, step) in it.spec.steps.iter().enumerate() {
        let at = |field: &str| format!("spec.steps[{i}].{field}");
        if !names.insert(&step.name) {
            return Err(bad(format!("two steps are called `{}`", step.name)).at(at("name")));
        }
        let is = [step.version.is_some(), !step.switch.is_empty(), step.combine.is_some()];
        if is.iter().filter(|it| **it).count() != 1 {
            return Err(bad("a step has one of `version`, `switch` and `combine`").at(at("version")));
        }
        let conditions: Vec<bool> = step.switch.iter().map(|case| case.when.is_some()).collect();
        if let Some((last, before)) = conditions.split_last()
            && (*last || before.contains(&false))
        {
            return Err(bad("all cases of a switch but the last have a condition").at(at("switch")));
        }
        for when in step.switch.iter().filter_map(|case| case.when.as_ref()) {
            if when.equals.is_none() && when.below.is_none() && when.at_least.is_none() {
                return Err(bad("a condition says `equals`, `below` or `atLeast`").at(at("switch")));
            }
            if when.equals.as_ref().is_some_and(|it| it.is_array() || it.is_object() || it.is_null()) {
                return Err(bad("`equals` is a text, a number or a boolean").at(at("switch")));
            }
        }
        if let Some(combine) = &step.combine {
            let weights = &combine.weights;
            let is_fine = weights.is_empty()
                || (weights.len() == combine.of.len()
                    && weights.iter().all(|it| *it >= 0.0)
                    && weights.iter().sum::<f64>() > 0.0);
            if !is_fine {
                return Err(
                    bad("there is one weight for each tensor, and not all are 0").at(at("combine.weights"))
                );
            }
        }
    }
    let versions: BTreeSet<&str> = it.spec.steps.iter().flat_map(Step::versions).map(|it| &**it).collect();
    it.spec.versions = versions.into_iter().map(Ref::to).collect();
    Ok(it)
}

/// A graph that is wrong in itself or for its versions.
fn bad(why: impl Into<String>) -> Error {
    Error::invalid("bad-graph", why)
}

/// The versions a graph's steps run.
pub async fn versions_of(cx: &Cx, name: &str) -> Result<Vec<String>> {
    let it = cx.get::<InferenceGraph>(name).await?;
    Ok(it.spec.versions.iter().map(ToString::to_string).collect())
}

/// The model that a graph is: its steps loaded, and held against each other.
pub async fn load(cx: &Cx, name: &str) -> Result<Arc<dyn Model>> {
    let it = cx.get::<InferenceGraph>(name).await?;
    let serving = cx.port::<Serving>()?;
    let mut loaded = BTreeMap::new();
    for version in &it.spec.versions {
        if form::graph_of(&cx.read(gate::VERSIONS, version).await?)?.is_some() {
            let why = format!("the step's version `{version}` is a graph itself");
            return Err(bad(why).hint("put its steps into this graph"));
        }
        gate::pass(cx, version).await?;
        loaded.insert(version.to_string(), serving.model(cx, version, &How::wanted(None)).await?);
    }
    Ok(Arc::new(build::graph(&it.spec, &loaded)?))
}

/// What the graph takes and gives.
async fn signature(cx: Cx, it: Object<InferenceGraph>, _: Nothing) -> Result<Value> {
    let model = Box::pin(load(&cx, it.name())).await?;
    serde_json::to_value(model.signature()).map_err(Error::internal)
}
