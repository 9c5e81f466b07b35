//! A search through objects that are too many to hold: page by page, along an index of the store where the order is one
//! of its own; of what fits only as much is kept as one page of the answer shows.

use std::{cmp::Ordering, sync::Arc};

use base::{Digest, Time, Uid};
use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::{
    cx::Cx,
    declare::KindDef,
    index,
    object::{self, Raw},
    predicate::{Op, Place, Predicate},
    store::{Projects, Query, Record, Sort},
};
use serde_json::{Value, json};

use crate::{
    fault::Result,
    grammar::{self, Condition, Operand},
    matching::{self, Cell},
    objects::{self, Trash},
};

/// How many objects are asked for at once, and at first of what comes in order.
const PAGE: u32 = 1_000;
const FIRST: u32 = 128;
/// What comes behind every uid.
const LAST: &str = "~";

/// A way through the objects of a kind in the project, or the organization, page by page.
pub struct Walk {
    kind: Arc<KindDef>,
    query: Query,
    is_over: bool,
    /// Whether they come by the first of what the search is ordered by.
    is_ordered: bool,
}

/// The condition that a field's value is this text.
pub fn is(place: Place, text: &str) -> Predicate {
    Predicate::Compare { place, op: Op::Equal, cell: index::Cell::Text(text.to_owned()) }
}

/// An indexed field of a spec.
pub fn field(name: &str) -> Place {
    Place::Term(format!("spec.{name}"))
}

impl Walk {
    /// All the living for which everything holds, by uid.
    pub fn new(cx: &Cx, kind: &str, holds: Vec<Predicate>) -> Result<Self> {
        let kind = cx.platform().kind(kind)?;
        let query = Query {
            org: Some(cx.org.to_string()),
            kind: kind.id(),
            projects: Projects::These(vec![object::home(kind.scope, &cx.project)]),
            deleted: false,
            filter: (!holds.is_empty()).then_some(Predicate::All(holds)),
            sort: Sort { place: Place::Uid, descending: false },
            after: None,
            limit: PAGE,
        };
        Ok(Self { kind, query, is_over: false, is_ordered: false })
    }

    /// What is in the trash instead.
    #[must_use]
    pub fn in_trash(mut self) -> Self {
        self.query.deleted = true;
        self
    }

    /// By when they were made.
    #[must_use]
    pub fn by_creation(mut self, ascending: bool, after: Option<&Cell>) -> Self {
        self.query.sort = Sort { place: Place::Created, descending: !ascending };
        (self.is_ordered, self.query.limit) = (true, FIRST);
        if let Some(Cell::Number(ms)) = after {
            // MLflow's clock has milliseconds, the store's more: whatever is of the same one is looked at again.
            let micros = (*ms as i64).saturating_mul(1_000);
            let (time, uid) = if ascending { (micros - 1, LAST) } else { (micros + 1_000, "") };
            self.query.after = Some((index::Cell::Time(Time::from_micros(time)), Uid::known(uid)));
        }
        self
    }

    /// By a text.
    fn by_text(mut self, place: Place, ascending: bool, after: Option<&Cell>) -> Self {
        (self.is_ordered, self.query.limit) = (true, FIRST);
        if let Some(Cell::Text(text)) = after {
            let cell = index::Cell::Text(text.clone());
            let cell = match place {
                Place::Term(_) => index::Cell::Text(index::encode(&cell)),
                _ => cell,
            };
            self.query.after = Some((cell, Uid::known(if ascending { "" } else { LAST })));
        }
        self.query.sort = Sort { place, descending: !ascending };
        self
    }

