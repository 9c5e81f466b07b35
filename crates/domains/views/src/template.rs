//! A template: a view, a dashboard or a widget with holes, which anybody of the organization can make their own of.

use std::collections::BTreeMap;

use kernel::prelude::*;

use crate::{
    dashboard, fitted,
    parameter::{self, Parameter},
    view::{self, View},
    widget::{self, Widget},
};

/// What templates serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Template>) -> KindBuilder<Template> {
    kind.check(sound)
        .action(
            "use",
            "Makes what the template is for in the caller's project; needs the right to make that.",
            take,
        )
        .action("fork", "A template of one's own that begins as this one.", fork)
        .needs("create")
        .view("preview", "What would be made of the values given; nothing is made.", preview)
        .needs("get")
}

/// Something with holes.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "template", prefix = "tpl", scope = "organization")]
pub struct Template {
    /// What people read.
    #[field(min = 1, max = 200)]
    pub title: String,
    /// What it is good for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
    /// What is made of it.
    #[field(indexed, example = "dashboard")]
    pub makes: Makes,
    /// Its holes.
    #[field(max = 50)]
    pub parameters: Vec<Parameter>,
    /// The `spec` of what is made, with `${name}` where a parameter goes; a dashboard has its widgets in it, as an export has.
    #[serde(default)]
    pub body: Value,
    /// The template it was forked from.
    #[field(max = 253)]
    pub forked_from: Option<String>,
}

/// What is made of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Makes {
    /// A saved view.
    View,
    /// A dashboard and its widgets.
    Dashboard,
    /// A widget.
    Widget,
}

/// Parameters are told apart, and every hole has one.
fn sound(it: &Object<Template>) -> Result<()> {
    if !it.spec.body.is_object() {
        return Err(Error::invalid("wrong-type", "`body` is an object").at("spec.body"));
    }
    parameter::check(&it.spec.parameters).map_err(|error| error.at("spec.parameters"))?;
    parameter::covered(&it.spec.body, &it.spec.parameters).map_err(|error| error.at("spec.body"))
}

/// What fills the holes, and what the result is called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Use {
    /// The name of what is made.
    #[field(min = 1, max = 180)]
    name: String,
    /// The values, by parameter.
    #[field(max = 50)]
    values: BTreeMap<String, Value>,
}

fn filled(it: &Template, values: &BTreeMap<String, Value>) -> Result<Value> {
    parameter::fill(&it.body, &parameter::values(&it.parameters, values)?)
}

async fn take(cx: Cx, it: Object<Template>, ask: Use) -> Result<Value> {
    let spec = filled(&it.spec, &ask.values)?;
    let cx = cx.doing("use");
    let (kind, metadata) = match it.spec.makes {
        Makes::View => {
            cx.authorize("views.views.create", &cx.project).await?;
            let spec: View = fitted(&spec, "body")?;
            ("views.views", cx.create(Draft::new(ask.name, spec)).await?.metadata)
        }
        Makes::Dashboard => {
            let ready = dashboard::read(&cx, &spec).await?;
            ("views.dashboards", dashboard::make(&cx, &ask.name, ready).await?.metadata)
        }
        Makes::Widget => {
            cx.authorize("views.widgets.create", &cx.project).await?;
            let spec: Widget = fitted(&spec, "body")?;
            ("views.widgets", cx.create(Draft::new(ask.name, spec)).await?.metadata)
        }
    };
    Ok(json!({"kind": kind, "name": metadata.name, "uid": metadata.uid, "project": metadata.namespace}))
}

/// The values, in an address.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Try {
    /// The values as JSON, by parameter.
    values: Option<Value>,
}

async fn preview(cx: Cx, it: Object<Template>, ask: Try) -> Result<Value> {
    let values: BTreeMap<String, Value> = match ask.values {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(values)) => values.into_iter().collect(),
        Some(_) => return Err(Error::invalid("wrong-type", "`values` is an object").at("values")),
    };
    let spec = filled(&it.spec, &values)?;
    match it.spec.makes {
        Makes::View => view::check(&cx, &fitted(&spec, "body")?)?,
        Makes::Dashboard => drop(dashboard::read(&cx, &spec).await?),
        Makes::Widget => widget::check(&cx, &fitted(&spec, "body")?, "body").await?,
    }
    Ok(json!({"makes": it.spec.makes, "spec": spec, "parameters": parameter::schema(&it.spec.parameters)}))
}

/// What the copy is called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Fork {
    /// Its name.
    #[field(min = 1, max = 253)]
    name: String,
    /// What people read; the same as before when not given.
    #[field(min = 1, max = 200)]
    title: Option<String>,
}

async fn fork(cx: Cx, it: Object<Template>, ask: Fork) -> Result<Value> {
    let forked_from = Some(it.metadata.name.clone());
    let title = ask.title.unwrap_or_else(|| it.spec.title.clone());
    let spec = Template { forked_from, title, ..it.spec };
    let made = cx.doing("fork").create(Draft::new(ask.name, spec)).await?;
    Ok(json!({"name": made.metadata.name, "uid": made.metadata.uid, "forkedFrom": made.spec.forked_from}))
}
