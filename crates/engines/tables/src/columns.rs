//! Columns in memory, built cell by cell.

use std::collections::HashMap;

use ports::table::{Column, ColumnProfile, ColumnType, Values};

use crate::cell::Cell;

/// A column under construction.
pub struct Builder {
    column: Column,
    places: HashMap<String, u32>,
}

impl Builder {
    /// An empty column of the name and type that a profile tells.
    pub fn new(profile: &ColumnProfile) -> Self {
        let values = match profile.kind {
            ColumnType::Text => Values::Texts { codes: Vec::new(), distinct: Vec::new() },
            ColumnType::Integer | ColumnType::Number | ColumnType::Boolean | ColumnType::Time => {
                Values::Numbers(Vec::new())
            }
        };
        Self {
            column: Column { name: profile.name.clone(), kind: profile.kind, values },
            places: HashMap::new(),
        }
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.column.name
    }

    /// The column's type.
    pub fn kind(&self) -> ColumnType {
        self.column.kind
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: Cell<'_>) {
        match &mut self.column.values {
            Values::Numbers(numbers) => numbers.push(cell.as_number()),
            Values::Texts { codes, distinct } => codes.push(match cell {
                Cell::Text(text) => Some(if let Some(&place) = self.places.get(text) {
                    place
                } else {
                    let place = distinct.len() as u32;
                    distinct.push(text.to_owned());
                    self.places.insert(text.to_owned(), place);
                    place
                }),
                Cell::Missing | Cell::Integer(_) | Cell::Number(_) | Cell::Boolean(_) | Cell::Time(_) => None,
            }),
        }
    }

    /// Adds a cell, as it is written where the column is one of texts.
    pub fn push_as(&mut self, cell: Cell<'_>, written: &str) {
        match (self.column.kind, cell) {
            (_, Cell::Missing) => self.push(cell),
            (ColumnType::Text, _) => self.push(Cell::Text(written)),
            (ColumnType::Integer | ColumnType::Number | ColumnType::Boolean | ColumnType::Time, _) => {
                self.push(cell);
            }
        }
    }

    /// The column.
    pub fn finish(self) -> Column {
        self.column
    }
}
