//! A component: a widget somebody defined for others, as data. Nothing of it runs.
//!
//! What is published is offered to the organization's projects, and was held against its own examples before.

use std::collections::BTreeMap;

use kernel::{prelude::*, store::Projects};

use crate::{
    fitted, installation,
    parameter::{self, Parameter},
    rating,
    widget::{self, Form, Widget},
};

/// What components serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Component>) -> KindBuilder<Component> {
    kind.check(sound)
        .view_of_all("marketplace", "Published components, the best liked first.", marketplace)
        .needs("list")
        .action("publish", "Offers it to the organization, once it passes its own examples.", publish)
        .action("withdraw", "Offers it no more; where it is installed it stays.", withdraw)
        .needs("publish")
        .action(
            "install",
            "Lets widgets of the caller's project be made of it, as it is now.",
            installation::install,
        )
        .action("rate", "Rates it; a second time replaces the first.", rating::rate)
        .view("docs", "What it is for and what it takes.", docs)
        .needs("get")
        .view("bundle", "The definition as one JSON document with its digest.", bundle)
        .needs("get")
        .action("test", "Holds it against its parameters and examples.", test)
        .needs("get")
}

/// A widget somebody defined for others.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "component", prefix = "cmp", scope = "organization", status = "Status")]
pub struct Component {
    /// What people read.
    #[field(min = 1, max = 200)]
    pub title: String,
    /// What it shows, in a sentence.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Its version.
    #[field(min = 1, max = 40, default = "1.0.0")]
    pub version: String,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
    /// Under which terms it may be used (SPDX).
    #[field(max = 200, example = "Apache-2.0")]
    pub license: Option<String>,
    /// How it is used, in Markdown.
    #[field(max = 50000)]
    pub docs: Option<String>,
    /// What it takes, and the widget it makes of that.
    pub definition: Definition,
    /// What it is given in examples; published are only components that make a widget of each.
    #[field(max = 20)]
    pub examples: Vec<Example>,
}

/// What a component takes, and the widget it makes of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Definition {
    /// What it takes.
    #[field(max = 50)]
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The `spec` of the widget, with `${name}` where a parameter goes.
    #[serde(default)]
    pub widget: Value,
}

/// An example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Example {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What it is given.
    #[field(max = 50)]
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// Whether it is offered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether it is offered.
    #[field(indexed, default = false)]
    pub published: bool,
    /// Since when.
    pub published_at: Option<Time>,
    /// By whom.
    pub published_by: Option<String>,
    /// How often its spec had changed when it was published; what changed since is not offered yet.
    pub published_generation: Option<u64>,
    /// What is offered: the definition as it was published.
    pub offered: Option<Definition>,
    /// Its version then.
    pub offered_version: Option<String>,
}

/// Parameters are told apart, and every hole has one.
fn sound(it: &Object<Component>) -> Result<()> {
    let Definition { parameters, widget } = &it.spec.definition;
    if !widget.is_object() {
        return Err(Error::invalid("wrong-type", "`widget` is an object").at("spec.definition.widget"));
    }
    parameter::check(parameters).map_err(|error| error.at("spec.definition.parameters"))?;
    parameter::covered(widget, parameters).map_err(|error| error.at("spec.definition.widget"))
}

/// Makes a widget of one example and says what is wrong with it.
async fn tried(cx: &Cx, definition: &Definition, example: &Example) -> Result<Widget> {
    let values = parameter::values(&definition.parameters, &example.parameters)?;
    let made: Widget = fitted(&parameter::fill(&definition.widget, &values)?, "widget")?;
    if made.show == Form::Component {
        return Err(Error::invalid("widget-unclear", "a component is made of no other component"));
    }
    widget::check(cx, &made, "widget").await?;
    Ok(made)
}

