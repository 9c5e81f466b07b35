//! The service `catalog`, its search: full text over the objects of all kinds, as far as the caller may see them.

use kernel::prelude::*;

mod document;
mod feed;
mod index;
mod places;
mod search;

pub use feed::{Feed, follow};

/// Everything this part of the service serves.
pub fn domain() -> Domain {
    Domain::new("catalog").kind(search::serve).kind(index::serve)
}
