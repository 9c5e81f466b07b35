//! An experiment's runs as columns in memory: what searches look at instead of records.
//!
//! A column is filled when it is first asked for, from the records, and then follows them: every record that changed
//! since is read once more. A record that is shown twice changes nothing, an older one than was seen neither.

use std::collections::HashMap;

use ports::tracking::{Attribute, Condition, Field, Order, State, View};

use crate::{
    block::rank,
    column::{Column, MISSING, number_fits, text_fits},
    disk::Changed,
    doc::{Cells, Head, show},
    wire::{Read, Reader},
};

const PRESENT: u8 = 0x80;
const DELETED: u8 = 0x40;
const STATE: u8 = 0x0f;

/// The columns.
#[derive(Debug, Default)]
pub struct Table {
    /// The last change and number that was followed.
    pub seen: (i64, i64),
    /// When each column was last asked for, in searches.
    pub clock: u64,
    changes: Vec<i64>,
    started: Vec<i64>,
    ended: Vec<i64>,
    flags: Vec<u8>,
    ids: Vec<Box<str>>,
    id_bytes: usize,
    columns: HashMap<Field, Held>,
}

#[derive(Debug)]
struct Held {
    column: Column,
    /// Whether every record up to `seen` is in it.
    ready: bool,
    used: u64,
}

/// Whether a field has a column of its own; the others are always there.
fn has_column(field: &Field) -> bool {
    !matches!(
        field,
        Field::Attribute(Attribute::Id | Attribute::State | Attribute::Started | Attribute::Ended)
    )
}