    /// The next objects; none when there are no more.
    pub async fn next(&mut self, cx: &Cx) -> Result<Vec<Raw>> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let records = cx.platform().store.list(&self.query).await?;
        self.is_over = records.len() < self.query.limit as usize;
        self.query.limit = (self.query.limit * 4).min(PAGE);
        let found: base::Result<Vec<Raw>> =
            records.iter().map(|record| Raw::from_record(&self.kind, record)).collect();
        let found = found?;
        if let (Some(record), Some(it)) = (records.last(), found.last()) {
            self.query.after = Some((self.cell(record, it), record.uid.clone()));
        }
        Ok(found)
    }

    /// How many there are.
    pub async fn count(&self, cx: &Cx) -> Result<u64> {
        Ok(cx.platform().store.count(&self.query).await?)
    }

    /// Whether they come by the first of what the search is ordered by.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// The value the walk is sorted by.
    fn cell(&self, record: &Record, it: &Raw) -> index::Cell {
        match &self.query.sort.place {
            Place::Created => index::Cell::Time(record.created),
            Place::Name => index::Cell::Text(record.name.clone()),
            Place::Term(key) => {
                let value = objects::text(it, key.trim_start_matches("spec."));
                let value = value.map_or(index::Cell::Null, |text| index::Cell::Text(text.to_owned()));
                index::Cell::Text(index::encode(&value))
            }
            _ => index::Cell::Null,
        }
    }
}

/// The ways through what people call by a title, which is the name where there is none: those it takes to find
/// everything that holds, along an index where there is one for the order.
pub fn titled(
    cx: &Cx,
    kind: &str,
    (order, after): (&grammar::Order, Option<&Cell>),
    (title, holds): (Option<&str>, &[Predicate]),
    trash: Trash,
) -> Result<Vec<Walk>> {
    let walk = |more: Vec<Predicate>| Walk::new(cx, kind, holds.iter().cloned().chain(more).collect());
    let untitled = || Predicate::Compare { place: field("title"), op: Op::Equal, cell: index::Cell::Null };
    let mut all = Vec::new();
    if trash != Trash::Only {
        match (title, order.key.as_str()) {
            (Some(title), _) => {
                all.push(walk(vec![is(field("title"), title)])?);
                let mut named = walk(vec![is(Place::Name, title), untitled()])?;
                named.query.sort.place = Place::Name;
                all.push(named);
            }
            (None, "name") => {
                let named = walk(vec![Predicate::Not(Box::new(untitled()))])?;
                all.push(named.by_text(field("title"), order.ascending, after));
                all.push(walk(vec![untitled()])?.by_text(Place::Name, order.ascending, after));
            }
            (None, "creation_time") => all.push(walk(Vec::new())?.by_creation(order.ascending, after)),
            (None, _) => all.push(walk(Vec::new())?),
        }
    }
    if trash != Trash::Without {
        let walk = walk(Vec::new())?.in_trash();
        let by_creation = order.key == "creation_time";
        all.push(if by_creation { walk.by_creation(order.ascending, after) } else { walk });
    }
    Ok(all)
}

/// What the store can tell of the conditions: nothing that fits is lost by it, but not all that it finds fits.
pub fn narrowing(conditions: &[Condition], place: impl Fn(&str) -> Option<Place>) -> Vec<Predicate> {
    // Not every store finds a key by such a letter.
    let is_plain = |key: &str| !key.contains(['"', '\\']) && !key.contains(char::is_control);
    let one = |it: &Condition| match (&it.value, it.op) {
        (Operand::Text(text), grammar::Op::Equal) if is_plain(&it.key) && !text.contains('\0') => {
            let within = |field: &str| Place::Body(vec!["spec".to_owned(), field.to_owned(), it.key.clone()]);
            let place = match it.entity.as_str() {
                "tag" | "tags" => within("tags"),
                "params" => within("parameters"),
                "attribute" | "attributes" | "attr" => place(&it.key)?,
                _ => return None,
            };
            Some(is(place, text))
        }
        _ => None,
    };
    conditions.iter().filter_map(one).collect()
}

/// Where something stands in the order of a search: the values it is ordered by, then its uid.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The values.
    pub cells: Vec<Cell>,
    /// The uid.
    pub uid: String,
}

/// Where a page begins.
pub struct Start {
    /// How many were shown before.
    offset: usize,
    /// Behind what, where the token is from the same search.
    after: Option<Key>,
    question: String,
}

impl Start {
    /// Reads a page token, of a search that is told by all its words.
    pub fn read(token: &str, question: &str) -> Result<Self> {
        let question = Digest::of(question.as_bytes()).to_string()[..16].to_owned();
        let offset = matching::offset(token)?;
        let told = BASE64_STANDARD.decode(token).ok();
        let told: Option<Value> = told.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let told = told.filter(|it| it["search"] == *question);
        let after = told.and_then(|it| {
            let cells = it["after"].as_array()?.iter().map(read_cell).collect::<Option<Vec<Cell>>>()?;
            Some(Key { cells, uid: it["uid"].as_str()?.to_owned() })
        });
        Ok(Self { offset, after, question })
    }

