//! A dashboard as one JSON document with its widgets in it: how dashboards travel, and what templates hold.

use kernel::{object::Owner, prelude::*};

use super::{Dashboard, Item, widget_of};
use crate::{
    fitted,
    grid::{self, Place},
    widget::{self, Widget},
};

/// What the documents say they are.
const FORMAT: &str = "aic.dashboard/1";

/// What a document holds: a dashboard whose places have their widgets in them.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// What stands above it.
    #[field(min = 1, max = 200, default = "Overview")]
    pub title: String,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 50)]
    pub tags: Vec<String>,
    /// How many columns the grid has.
    #[field(min = 1, max = 48, default = 12)]
    pub columns: u32,
    /// How high a row is, in CSS pixels.
    #[field(min = 20, max = 400, default = 60)]
    pub row_height: u32,
    /// Seconds between two readings.
    #[field(max = 86400, default = 30)]
    pub refresh_seconds: u32,
    /// Its places.
    #[field(max = 60)]
    pub items: Vec<Piece>,
}

/// A place with its widget in it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Piece {
    /// Its name on the dashboard.
    #[field(min = 1, max = 60)]
    pub id: String,
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
    /// The widget, as the `spec` of one.
    #[serde(default)]
    pub widget: Value,
}

/// The dashboard with its widgets, each as its place has it.
pub async fn export(cx: Cx, it: Object<Dashboard>, _: Nothing) -> Result<Value> {
    let mut items = Vec::new();
    for item in &it.spec.items {
        // What is gone cannot travel; what the caller may not read was never in the dashboard.
        let Some(widget) = widget_of(&cx, item).await? else { continue };
        if !cx.decide_on("views.widgets.get", (&cx.project, widget.name())).await?.allowed {
            continue;
        }
        let spec = widget::configured(&cx, &widget.spec, item.config.as_ref(), "config").await?;
        let mut spec = serde_json::to_value(spec).map_err(Error::internal)?;
        tidy(&mut spec);
        let Item { id, x, y, width, height, .. } = item;
        items.push(json!({"id": id, "x": x, "y": y, "width": width, "height": height, "widget": spec}));
    }
    let spec = &it.spec;
    let mut content = json!({
        "title": spec.title, "description": spec.description, "tags": spec.tags, "columns": spec.columns,
        "rowHeight": spec.row_height, "refreshSeconds": spec.refresh_seconds, "items": items,
    });
    tidy(&mut content);
    Ok(json!({"format": FORMAT, "name": it.name(), "spec": content}))
}

/// Takes out what says nothing.
fn tidy(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !value.is_null());
        fields.values_mut().for_each(tidy);
    }
}

/// A document, and what the dashboard shall be called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Document {
    /// What it is.
    #[field(max = 40, example = "aic.dashboard/1")]
    format: String,
    /// The name of the dashboard that is made.
    #[field(min = 1, max = 180)]
    name: String,
    /// What it holds.
    #[serde(default)]
    spec: Value,
}

/// Makes a dashboard and its widgets of a document, all of it or nothing.
pub async fn import(cx: Cx, ask: Document) -> Result<Value> {
    crate::is_format(&ask.format, FORMAT)?;
    let content = read(&cx, &ask.spec).await?;
    let made = make(&cx, &ask.name, content).await?;
    Ok(json!({"name": made.metadata.name, "uid": made.metadata.uid, "spec": made.spec}))
}

/// A dashboard that can be made.
pub struct Ready {
    content: Content,
    widgets: Vec<Widget>,
}

/// Reads what a document holds, and refuses what could not be made.
pub async fn read(cx: &Cx, spec: &Value) -> Result<Ready> {
    let content: Content = fitted(spec, "spec")?;
    let places: Vec<Place> = content
        .items
        .iter()
        .map(|it| Place {
            id: it.id.clone(),
            x: it.x,
            y: it.y,
            width: it.width,
            height: it.height,
            fixed: false,
        })
        .collect();
    grid::check(content.columns, &places, "spec.items")?;
    let mut widgets = Vec::new();
    for (i, piece) in content.items.iter().enumerate() {
        let at = format!("spec.items[{i}].widget");
        let widget: Widget = fitted(&piece.widget, &at)?;
        widget::check(cx, &widget, &at).await?;
        widgets.push(widget);
    }
    Ok(Ready { content, widgets })
}

/// Makes the dashboard and its widgets, which go with it; the caller must be allowed both.
pub async fn make(cx: &Cx, name: &str, ready: Ready) -> Result<Object<Dashboard>> {
    cx.authorize("views.dashboards.create", &cx.project).await?;
    cx.authorize("views.widgets.create", &cx.project).await?;
    let Ready { content, widgets } = ready;
    let empty = Dashboard {
        title: content.title,
        description: content.description,
        tags: content.tags,
        columns: content.columns,
        row_height: content.row_height,
        items: Vec::new(),
        refresh_seconds: content.refresh_seconds,
    };
    let made = cx.doing("create").create(Draft::new(name, empty)).await?;
    if cx.dry_run {
        return Ok(made);
    }
    match furnish(cx, &made, content.items, widgets).await {
        Ok(made) => Ok(made),
        Err(error) => {
            // Its widgets go with it, so that nothing is left of half an import.
            cx.delete::<Dashboard>(made.metadata.uid.as_str()).await?;
            Err(error)
        }
    }
}

async fn furnish(
    cx: &Cx,
    made: &Object<Dashboard>,
    pieces: Vec<Piece>,
    widgets: Vec<Widget>,
) -> Result<Object<Dashboard>> {
    let kind = cx.platform().kind_of::<Dashboard>()?;
    let mut owner: Owner = cx.read(&kind.id(), made.metadata.uid.as_str()).await?.owner(&kind);
    owner.controller = None;
    let mut it = made.clone();
    for (piece, widget) in pieces.into_iter().zip(widgets) {
        let mut draft = Draft::new(format!("{}.{}", made.name(), piece.id), widget);
        draft.owners.push(owner.clone());
        let widget = cx.doing("create").create(draft).await?.metadata.name;
        let Piece { id, x, y, width, height, .. } = piece;
        it.spec.items.push(Item { id, widget, x, y, width, height, config: None });
    }
    cx.doing("create").save(&it).await
}
