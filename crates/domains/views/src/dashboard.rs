//! A dashboard: widgets on a grid, and what each place changes of its widget.
//!
//! Who may read a dashboard sees of each widget what they themselves may read. Sharing gives nobody more than the
//! dashboard itself.

use kernel::prelude::*;

use crate::{
    grid::{self, Place},
    widget::{self, Widget},
};

mod document;
mod share;

pub use document::{make, read};

/// What dashboards serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Dashboard>) -> KindBuilder<Dashboard> {
    let kind = kind
        .without(&["import"])
        .admit(sound)
        .leave(|cx, it| async move { share::end(&cx, &it).await })
        .view(
            "data",
            "Every widget with what it shows, as far as the caller may read it; what is not the caller's to see is left out.",
            data,
        )
        .needs("get")
        .view_of_all("config", "The caller's own dashboard, or the project's where the caller has none.", config)
        .open_to(OpenTo::Caller)
        .action_on_all("config", "Sets the caller's own dashboard.", set_config)
        .open_to(OpenTo::Caller)
        .action("export", "The dashboard with its widgets as one JSON document.", document::export)
        .needs("get")
        .action_on_all("import", "Makes a dashboard and its widgets of such a document.", document::import)
        .needs("create");
    share::serve(kind)
}

/// The dashboard of those who have none of their own.
const SHARED: &str = "default";

/// Widgets on a grid.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dashboard", prefix = "dbd", status = "Status")]
pub struct Dashboard {
    /// What stands above it.
    #[field(min = 1, max = 200, default = "Overview")]
    pub title: String,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
    /// How many columns the grid has.
    #[field(min = 1, max = 48, default = 12)]
    pub columns: u32,
    /// How high a row is, in CSS pixels.
    #[field(min = 20, max = 400, default = 60)]
    pub row_height: u32,
    /// Its widgets and where they stand.
    #[field(max = 60)]
    pub items: Vec<Item>,
    /// Seconds between two readings while somebody looks; 0 reads once.
    #[field(max = 86400, default = 30)]
    pub refresh_seconds: u32,
}

/// A widget and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Item {
    /// Its name on the dashboard, without dots.
    #[field(min = 1, max = 60, example = "failed")]
    pub id: String,
    /// The widget, by name.
    #[field(min = 1, max = 253)]
    pub widget: String,
    /// The column of its first edge, from 0.
    #[field(max = 1000, default = 0)]
    pub x: u32,
    /// The row of its upper edge, from 0.
    #[field(max = 10000, default = 0)]
    pub y: u32,
    /// How many columns it takes.
    #[field(min = 1, max = 48, default = 4)]
    pub width: u32,
    /// How many rows it takes.
    #[field(min = 1, max = 1000, default = 4)]
    pub height: u32,
    /// What this place changes of the widget, as a merge patch of its spec (RFC 7396).
    pub config: Option<Value>,
}

impl Item {
    fn place(&self) -> Place {
        let Self { id, x, y, width, height, .. } = self.clone();
        Place { id, x, y, width, height, fixed: false }
    }
}

/// With whom a dashboard is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Who may read it beyond the members of its project.
    #[field(indexed)]
    pub shared_with: Vec<String>,
    /// Links that lead to it.
    pub links: Vec<share::Link>,
}

/// Nothing lies on another, every widget is there, and what each place changes leaves a widget that shows something.
async fn sound(cx: Cx, it: Object<Dashboard>, old: Option<Object<Dashboard>>) -> Result<Object<Dashboard>> {
    let places: Vec<Place> = it.spec.items.iter().map(Item::place).collect();
    grid::check(it.spec.columns, &places, "spec.items")?;
    for (i, item) in it.spec.items.iter().enumerate() {
        let known = old.as_ref().is_some_and(|old| old.spec.items.iter().any(|before| same(before, item)));
        if known {
            continue;
        }
        let at = format!("spec.items[{i}]");
        if Name::new(&*item.id).is_err() || item.id.contains('.') {
            let message = "a place is named by lower-case letters, digits and `-`";
            return Err(Error::invalid("invalid-name", message).at(format!("{at}.id")));
        }
        let widget = widget_of(&cx, item).await?;
        let widget = widget.ok_or_else(|| no_widget(&item.widget).at(format!("{at}.widget")))?;
        widget::configured(&cx, &widget.spec, item.config.as_ref(), &format!("{at}.config")).await?;
    }
    Ok(it)
}

fn no_widget(name: &str) -> Error {
    Error::invalid("bad-reference", format!("there is no widget `{}`", crate::short(name)))
}

/// Whether only the place is another.
fn same(before: &Item, now: &Item) -> bool {
    before.id == now.id && before.widget == now.widget && before.config == now.config
}

/// The widget of a place.
async fn widget_of(cx: &Cx, item: &Item) -> Result<Option<Object<Widget>>> {
    cx.get_opt::<Widget>(&item.widget).await
}