    /// The first value of what the page begins behind.
    pub fn after(&self) -> Option<&Cell> {
        self.after.as_ref().and_then(|key| key.cells.first())
    }

    fn token(&self, shown: usize, last: &Key) -> String {
        let cells: Vec<Value> = last.cells.iter().map(written_cell).collect();
        let told = json!({
            "offset": self.offset + shown, "after": cells, "uid": last.uid, "search": self.question,
        });
        BASE64_STANDARD.encode(told.to_string())
    }
}

fn written_cell(cell: &Cell) -> Value {
    match cell {
        Cell::Nothing => Value::Null,
        Cell::Text(text) => json!(text),
        // As a text, because not every number is one in JSON.
        Cell::Number(number) => json!([number.to_string()]),
    }
}

fn read_cell(told: &Value) -> Option<Cell> {
    match told {
        Value::Null => Some(Cell::Nothing),
        Value::String(text) => Some(Cell::Text(text.clone())),
        Value::Array(one) => one.first()?.as_str()?.parse().ok().map(Cell::Number),
        _ => None,
    }
}

/// The first of what fits, in order: those of one page, and one more that says whether there are more.
pub struct Best<T> {
    ascending: Vec<bool>,
    start: Start,
    most: usize,
    /// How many are passed over, where the token says no more than that.
    skipped: usize,
    found: Vec<(Key, T)>,
}

impl<T> Best<T> {
    /// Nothing yet. `ascending` says of each value ordered by whether the smallest comes first.
    pub fn new(ascending: Vec<bool>, start: Start, most: usize) -> Self {
        let skipped = if start.after.is_some() { 0 } else { start.offset };
        Self { ascending, start, most, skipped, found: Vec::new() }
    }

    fn compare(ascending: &[bool], a: &Key, b: &Key) -> Ordering {
        let mut cells = a.cells.iter().zip(&b.cells).zip(ascending);
        let differs = cells.find_map(|((a, b), ascending)| {
            Some(matching::compare(a, b, *ascending)).filter(|it| it.is_ne())
        });
        differs.unwrap_or_else(|| a.uid.cmp(&b.uid))
    }

    /// Takes something that fits.
    pub fn offer(&mut self, key: Key, it: T) {
        let is_shown = |after: &Key| Self::compare(&self.ascending, &key, after).is_le();
        if !self.start.after.as_ref().is_some_and(is_shown) {
            self.found.push((key, it));
        }
    }

    /// Forgets what no page of this search shows. True when nothing that comes behind `last`, which is the first value
    /// of an ordered walk's last object, can be on the page.
    pub fn settle(&mut self, last: Option<&Cell>) -> bool {
        let ascending = &self.ascending;
        self.found.sort_by(|(a, _), (b, _)| Self::compare(ascending, a, b));
        let wanted = self.skipped.saturating_add(self.most).saturating_add(1);
        self.found.truncate(wanted);
        let end = if self.found.len() == wanted { self.found.last() } else { None };
        match (last, end.and_then(|(key, _)| key.cells.first())) {
            (Some(last), Some(end)) => {
                let is_up = self.ascending.first().copied().unwrap_or(true);
                matching::compare(&indexed(last), &indexed(end), is_up).is_gt()
            }
            _ => false,
        }
    }

    /// The page, and the token of the next one.
    pub fn page(mut self) -> (Vec<T>, Option<String>) {
        self.settle(None);
        let has_more = self.found.len() > self.skipped.saturating_add(self.most);
        let mut page: Vec<(Key, T)> = self.found.into_iter().skip(self.skipped).collect();
        page.truncate(self.most);
        let last = page.last().map(|(key, _)| key).filter(|_| has_more);
        let next = last.map(|key| self.start.token(page.len(), key));
        (page.into_iter().map(|(_, it)| it).collect(), next)
    }
}

