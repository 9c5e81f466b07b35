//! Whether a write says anything that was not said before, so that it can be noted when something was changed last.

use kernel::{kind::Kind, prelude::*};

/// Whether an object says something else than before; a new one does.
pub fn is_changed<K: Kind>(it: &Object<K>, old: Option<&Object<K>>) -> Result<bool> {
    let told = |it: &Object<K>| {
        let spec = serde_json::to_value(&it.spec).map_err(Error::internal)?;
        let status = serde_json::to_value(&it.status).map_err(Error::internal)?;
        Ok::<_, Error>((spec, status))
    };
    match old {
        None => Ok(true),
        Some(old) => Ok(told(it)? != told(old)?),
    }
}
