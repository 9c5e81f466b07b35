//! The tables, as numbered migrations that only go forward.

/// A step of the layout. Once released it never changes; a new one is added behind it.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub number: i64,
    /// What it does in SQLite.
    pub sqlite: &'static str,
    /// What it does in PostgreSQL.
    pub postgres: &'static str,
}

/// Every step, in order.
pub const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    sqlite: include_str!("layout/0001.sqlite.sql"),
    postgres: include_str!("layout/0001.postgres.sql"),
}];
