//! The grid: places for items without overlap, drawn up as far as they go, for each width of a screen.

use std::collections::BTreeSet;

use kernel::prelude::*;

/// Where one item stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub struct Place {
    /// The item.
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
    /// Whether it stays where it is and the others go round it.
    #[field(default = false)]
    pub fixed: bool,
}

impl Place {
    fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }

    fn beside(&self, other: &Self) -> bool {
        self.right() <= other.x || other.right() <= self.x
    }

    fn hits(&self, other: &Self) -> bool {
        !self.beside(other) && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Whether items are drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Compact {
    /// Upwards, until something is in the way.
    Vertical,
    /// Not at all; only what lies on another is moved down.
    None,
}

/// A width of a screen from which on a grid has so many columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Breakpoint {
    /// Its name.
    #[field(min = 1, max = 20, example = "phone")]
    pub name: String,
    /// From which width on, in CSS pixels.
    #[field(max = 20000)]
    pub min_width: u32,
    /// How many columns there are.
    #[field(min = 1, max = 48)]
    pub columns: u32,
}

/// Refuses what hangs over the edge or lies on another.
pub fn check(columns: u32, places: &[Place], at: &str) -> Result<()> {
    let bad = |i: usize, why: String| Err(Error::invalid("bad-layout", why).at(format!("{at}[{i}]")));
    for (i, place) in places.iter().enumerate() {
        if place.right() > columns {
            return bad(i, format!("`{}` hangs over the edge of {columns} columns", place.id));
        }
        for other in &places[..i] {
            if other.id == place.id {
                return bad(i, format!("`{}` stands there twice", place.id));
            }
            if place.hits(other) {
                return bad(i, format!("`{}` lies on `{}`", place.id, other.id));
            }
        }
    }
    Ok(())
}

/// Refuses two items of one name, whose places could not be told apart.
pub fn told_apart(places: &[Place], at: &str) -> Result<()> {
    let mut ids = BTreeSet::new();
    match places.iter().position(|place| !ids.insert(&place.id)) {
        Some(i) => {
            let message = format!("`{}` stands there twice", places[i].id);
            Err(Error::invalid("bad-layout", message).at(format!("{at}[{i}].id")))
        }
        None => Ok(()),
    }
}

/// Places without overlap, in the order the items came in.
pub fn arranged(columns: u32, places: &[Place], compact: Compact) -> Vec<Place> {
    let columns = columns.max(1);
    let mut all: Vec<Place> = places.to_vec();
    for place in &mut all {
        place.width = place.width.clamp(1, columns);
        place.height = place.height.max(1);
        place.x = place.x.min(columns - place.width);
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    // What is fixed stands first, then from above to below.
    order.sort_by_key(|i| (!all[*i].fixed, all[*i].y, all[*i].x));
    let mut settled: Vec<Place> = Vec::new();
    for i in order {
        let mut place = all[i].clone();
        place.y = row_for(&place, &settled, compact);
        all[i] = place.clone();
        settled.push(place);
    }
    all
}

/// The first row where a place hits nothing settled.
fn row_for(place: &Place, settled: &[Place], compact: Compact) -> u32 {
    let over = || settled.iter().filter(|other| !place.beside(other));
    let from = match compact {
        _ if place.fixed => place.y,
        Compact::None => place.y,
        // Not past what came before it: the order of reading stays.
        Compact::Vertical => over().filter(|it| !it.fixed).map(Place::bottom).max().unwrap_or(0),
    };
    let rows: BTreeSet<u32> = over().map(Place::bottom).filter(|row| *row > from).collect();
    let free = |row: u32| !settled.iter().any(|other| Place { y: row, ..place.clone() }.hits(other));
    let found = std::iter::once(from).chain(rows).find(|row| free(*row));
    // Below everything nothing is in the way.
    found.unwrap_or_else(|| settled.iter().map(Place::bottom).max().unwrap_or(0))
}

/// The same items on a grid of other width: as wide as before in proportion, in the same order.
pub fn scaled(from: u32, to: u32, places: &[Place]) -> Vec<Place> {
    let share = |value: u32| (f64::from(value) * f64::from(to) / f64::from(from.max(1))).round() as u32;
    let scaled: Vec<Place> = places
        .iter()
        .map(|place| Place {
            x: share(place.x),
            width: share(place.width).clamp(1, to.max(1)),
            ..place.clone()
        })
        .collect();
    arranged(to, &scaled, Compact::Vertical)
}

/// How many rows places take.
pub fn rows(places: &[Place]) -> u32 {
    places.iter().map(Place::bottom).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str, at: (u32, u32), size: (u32, u32)) -> Place {
        Place { id: id.to_owned(), x: at.0, y: at.1, width: size.0, height: size.1, fixed: false }
    }

    #[test]
    fn items_are_drawn_up_and_never_lie_on_one_another() {
        let told = arranged(
            12,
            &[place("a", (0, 5), (6, 2)), place("b", (6, 9), (6, 3)), place("c", (3, 20), (6, 1))],
            Compact::Vertical,
        );
        assert_eq!(told.iter().map(|it| it.y).collect::<Vec<_>>(), [0, 0, 3]);
        check(12, &told, "places").unwrap();
    }

    #[test]
    fn whatever_comes_in_nothing_overlaps_or_hangs_over() {
        // A generator of its own, so that every run tries the same many grids.
        let mut state: u32 = 7;
        let mut next = |max: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % max
        };
        for round in 0..300 {
            let columns = 1 + next(24);
            let mut places: Vec<Place> = (0..next(30))
                .map(|i| place(&i.to_string(), (next(30), next(40)), (1 + next(14), 1 + next(6))))
                .collect();
            if round % 3 == 0
                && let Some(first) = places.first_mut()
            {
                first.fixed = true;
            }
            for compact in [Compact::Vertical, Compact::None] {
                check(columns, &arranged(columns, &places, compact), "places").unwrap();
            }
            check(4, &scaled(columns, 4, &places), "places").unwrap();
            let once = arranged(columns, &places, Compact::Vertical);
            assert_eq!(rows(&arranged(columns, &once, Compact::Vertical)), rows(&once), "it settles");
        }
    }

    #[test]
    fn the_others_go_round_what_is_fixed() {
        let fixed = Place { fixed: true, ..place("f", (0, 2), (12, 1)) };
        let told =
            arranged(12, &[place("a", (0, 9), (4, 2)), place("b", (4, 9), (4, 3)), fixed], Compact::Vertical);
        assert_eq!(told.iter().map(|it| it.y).collect::<Vec<_>>(), [0, 3, 2]);
    }
}
