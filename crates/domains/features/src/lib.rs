//! The part of the service `catalog` that names features: columns of a dataset's version, what is derived from them
//! row by row, and what is aggregated over an entity; all of it measured over the real data.

use kernel::prelude::*;

mod set;

/// Everything this part of the service serves.
pub fn domain() -> Domain {
    Domain::new("catalog").kind(set::serve)
}
