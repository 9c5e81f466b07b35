//! A pipeline: stages one after the other, in each of them components side by side.

use std::collections::{BTreeMap, BTreeSet};

use kernel::prelude::*;

use crate::operation::Operation;

mod edit;
mod look;
mod template;

/// What pipelines serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Pipeline>) -> KindBuilder<Pipeline> {
    let kind = look::serve(edit::serve(kind.admit(sound)));
    kind.action("run", "Runs the pipeline with the caller's rights.", crate::run::order)
        .action(
            "schedule",
            "Runs the pipeline again and again, with the caller's rights.",
            crate::schedule::order,
        )
        .view_of_all("templates", "Pipelines to begin with.", template::list)
        .needs("list")
        .action_on_all("from-template", "Makes a pipeline from a template.", template::make)
        .needs("create")
}

/// Stages one after the other, in each of them components side by side.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "pipeline", prefix = "pip", short = "pl")]
pub struct Pipeline {
    /// What it is for.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// What sort of work it does.
    #[serde(rename = "type")]
    #[field(indexed, default = "custom")]
    pub kind: Type,
    /// The stages; one begins when the one before it is done.
    #[field(max = 50)]
    pub stages: Vec<Stage>,
    /// What a run is given where it says nothing else, by name.
    pub parameters: BTreeMap<String, Value>,
    /// How many of its runs may be under way at once.
    #[field(min = 1, max = 100, default = 1)]
    pub concurrency: u32,
    /// Whether it is no longer in use.
    #[field(default = false, indexed)]
    pub archived: bool,
}

/// What sort of work a pipeline does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// It makes data ready.
    Data,
    /// It trains.
    Training,
    /// It tries models.
    Evaluation,
    /// It puts models into service.
    Deployment,
    /// Anything else.
    #[default]
    Custom,
}

/// Components side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Stage {
    /// Its name.
    pub name: Name,
    /// The components.
    #[field(min = 1, max = 50)]
    pub components: Vec<Component>,
}

/// An operation of the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Component {
    /// Its name; no other component of the pipeline has it.
    pub name: Name,
    /// What it does.
    pub operation: Operation,
    /// The object it is about, by name. `${…}` stands for a parameter or an earlier answer.
    #[field(max = 500, example = "${parameters.dataset}")]
    pub on: Option<String>,
    /// What the operation is given. A text `${component.path}` stands for what an earlier component answered,
    /// `${parameters.name}` for a parameter.
    pub with: Option<Value>,
    /// How often it is tried again when it failed.
    #[field(max = 10, default = 0)]
    pub retries: u32,
}

impl Pipeline {
    /// All components with their stages.
    pub fn components(&self) -> impl Iterator<Item = (&Stage, &Component)> {
        self.stages.iter().flat_map(|stage| stage.components.iter().map(move |it| (stage, it)))
    }
}

/// Names are told apart, operations have what they need, and nothing refers to what comes later.
async fn sound(_: Cx, it: Object<Pipeline>, _: Option<Object<Pipeline>>) -> Result<Object<Pipeline>> {
    let mut earlier = BTreeSet::from(["parameters".to_owned(), "run".to_owned()]);
    let mut names = BTreeSet::new();
    for (s, stage) in it.spec.stages.iter().enumerate() {
        for (c, component) in stage.components.iter().enumerate() {
            let at = format!("spec.stages[{s}].components[{c}]");
            if !names.insert(component.name.to_string()) || earlier.contains(component.name.as_str()) {
                let message = format!("there are two components `{}`", component.name);
                return Err(Error::invalid("bad-component", message).at(format!("{at}.name")));
            }
            let with = component.with.clone().unwrap_or_default();
            let checked = component.operation.check(component.on.as_deref(), &with);
            checked.map_err(|error| {
                let field = error.field().unwrap_or_default().to_owned();
                error.at(format!("{at}.{field}"))
            })?;
            for text in texts(&with).into_iter().chain(component.on.as_deref()) {
                for path in crate::run::fill::paths(text) {
                    let first = path.split('.').next().unwrap_or_default();
                    if !earlier.contains(first) {
                        let message =
                            format!("`{first}` is no parameter and no component of an earlier stage");
                        return Err(Error::invalid("bad-component", message).at(at));
                    }
                }
            }
        }
        earlier.extend(stage.components.iter().map(|component| component.name.to_string()));
    }
    Ok(it)
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