/// The page of a search through objects by their own values, and the token of the next one.
pub async fn best(
    cx: &Cx,
    walks: Vec<Walk>,
    (orders, start, most): (&[grammar::Order], Start, usize),
    (cell, fits): (impl Fn(&Raw, &str) -> Cell, impl Fn(&Raw) -> bool),
) -> Result<(Vec<Raw>, Option<String>)> {
    let mut best = Best::new(orders.iter().map(|order| order.ascending).collect(), start, most);
    for mut walk in walks {
        loop {
            let found = walk.next(cx).await?;
            let Some(last) = found.last() else { break };
            let last = orders.first().filter(|_| walk.is_ordered()).map(|order| cell(last, &order.key));
            for it in found {
                if fits(&it) {
                    let cells = orders.iter().map(|order| cell(&it, &order.key)).collect();
                    best.offer(Key { cells, uid: it.metadata.uid.to_string() }, it);
                }
            }
            if best.settle(last.as_ref()) {
                break;
            }
        }
    }
    Ok(best.page())
}

/// As much of a value as an index has: long texts that begin alike are in no order there.
fn indexed(cell: &Cell) -> Cell {
    match cell {
        Cell::Text(text) => Cell::Text(index::encode(&index::Cell::Text(text.clone()))),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: &str = "a search";

    /// Offers what a walk finds, page by page, and answers what is on the page, its token, and how much was looked at.
    fn searched(
        all: &[(f64, &str)],
        token: &str,
        (most, page): (usize, usize),
    ) -> (Vec<String>, Option<String>, usize) {
        let mut best = Best::new(vec![false], Start::read(token, SEARCH).unwrap(), most);
        let mut looked_at = 0;
        for found in all.chunks(page) {
            looked_at += found.len();
            for (time, uid) in found {
                let key = Key { cells: vec![Cell::Number(*time)], uid: (*uid).to_owned() };
                best.offer(key, (*uid).to_owned());
            }
            if best.settle(found.last().map(|(time, _)| Cell::Number(*time)).as_ref()) {
                break;
            }
        }
        let (found, next) = best.page();
        (found, next, looked_at)
    }

    /// Newest first; those of one moment in any order, as a store with a finer clock has them.
    const ALL: [(f64, &str); 7] =
        [(9.0, "a"), (5.0, "d"), (5.0, "b"), (5.0, "c"), (3.0, "e"), (2.0, "g"), (2.0, "f")];

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_twin() {
        for (most, page) in [(1, 1), (2, 1), (2, 2), (3, 2), (7, 3), (20, 3)] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let (found, next, _) = searched(&ALL, &token, (most, page));
                assert!(found.len() <= most);
                seen.extend(found);
                let Some(next) = next else { break };
                token = next;
            }
            assert_eq!(seen, ["a", "b", "c", "d", "e", "f", "g"], "{most} {page}");
        }
    }

    #[test]
    fn a_walk_in_order_ends_when_the_page_is_full() {
        // Not before all of the same moment were seen.
        assert_eq!(searched(&ALL, "", (1, 1)).2, 5);
        assert_eq!(searched(&ALL, "", (4, 1)).2, 6);
        assert_eq!(searched(&ALL, "", (20, 1)).2, 7);
    }

    #[test]
    fn a_token_of_another_search_is_an_offset_as_in_mlflow() {
        let (_, next, _) = searched(&ALL, "", (2, 2));
        let next = next.unwrap();
        assert_eq!(matching::offset(&next).unwrap(), 2);
        let start = Start::read(&next, "another").unwrap();
        assert!(start.after().is_none() && start.offset == 2);
        assert_eq!(searched(&ALL, &matching::token(3), (2, 2)).0, ["d", "e"]);
        assert!(Start::read("!!!", SEARCH).is_err());
    }

    #[test]
    fn every_value_comes_back_from_a_token() {
        for cell in
            [Cell::Nothing, Cell::Text("ü\"".to_owned()), Cell::Number(0.1), Cell::Number(f64::INFINITY)]
        {
            assert_eq!(read_cell(&written_cell(&cell)), Some(cell));
        }
        let nan = read_cell(&written_cell(&Cell::Number(f64::NAN)));
        assert!(matches!(nan, Some(Cell::Number(number)) if number.is_nan()));
    }
}