async fn tested(cx: &Cx, spec: &Component) -> Result<(bool, Vec<Value>)> {
    let (mut passed, mut items) = (!spec.examples.is_empty(), Vec::new());
    for (i, example) in spec.examples.iter().enumerate() {
        let title = example.title.clone().unwrap_or_else(|| format!("example {}", i + 1));
        match tried(cx, &spec.definition, example).await {
            Ok(made) => items.push(json!({"title": title, "passed": true, "widget": made})),
            Err(error) => {
                passed = false;
                items.push(json!({
                    "title": title, "passed": false,
                    "code": error.code(), "detail": error.message(), "field": error.field(),
                }));
            }
        }
    }
    Ok((passed, items))
}

async fn test(cx: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    let (passed, items) = tested(&cx, &it.spec).await?;
    Ok(
        json!({"passed": passed, "examples": items, "schema": parameter::schema(&it.spec.definition.parameters)}),
    )
}

async fn publish(cx: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    let (passed, items) = tested(&cx, &it.spec).await?;
    if !passed {
        let why = items.iter().find_map(|item| item["detail"].as_str()).unwrap_or("it has no examples");
        return Err(Error::conflict(
            "component-broken",
            format!("the component does not pass its examples: {why}"),
        )
        .hint("`test` says what is wrong with each"));
    }
    let saved = cx
        .doing("publish")
        .update_status::<Component>(it.metadata.uid.as_str(), |status| {
            *status = Status {
                published: true,
                published_at: Some(cx.now()),
                published_by: Some(cx.principal.actor()),
                published_generation: Some(it.metadata.generation),
                offered: Some(it.spec.definition.clone()),
                offered_version: Some(it.spec.version.clone()),
            };
        })
        .await?;
    Ok(json!({"published": true, "version": saved.status.offered_version, "at": saved.status.published_at}))
}

async fn withdraw(cx: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    cx.doing("withdraw")
        .update_status::<Component>(it.metadata.uid.as_str(), |status| status.published = false)
        .await?;
    Ok(json!({"published": false}))
}

/// What is looked for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Words {
    /// Words in title, description or tags.
    #[field(max = 200)]
    q: Option<String>,
    /// How many at most.
    #[field(min = 1, max = 200, default = 50)]
    limit: u32,
}

async fn marketplace(cx: Cx, ask: Words) -> Result<Value> {
    let words = ask.q.unwrap_or_default().to_lowercase();
    let mut found = Vec::new();
    for it in cx.list::<Component>("status.published = true", 1000).await? {
        let Component { title, description, tags, .. } = &it.spec;
        let text = format!("{title} {} {}", description.as_deref().unwrap_or_default(), tags.join(" "));
        if !words.split_whitespace().all(|word| text.to_lowercase().contains(word)) {
            continue;
        }
        let (mean, count) = rating::of(&cx, it.name()).await?;
        let installs = installation::count(&cx, it.name(), Projects::All).await?;
        let here = Projects::These(vec![cx.project.to_string()]);
        let installed = installation::count(&cx, it.name(), here).await? > 0;
        let card = json!({
            "name": it.name(), "uid": it.metadata.uid, "title": title, "description": description, "tags": tags,
            "version": it.status.offered_version, "license": it.spec.license, "by": it.status.published_by,
            "rating": mean, "ratings": count, "installs": installs, "installed": installed,
        });
        found.push((mean.unwrap_or(0.0), installs, card));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    let items: Vec<Value> = found.into_iter().take(ask.limit as usize).map(|it| it.2).collect();
    Ok(json!({"items": items}))
}

async fn docs(_: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    let spec = &it.spec;
    Ok(json!({
        "title": spec.title, "description": spec.description, "version": spec.version, "docs": spec.docs,
        "parameters": spec.definition.parameters, "schema": parameter::schema(&spec.definition.parameters),
        "examples": spec.examples,
    }))
}

async fn bundle(_: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    let definition = installation::offered(&it)?;
    let digest = installation::digest(&definition)?;
    let version = it.status.offered_version.as_ref().unwrap_or(&it.spec.version);
    Ok(json!({
        "format": "aic.component/1", "name": it.name(), "version": version, "title": it.spec.title,
        "license": it.spec.license, "definition": definition, "digest": digest,
    }))
}