/// The refusal of a place there is not.
pub fn no_instance(instance: &str) -> Error {
    Error::not_found("not-found", format!("there is no place `{}` with this widget", crate::short(instance)))
        .at("instance")
        .hint("a place is written `dashboard.item`, by the names both have")
}

/// The place on a dashboard that is meant by `dashboard.item`, where it shows the widget.
pub async fn instance(cx: &Cx, widget: &str, instance: &str) -> Result<(Object<Dashboard>, Item)> {
    let (name, id) = instance.rsplit_once('.').ok_or_else(|| no_instance(instance))?;
    let found = cx.get_opt::<Dashboard>(name).await?.ok_or_else(|| no_instance(instance))?;
    let item = found.spec.items.iter().find(|item| item.id == id && item.widget == widget).cloned();
    Ok((found, item.ok_or_else(|| no_instance(instance))?))
}

/// One place with what it shows.
pub struct Shown {
    /// The place.
    pub item: Item,
    /// The widget as the place has it; none where it is not there any more.
    pub spec: Option<Widget>,
    /// What it shows, or why it does not.
    pub told: Result<Value>,
}

/// Every place of a dashboard with what it shows to the caller.
pub async fn shown(cx: &Cx, spec: &Dashboard) -> Result<Vec<Shown>> {
    let mut all = Vec::new();
    for item in &spec.items {
        cx.check_deadline()?;
        let gone = || Error::not_found("not-found", "the widget is not there any more");
        let (spec, told) = match widget_of(cx, item).await? {
            None => (None, Err(gone())),
            Some(widget) => {
                match widget::configured(cx, &widget.spec, item.config.as_ref(), "config").await {
                    Err(error) => (None, Err(error)),
                    Ok(spec) => {
                        let told = widget::told(cx, &item.widget, &spec, false).await;
                        (Some(spec), told)
                    }
                }
            }
        };
        all.push(Shown { item: item.clone(), spec, told });
    }
    Ok(all)
}

/// What a caller is told of a place: of what they may not see, not even its title.
fn told(shown: Shown) -> Value {
    let Shown { item, told, .. } = shown;
    let mut value =
        json!({"id": item.id, "x": item.x, "y": item.y, "width": item.width, "height": item.height});
    match told {
        Ok(told) => {
            for (name, part) in told.as_object().into_iter().flatten() {
                value[name] = part.clone();
            }
        }
        Err(error) => value["error"] = json!({"code": error.code(), "detail": error.message()}),
    }
    value
}

/// A dashboard and everything on it, for the caller.
pub async fn whole(cx: &Cx, it: &Object<Dashboard>) -> Result<Value> {
    let items: Vec<Value> = shown(cx, &it.spec).await?.into_iter().map(told).collect();
    Ok(json!({
        "name": it.name(), "uid": it.metadata.uid, "project": it.metadata.namespace, "title": it.spec.title,
        "description": it.spec.description, "columns": it.spec.columns, "rowHeight": it.spec.row_height,
        "refreshSeconds": it.spec.refresh_seconds, "version": it.metadata.version.to_string(),
        "at": cx.now(), "items": items,
    }))
}

async fn data(cx: Cx, it: Object<Dashboard>, _: Nothing) -> Result<Value> {
    whole(&cx, &it).await
}

/// A dashboard and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Config {
    /// `own`, `project`, or `none` when nobody has configured one.
    from: String,
    /// Its name.
    name: Option<String>,
    /// The dashboard.
    config: Option<Dashboard>,
}

/// The dashboard the caller is shown first.
async fn config(cx: Cx, _: Nothing) -> Result<Config> {
    let own = Name::of_actor(&cx.principal.actor()).to_string();
    if let Some(found) = cx.get_opt::<Dashboard>(&own).await? {
        return Ok(Config { from: "own".to_owned(), name: Some(own), config: Some(found.spec) });
    }
    // What is the project's is for whoever may read it.
    let may = cx.decide_on("views.dashboards.get", (&cx.project, SHARED)).await?.allowed;
    let shared = if may { cx.get_opt::<Dashboard>(SHARED).await? } else { None };
    let from = if shared.is_some() { "project" } else { "none" };
    let name = shared.is_some().then(|| SHARED.to_owned());
    Ok(Config { from: from.to_owned(), name, config: shared.map(|it| it.spec) })
}

/// Sets the caller's own dashboard.
async fn set_config(cx: Cx, ask: Dashboard) -> Result<Config> {
    for (i, item) in ask.items.iter().enumerate() {
        // Who may not read a widget learns nothing of it by putting it somewhere.
        if !cx.decide_on("views.widgets.get", (&cx.project, &item.widget)).await?.allowed {
            return Err(no_widget(&item.widget).at(format!("items[{i}].widget")));
        }
    }
    let name = Name::of_actor(&cx.principal.actor()).to_string();
    let saved = match cx.get_opt::<Dashboard>(&name).await? {
        Some(mut found) => {
            found.spec = ask;
            cx.save(&found).await?
        }
        None => cx.create(Draft::new(name.clone(), ask)).await?,
    };
    Ok(Config { from: "own".to_owned(), name: Some(name), config: Some(saved.spec) })
}
