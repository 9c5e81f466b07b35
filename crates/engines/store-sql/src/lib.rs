//! What the stores on SQL share: the table layout, questions compiled to bound SQL, and how rows become values.
//!
//! Text is never built from values: every value travels as a parameter. The two dialects answer
//! alike, which the behaviour suite in `testing` compares with a plain evaluation.

mod body;
mod changes;
mod check;
mod compare;
mod layout;
mod list;
mod pace;
mod replay;
mod row;
mod sql;
mod task;

pub use changes::{emptied, history, outdated};
pub use check::{Found, ROWS_MAX, admit, already_kept, chain_broken, fits, has_room, lease_lost};
pub use layout::{MIGRATIONS, Migration};
pub use list::{Leg, Range, count, legs, page, probe, ranges};
pub use pace::Pace;
pub use replay::{Step, continues, entry, record, steps};
pub use row::{CHANGE_COLUMNS, RECORD_COLUMNS, Row, change, digest, record_row};
pub use sql::{Dialect, Param, Sql};
pub use task::{Answer, Claim, Task};
