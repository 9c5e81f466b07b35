//! How rows become records and changes, whichever driver reads them.

use base::{Digest, Error, Result, Time, Uid};
use kernel::{journal::Change, store::Record};

/// The columns of a record, with the aliases `o` for objects and `s` for scopes.
pub const RECORD_COLUMNS: &str =
    "s.org, s.kind, s.project, o.name, o.uid, o.version, o.generation, o.created, o.deleted, o.body";

/// The columns of a change, with the alias `c`.
pub const CHANGE_COLUMNS: &str = "c.position, c.time, c.org, c.project, c.kind, c.uid, c.name, c.verb, c.actor, c.trace, c.deleted, c.body, c.previous, c.hash";

/// A row of an answer, by the number of the column.
pub trait Row {
    /// A text.
    fn text(&self, column: usize) -> Result<String>;
    /// A whole number.
    fn int(&self, column: usize) -> Result<i64>;
    /// A whole number, if there is one.
    fn maybe_int(&self, column: usize) -> Result<Option<i64>>;
    /// Bytes.
    fn bytes(&self, column: usize) -> Result<Vec<u8>>;
}

/// A record from [`RECORD_COLUMNS`].
pub fn record_row(row: &dyn Row) -> Result<Record> {
    Ok(Record {
        org: row.text(0)?,
        kind: row.text(1)?,
        project: row.text(2)?,
        name: row.text(3)?,
        uid: Uid::known(row.text(4)?),
        version: row.int(5)? as u64,
        generation: row.int(6)? as u64,
        created: Time::from_micros(row.int(7)?),
        deleted: row.maybe_int(8)?.map(Time::from_micros),
        body: row.text(9)?,
    })
}

/// A change from [`CHANGE_COLUMNS`].
pub fn change(row: &dyn Row) -> Result<Change> {
    Ok(Change {
        position: row.int(0)? as u64,
        time: Time::from_micros(row.int(1)?),
        org: row.text(2)?,
        project: row.text(3)?,
        kind: row.text(4)?,
        uid: Uid::known(row.text(5)?),
        name: row.text(6)?,
        verb: row.text(7)?,
        actor: row.text(8)?,
        trace: row.text(9)?,
        deleted: row.int(10)? != 0,
        body: row.text(11)?,
        previous: digest(&row.bytes(12)?)?,
        hash: digest(&row.bytes(13)?)?,
    })
}

/// A digest from its 32 bytes.
pub fn digest(bytes: &[u8]) -> Result<Digest> {
    let bytes = bytes.try_into().map_err(|_| Error::internal("a stored digest has not 32 bytes"))?;
    Ok(Digest::new(bytes))
}
