//! A dashboard's layout: where widgets stand on a grid.

use kernel::prelude::*;

/// What layouts serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Layout>) -> KindBuilder<Layout> {
    kind.also_at("admin/dashboard/layouts").check(stands_on_the_grid)
}

/// Where widgets stand on a grid.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dashboard-layout", prefix = "dsl", scope = "organization")]
pub struct Layout {
    /// How many columns the grid has.
    #[field(min = 1, max = 48, default = 12)]
    pub columns: u32,
    /// Where each widget stands.
    #[field(max = 100)]
    pub places: Vec<Place>,
}

/// Where one widget stands.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Place {
    /// The widget.
    #[field(max = 253)]
    pub widget: String,
    /// The column of its left edge, from 0.
    pub x: u32,
    /// The row of its upper edge, from 0.
    #[field(max = 10000)]
    pub y: u32,
    /// How many columns it takes.
    #[field(min = 1, max = 48)]
    pub width: u32,
    /// How many rows it takes.
    #[field(min = 1, max = 1000)]
    pub height: u32,
}

/// Nothing hangs over the edge or lies on another.
fn stands_on_the_grid(it: &Object<Layout>) -> Result<()> {
    let bad =
        |at: usize, why: String| Err(Error::invalid("bad-layout", why).at(format!("spec.places[{at}]")));
    let places = &it.spec.places;
    for (at, place) in places.iter().enumerate() {
        if u64::from(place.x) + u64::from(place.width) > u64::from(it.spec.columns) {
            return bad(at, format!("widget `{}` hangs over the right edge", place.widget));
        }
        let hit = places[..at].iter().find(|other| overlap(place, other));
        if let Some(other) = hit {
            return bad(at, format!("widget `{}` lies on `{}`", place.widget, other.widget));
        }
    }
    Ok(())
}

fn overlap(a: &Place, b: &Place) -> bool {
    let meet = |from: u32, length: u32, other: u32, other_length: u32| {
        u64::from(from) < u64::from(other) + u64::from(other_length)
            && u64::from(other) < u64::from(from) + u64::from(length)
    };
    meet(a.x, a.width, b.x, b.width) && meet(a.y, a.height, b.y, b.height)
}
