//! A layout: a grid with places, and how it folds on narrow screens.

use kernel::prelude::*;

use crate::grid::{self, Breakpoint, Compact, Place};

/// What layouts serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Layout>) -> KindBuilder<Layout> {
    kind.check(stands)
        .view("grid", "The places, for the screen that was named or for all.", shown)
        .needs("get")
        .action("set-grid", "Sets the places; what overlaps is moved apart.", set)
        .needs("update")
        .action("preview", "How items would stand on this layout; nothing is kept.", preview)
        .needs("get")
        .action_on_all("calculate", "Places items so that none overlaps; nothing is kept.", calculate)
        .needs("list")
}

/// A grid with places.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "layout", prefix = "lay")]
pub struct Layout {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// How many columns the grid has.
    #[field(min = 1, max = 48, default = 12)]
    pub columns: u32,
    /// Whether items are drawn together.
    #[field(default = "vertical")]
    pub compact: Compact,
    /// Narrower screens and their columns.
    #[field(max = 8)]
    pub breakpoints: Vec<Breakpoint>,
    /// Where each item stands.
    #[field(max = 100)]
    pub places: Vec<Place>,
}

/// Nothing hangs over the edge or lies on another, and screens are told apart.
fn stands(it: &Object<Layout>) -> Result<()> {
    screens(&it.spec.breakpoints, "spec.breakpoints")?;
    grid::check(it.spec.columns, &it.spec.places, "spec.places")
}

fn screens(breakpoints: &[Breakpoint], at: &str) -> Result<()> {
    for (i, one) in breakpoints.iter().enumerate() {
        if breakpoints[..i].iter().any(|other| other.name == one.name || other.min_width == one.min_width) {
            let message = format!("screen `{}` is there twice", crate::short(&one.name));
            return Err(Error::invalid("bad-layout", message).at(format!("{at}[{i}]")));
        }
    }
    Ok(())
}

/// Places on one grid, and on those of narrower screens.
fn told(columns: u32, places: &[Place], breakpoints: &[Breakpoint]) -> Value {
    let screens: Vec<Value> = breakpoints
        .iter()
        .map(|it| {
            let places = grid::scaled(columns, it.columns, places);
            let rows = grid::rows(&places);
            json!({"name": it.name, "minWidth": it.min_width, "columns": it.columns, "rows": rows, "places": places})
        })
        .collect();
    json!({"columns": columns, "rows": grid::rows(places), "places": places, "screens": screens})
}

/// Which screen.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// A screen by its name; all of them when not given.
    #[field(max = 20)]
    screen: Option<String>,
}

async fn shown(_: Cx, it: Object<Layout>, ask: Which) -> Result<Value> {
    let all = told(it.spec.columns, &it.spec.places, &it.spec.breakpoints);
    let Some(name) = ask.screen else { return Ok(all) };
    let mut screens = all["screens"].as_array().into_iter().flatten();
    screens.find(|screen| screen["name"] == *name).cloned().ok_or_else(|| {
        Error::not_found("not-found", format!("there is no screen `{}`", crate::short(&name))).at("screen")
    })
}

/// New places.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Places {
    /// Where each item shall stand.
    #[field(max = 100)]
    places: Vec<Place>,
}

async fn set(cx: Cx, mut it: Object<Layout>, ask: Places) -> Result<Value> {
    grid::told_apart(&ask.places, "places")?;
    it.spec.places = grid::arranged(it.spec.columns, &ask.places, it.spec.compact);
    let saved = cx.doing("set-grid").save(&it).await?;
    Ok(told(saved.spec.columns, &saved.spec.places, &saved.spec.breakpoints))
}

/// What shall be placed.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Items {
    /// The items; those the layout has a place for take it, the others come below.
    #[field(max = 100)]
    items: Vec<Place>,
}

async fn preview(_: Cx, it: Object<Layout>, ask: Items) -> Result<Value> {
    grid::told_apart(&ask.items, "items")?;
    let mut below = grid::rows(&it.spec.places);
    let placed: Vec<Place> = ask
        .items
        .into_iter()
        .map(|item| match it.spec.places.iter().find(|place| place.id == item.id) {
            Some(place) => place.clone(),
            None => {
                let y = below;
                below = below.saturating_add(item.height);
                Place { x: 0, y, ..item }
            }
        })
        .collect();
    let places = grid::arranged(it.spec.columns, &placed, it.spec.compact);
    Ok(told(it.spec.columns, &places, &it.spec.breakpoints))
}

/// A grid and what shall stand on it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// How many columns there are.
    #[field(min = 1, max = 48, default = 12)]
    columns: u32,
    /// Whether items are drawn together.
    #[field(default = "vertical")]
    compact: Compact,
    /// Narrower screens and their columns.
    #[field(max = 8)]
    breakpoints: Vec<Breakpoint>,
    /// The items and where they would like to stand.
    #[field(max = 100)]
    places: Vec<Place>,
}

async fn calculate(_: Cx, ask: Wish) -> Result<Value> {
    grid::told_apart(&ask.places, "places")?;
    screens(&ask.breakpoints, "breakpoints")?;
    let places = grid::arranged(ask.columns, &ask.places, ask.compact);
    Ok(told(ask.columns, &places, &ask.breakpoints))
}
