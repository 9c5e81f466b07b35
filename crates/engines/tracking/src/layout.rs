//! The tables, as numbered steps that only go forward.

use store_sql::Migration;

/// Every step, in order. Once released one never changes; a new one is added behind it.
pub const STEPS: &[Migration] = &[
    Migration {
        number: 1,
        sqlite: include_str!("layout/0001.sqlite.sql"),
        postgres: include_str!("layout/0001.postgres.sql"),
    },
    Migration {
        number: 2,
        sqlite: include_str!("layout/0002.sqlite.sql"),
        postgres: include_str!("layout/0002.postgres.sql"),
    },
];
