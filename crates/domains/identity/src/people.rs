//! Finding the organization of whoever types a name or an e-mail address on a login page.

use kernel::prelude::*;

use crate::{neighbours::FIRST, sources};

/// The organization that was said; else the one the e-mail address belongs to; else the first.
pub async fn home(cx: &Cx, said: &str, typed: &str) -> Result<String> {
    if !said.is_empty() {
        return Ok(said.to_owned());
    }
    let home = match typed.rsplit_once('@') {
        Some((_, domain)) => sources::home_of(cx, domain).await?,
        None => None,
    };
    Ok(home.unwrap_or_else(|| FIRST.to_owned()))
}
