//! A page of a search: what comes first of what fits, across experiments, and the token that says where it goes on.

use std::cmp::{Ordering, Reverse};

use base::{Digest, Error, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ports::tracking::{Attribute, Field, Order, Search};

use crate::{
    disk,
    table::Table,
    wire::{Damaged, Read, Reader, Writer},
};

/// What a run is ordered by in one part of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    /// A number as [`Table::keys`] gives it.
    Number(u64),
    /// A text.
    Text(Option<Box<str>>),
}

/// A run and its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    keys: Vec<Key>,
    started: i64,
    id: Box<str>,
    /// Its number.
    pub number: i64,
}

fn is_number(field: &Field) -> bool {
    matches!(field, Field::Metric(_) | Field::Attribute(Attribute::Started | Attribute::Ended))
}

/// Texts in a direction; none comes last either way.
fn texts(a: Option<&str>, b: Option<&str>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

impl Row {
    /// Which comes first.
    pub fn compare(&self, other: &Self, order: &[Order]) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).zip(order).map(|((a, b), part)| match (a, b) {
            (Key::Number(a), Key::Number(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => texts(a.as_deref(), b.as_deref(), part.descending),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
        });
        let keys = keys.fold(Ordering::Equal, Ordering::then);
        keys.then(other.started.cmp(&self.started)).then_with(|| self.id.cmp(&other.id))
    }
}

/// The first runs of an experiment that fit and come after a row.
pub fn first(table: &Table, experiment: i64, ask: &Search, after: Option<&Row>) -> Vec<Row> {
    let mut places = table.fitting(&ask.conditions, ask.view);
    let mut keys: Vec<Vec<u64>> = ask.order.iter().map(|part| table.keys(part, &places)).collect();
    if let Some(after) = after {
        let keep: Vec<bool> = (0..places.len())
            .map(|at| compare(table, (places[at], at), &keys, (after, &ask.order)) == Ordering::Greater)
            .collect();
        let mut kept = keep.iter();
        places.retain(|_| kept.next().is_some_and(|it| *it));
        for column in &mut keys {
            let mut kept = keep.iter();
            column.retain(|_| kept.next().is_some_and(|it| *it));
        }
    }
    let by = |a: &u32, b: &u32| {
        let (a, b) = (*a as usize, *b as usize);
        let first = keys.iter().map(|column| column[a].cmp(&column[b])).find(|it| it.is_ne());
        first.unwrap_or_else(|| {
            let (a, b) = (table.tie(places[a]), table.tie(places[b]));
            (Reverse(a.0), a.1).cmp(&(Reverse(b.0), b.1))
        })
    };
    let mut order: Vec<u32> = (0..places.len() as u32).collect();
    // One more than the page, so that it is known whether there is a next one.
    let wanted = ask.limit as usize + 1;
    if order.len() > wanted {
        order.select_nth_unstable_by(wanted, by);
        order.truncate(wanted);
    }
    order.sort_unstable_by(by);
    let row = |at: u32| {
        let place = places[at as usize];
        let (started, id) = table.tie(place);
        let key = |(part, column): (&Order, &Vec<u64>)| match is_number(&part.field) {
            true => Key::Number(column[at as usize]),
            false => Key::Text(table.text(&part.field, place).map(Box::from)),
        };
        let keys = ask.order.iter().zip(&keys).map(key).collect();
        Row { keys, started, id: id.into(), number: disk::number(experiment, i64::from(place)) }
    };
    order.into_iter().map(row).collect()
}

fn compare(
    table: &Table,
    (place, at): (u32, usize),
    columns: &[Vec<u64>],
    (row, order): (&Row, &[Order]),
) -> Ordering {
    let keys = row.keys.iter().zip(columns).zip(order).map(|((key, column), part)| match key {
        Key::Number(key) => column[at].cmp(key),
        Key::Text(key) => texts(table.text(&part.field, place), key.as_deref(), part.descending),
    });
    let (started, id) = table.tie(place);
    let keys = keys.fold(Ordering::Equal, Ordering::then);
    keys.then(row.started.cmp(&started)).then_with(|| id.cmp(&row.id))
}

/// What a search is, but for its page.
fn fingerprint(ask: &Search) -> Vec<u8> {
    let told = format!("{:?}", (&ask.org, &ask.experiments, &ask.conditions, ask.view, &ask.order));
    Digest::of(told.as_bytes()).bytes()[..8].to_vec()
}

/// The token of the page after a row.
pub fn token(ask: &Search, row: &Row) -> String {
    let mut to = Writer(fingerprint(ask));
    for key in &row.keys {
        match key {
            Key::Number(rank) => to.number(*rank),
            Key::Text(text) => to.maybe(text.as_deref()),
        }
    }
    to.signed(row.started);
    to.text(&row.id);
    URL_SAFE_NO_PAD.encode(to.0)
}

/// The row a token stands for.
///
/// # Errors
/// `bad-page-token`.
pub fn row_of(ask: &Search) -> Result<Option<Row>> {
    let Some(token) = &ask.after else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad_token())?;
    read_row(ask, &bytes).map(Some).map_err(|_| bad_token())
}

fn read_row(ask: &Search, bytes: &[u8]) -> Read<Row> {
    let mut from = Reader(bytes);
    if from.bytes(8)? != fingerprint(ask) {
        return Err(Damaged);
    }
    let mut keys = Vec::with_capacity(ask.order.len());
    for part in &ask.order {
        keys.push(match is_number(&part.field) {
            true => Key::Number(from.number()?),
            false => Key::Text(from.maybe()?.map(Box::from)),
        });
    }
    Ok(Row { keys, started: from.signed()?, id: from.text()?.into(), number: 0 })
}

/// The refusal of a token that is none, or another search's.
pub fn bad_token() -> Error {
    Error::bad_request("bad-page-token", "the page token is not from an answer to this search")
        .at("page_token")
        .hint("leave it out to begin at the first page")
}
