//! Ground: the plain values every floor shares. No async, no I/O, no subject word.

mod chance;
mod clock;
mod digest;
mod error;
mod name;
mod page;
mod secret;
mod time;
mod trace;
mod uid;
mod watch;

pub use chance::Chance;
pub use clock::{Clock, Entropy};
pub use digest::Digest;
pub use error::{Error, Result, Status};
pub use name::Name;
pub use page::{PAGE_DEFAULT, PAGE_MAX};
pub use secret::Secret;
pub use time::Time;
pub use trace::{Trace, TraceParent};
pub use uid::Uid;
pub use watch::{Quiet, Unwatched, Watch};
