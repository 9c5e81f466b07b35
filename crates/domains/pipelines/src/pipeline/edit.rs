//! Changing a pipeline part by part.

use std::collections::BTreeMap;

use kernel::prelude::*;

use super::{Component, Pipeline, Stage, Type};

/// Adds what is served of changing pipelines.
pub fn serve(kind: KindBuilder<Pipeline>) -> KindBuilder<Pipeline> {
    kind.view(
        "stages",
        "The stages.",
        |_, it, _: Nothing| async move { Ok(Stages { stages: it.spec.stages }) },
    )
    .needs("get")
    .action("set-stages", "Sets the stages.", set_stages)
    .needs("update")
    .view("components", "The components, each with its stage.", components)
    .needs("get")
    .action("add-component", "Adds a component to a stage, which is added where there is none.", add)
    .needs("update")
    .action("set-component", "Sets a component.", set)
    .needs("update")
    .action("remove-component", "Takes a component away; a stage without any goes too.", remove)
    .needs("update")
    .view("config", "What can be set beside the stages.", config)
    .needs("get")
    .action("set-config", "Sets what can be set beside the stages.", set_config)
    .needs("update")
    .action("archive", "Marks the pipeline as no longer in use; its schedules rest.", archive)
}

/// The stages.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Stages {
    /// The stages, in order.
    #[field(max = 50)]
    stages: Vec<Stage>,
}

async fn set_stages(cx: Cx, mut it: Object<Pipeline>, ask: Stages) -> Result<Stages> {
    it.spec.stages = ask.stages;
    Ok(Stages { stages: cx.save(&it).await?.spec.stages })
}

async fn components(_: Cx, it: Object<Pipeline>, _: Nothing) -> Result<Value> {
    let items: Vec<Value> = it
        .spec
        .components()
        .map(|(stage, component)| json!({"stage": stage.name, "component": component}))
        .collect();
    Ok(json!({"items": items}))
}

/// A component and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Placed {
    /// The stage.
    stage: Name,
    /// The component.
    component: Component,
}

async fn add(cx: Cx, mut it: Object<Pipeline>, ask: Placed) -> Result<Stages> {
    match it.spec.stages.iter_mut().find(|stage| stage.name == ask.stage) {
        Some(stage) => stage.components.push(ask.component),
        None => it.spec.stages.push(Stage { name: ask.stage, components: vec![ask.component] }),
    }
    Ok(Stages { stages: cx.save(&it).await?.spec.stages })
}

/// Which component, and what it shall be.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Changed {
    /// Its name now.
    #[field(max = 253)]
    id: String,
    /// What it shall be.
    component: Component,
}

fn unknown(it: &Object<Pipeline>, name: &str) -> Error {
    let shown: String = name.chars().take(60).collect();
    Error::not_found("not-found", format!("pipeline `{}` has no component `{shown}`", it.name()))
}

async fn set(cx: Cx, mut it: Object<Pipeline>, ask: Changed) -> Result<Component> {
    let mut all = it.spec.stages.iter_mut().flat_map(|stage| stage.components.iter_mut());
    match all.find(|component| component.name.as_str() == ask.id) {
        Some(component) => *component = ask.component.clone(),
        None => return Err(unknown(&it, &ask.id)),
    }
    cx.save(&it).await?;
    Ok(ask.component)
}

/// Which component.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Its name.
    #[field(max = 253)]
    id: String,
}

async fn remove(cx: Cx, mut it: Object<Pipeline>, ask: Which) -> Result<Stages> {
    if !it.spec.components().any(|(_, component)| component.name.as_str() == ask.id) {
        return Err(unknown(&it, &ask.id));
    }
    for stage in &mut it.spec.stages {
        stage.components.retain(|component| component.name.as_str() != ask.id);
    }
    it.spec.stages.retain(|stage| !stage.components.is_empty());
    Ok(Stages { stages: cx.save(&it).await?.spec.stages })
}

/// What can be set beside the stages.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Config {
    /// What it is for.
    #[field(max = 10000)]
    description: Option<String>,
    /// What sort of work it does.
    #[serde(rename = "type")]
    #[field(default = "custom")]
    kind: Type,
    /// What a run is given where it says nothing else.
    parameters: BTreeMap<String, Value>,
    /// How many of its runs may be under way at once.
    #[field(min = 1, max = 100, default = 1)]
    concurrency: u32,
}

async fn config(_: Cx, it: Object<Pipeline>, _: Nothing) -> Result<Config> {
    let Pipeline { description, kind, parameters, concurrency, .. } = it.spec;
    Ok(Config { description, kind, parameters, concurrency })
}

async fn set_config(cx: Cx, mut it: Object<Pipeline>, ask: Config) -> Result<Config> {
    it.spec.description = ask.description;
    it.spec.kind = ask.kind;
    it.spec.parameters = ask.parameters;
    it.spec.concurrency = ask.concurrency;
    config(cx.clone(), cx.save(&it).await?, Nothing {}).await
}

async fn archive(cx: Cx, mut it: Object<Pipeline>, _: Nothing) -> Result<Nothing> {
    it.spec.archived = true;
    cx.save(&it).await?;
    Ok(Nothing {})
}