impl Table {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let ids = self.ids.capacity() * 16 + self.id_bytes;
        let columns: usize = self.columns.values().map(|held| held.column.bytes()).sum();
        self.changes.capacity() * 8 + self.started.capacity() * 16 + self.flags.capacity() + ids + columns
    }

    /// Makes room for what will be asked; answers whether all records have to be read for it.
    pub fn prepare(&mut self, fields: &[Field]) -> bool {
        self.clock += 1;
        let mut missing = false;
        for field in fields.iter().filter(|field| has_column(field)) {
            let column = || match field {
                Field::Metric(_) => Column::Numbers(Vec::new()),
                _ => Column::Texts(crate::column::Texts::default()),
            };
            let held = self.columns.entry(field.clone()).or_insert_with(|| Held {
                column: column(),
                ready: false,
                used: 0,
            });
            held.used = self.clock;
            missing |= !held.ready;
        }
        missing
    }

    /// Whether the columns are here and hold every record.
    pub fn has(&self, fields: &[Field]) -> bool {
        let ready = |field: &Field| self.columns.get(field).is_some_and(|held| held.ready);
        fields.iter().all(|field| !has_column(field) || ready(field))
    }

    /// Says that the columns prepared hold every record.
    pub fn ready(&mut self, fields: &[Field]) {
        for field in fields {
            if let Some(held) = self.columns.get_mut(field) {
                held.ready = true;
            }
        }
    }

    /// Forgets the column that was asked for least lately, but none of this search; answers whether there was one.
    pub fn shrink(&mut self) -> bool {
        let clock = self.clock;
        let oldest =
            self.columns.iter().filter(|(_, held)| held.used < clock).min_by_key(|(_, held)| held.used);
        let Some(field) = oldest.map(|(field, _)| field.clone()) else { return false };
        self.columns.remove(&field).is_some()
    }

    /// Takes in a record.
    pub fn take(&mut self, record: &Changed) -> Read<()> {
        let place = record.place();
        if self.changes.len() <= place {
            let length = place + 1;
            self.changes.resize(length, -1);
            self.started.resize(length, 0);
            self.ended.resize(length, i64::MIN);
            self.flags.resize(length, 0);
            self.ids.resize(length, "".into());
        }
        if self.changes[place] > record.change {
            return Ok(());
        }
        self.changes[place] = record.change;
        self.columns.values_mut().for_each(|held| held.column.clear(place));
        if record.doc.is_empty() {
            self.flags[place] = 0;
            return Ok(());
        }
        let (head, rest) = Head::read(&record.doc)?;
        self.started[place] = head.started_ms;
        self.ended[place] = head.ended_ms.unwrap_or(i64::MIN);
        let deleted = if head.deleted_ms.is_some() { DELETED } else { 0 };
        self.flags[place] = PRESENT | deleted | head.state as u8;
        if *self.ids[place] != *head.id {
            self.id_bytes += head.id.len() + 16;
            self.ids[place] = head.id.into();
        }
        self.fill(place, &head, rest)
    }

    fn fill(&mut self, place: usize, head: &Head<'_>, rest: Reader<'_>) -> Read<()> {
        let mut cells = false;
        for (field, held) in &mut self.columns {
            match field {
                Field::Attribute(attribute) => held.column.text(place, head.text(*attribute)),
                Field::Metric(_)
                | Field::Param(_)
                | Field::Tag(_)
                | Field::DataName
                | Field::DataDigest
                | Field::DataContext => cells = true,
            }
        }
        if cells { show(rest, &mut Filling { columns: &mut self.columns, place }) } else { Ok(()) }
    }

    /// The places of the runs that fit.
    pub fn fitting(&self, conditions: &[Condition], view: View) -> Vec<u32> {
        let wanted = |flags: u8| match view {
            View::Active => flags & (PRESENT | DELETED) == PRESENT,
            View::Deleted => flags & (PRESENT | DELETED) == PRESENT | DELETED,
            View::All => flags & PRESENT != 0,
        };
        let mut places: Vec<u32> =
            (0..self.flags.len() as u32).filter(|place| wanted(self.flags[*place as usize])).collect();
        for condition in conditions {
            let test = &condition.test;
            match &condition.field {
                Field::Attribute(Attribute::Started) => {
                    places.retain(|place| number_fits(test, Some(self.started[*place as usize])));
                }
                Field::Attribute(Attribute::Ended) => {
                    places.retain(|place| number_fits(test, self.ended_at(*place as usize)));
                }
                Field::Attribute(Attribute::Id) => {
                    places.retain(|place| text_fits(test, &self.ids[*place as usize]));
                }
                Field::Attribute(Attribute::State) => {
                    let fits = State::ALL.map(|state| text_fits(test, state.as_str()));
                    places.retain(|place| fits[(self.flags[*place as usize] & STATE) as usize]);
                }
                field => match self.columns.get(field) {
                    Some(held) => held.column.retain(&mut places, test),
                    None => places.clear(),
                },
            }
        }
        places
    }

    fn ended_at(&self, place: usize) -> Option<i64> {
        Some(self.ended[place]).filter(|ended| *ended != i64::MIN)
    }

    /// Where a run stands, for ties: its start and its identifier.
    pub fn tie(&self, place: u32) -> (i64, &str) {
        (self.started[place as usize], &self.ids[place as usize])
    }

    /// What a run is ordered by.
    pub fn text(&self, field: &Field, place: u32) -> Option<&str> {
        let at = place as usize;
        match field {
            Field::Attribute(Attribute::Id) => Some(&self.ids[at]),
            Field::Attribute(Attribute::State) => {
                Some(State::ALL[(self.flags[at] & STATE) as usize].as_str())
            }
            field => match self.columns.get(field).map(|held| &held.column) {
                Some(Column::Texts(texts)) => texts.at(at),
                Some(Column::Numbers(_)) | None => None,
            },
        }
    }

    /// Numbers to order some places by: the smaller the earlier, what is missing last.
    pub fn keys(&self, order: &Order, places: &[u32]) -> Vec<u64> {
        // Whatever the direction, `NaN` and what is missing stay behind.
        let turn = |rank: u64| if order.descending && rank < MISSING - 1 { MISSING - 2 - rank } else { rank };
        let by = |of: &dyn Fn(usize) -> u64| places.iter().map(|place| turn(of(*place as usize))).collect();
        match &order.field {
            Field::Attribute(Attribute::Started) => by(&|at| rank(self.started[at] as f64)),
            Field::Attribute(Attribute::Ended) => {
                by(&|at| self.ended_at(at).map_or(MISSING, |ended| rank(ended as f64)))
            }
            Field::Attribute(Attribute::State) => {
                let mut words = State::ALL.map(State::as_str);
                words.sort_unstable();
                by(&|at| {
                    let word = State::ALL[(self.flags[at] & STATE) as usize].as_str();
                    words.iter().position(|it| *it == word).map_or(MISSING, |rank| rank as u64)
                })
            }
            Field::Attribute(Attribute::Id) => {
                let mut order: Vec<u32> = places.to_vec();
                order.sort_unstable_by(|a, b| self.ids[*a as usize].cmp(&self.ids[*b as usize]));
                let ranks: HashMap<u32, u64> =
                    order.into_iter().enumerate().map(|(rank, place)| (place, rank as u64)).collect();
                by(&|at| ranks[&(at as u32)])
            }
            field => match self.columns.get(field).map(|held| &held.column) {
                Some(Column::Numbers(ranks)) => by(&|at| ranks.get(at).copied().unwrap_or(MISSING)),
                Some(Column::Texts(texts)) => {
                    let ranks = texts.ranks();
                    by(&|at| match ranks[texts.code_at(at)] {
                        u32::MAX => MISSING,
                        rank => u64::from(rank),
                    })
                }
                None => by(&|_| MISSING),
            },
        }
    }
}

struct Filling<'a> {
    columns: &'a mut HashMap<Field, Held>,
    place: usize,
}

impl Cells for Filling<'_> {
    fn metric(&mut self, key: &str, value: f64) {
        self.each(|field, column, place| {
            if matches!(field, Field::Metric(it) if it == key) {
                column.number(place, value);
            }
        });
    }

    fn param(&mut self, key: &str, value: &str) {
        self.each(|field, column, place| {
            if matches!(field, Field::Param(it) if it == key) {
                column.text(place, value);
            }
        });
    }

    fn tag(&mut self, key: &str, value: &str) {
        self.each(|field, column, place| {
            if matches!(field, Field::Tag(it) if it == key) {
                column.text(place, value);
            }
        });
    }

    fn data(&mut self, name: &str, digest: &str, context: Option<&str>) {
        self.each(|field, column, place| match (field, context) {
            (Field::DataName, _) => column.add(place, name),
            (Field::DataDigest, _) => column.add(place, digest),
            (Field::DataContext, Some(context)) => column.add(place, context),
            _ => {}
        });
    }
}

impl Filling<'_> {
    fn each(&mut self, mut tell: impl FnMut(&Field, &mut Column, usize)) {
        for (field, held) in self.columns.iter_mut() {
            tell(field, &mut held.column, self.place);
        }
    }
}
