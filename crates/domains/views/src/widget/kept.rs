//! What widgets showed a moment ago, kept in memory for the person it was read for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kernel::prelude::*;

use super::{Widget, needs, shown};

/// How many answers are kept before all are let go; a bound, not a tuning.
const KEPT_MAX: usize = 1_000;
/// How many bytes of JSON text they may have together.
const BYTES_MAX: usize = 32 << 20;

/// What widgets showed, by who asked and what exactly. One for a process.
#[derive(Default)]
pub struct Computed(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    answers: HashMap<Digest, (Time, Value)>,
    bytes: usize,
}

impl Computed {
    fn get(&self, key: Digest, since: Time) -> Option<(Time, Value)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers.get(&key).filter(|(at, _)| *at > since).cloned()
    }

    fn keep(&self, key: Digest, at: Time, data: &Value) {
        let bytes = data.to_string().len();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.answers.len() >= KEPT_MAX || kept.bytes + bytes > BYTES_MAX {
            *kept = Kept::default();
        }
        kept.bytes += bytes;
        kept.answers.insert(key, (at, data.clone()));
    }
}

/// Two callers share an answer only when they are one: by name, groups and what the credential is narrowed to.
fn key(cx: &Cx, spec: &Widget) -> Result<Digest> {
    let who = &cx.principal;
    let what = (&*cx.org, &*cx.project, who.actor(), &who.groups, &who.scopes, spec);
    Ok(Digest::of(serde_json::to_string(&what).map_err(Error::internal)?.as_bytes()))
}

/// What the widget shows and when it was read: what was kept, where it is young enough and the caller still may.
pub async fn shown_to(cx: &Cx, spec: &Widget, anew: bool) -> Result<(Time, Value)> {
    let key = key(cx, spec)?;
    let kept = cx.port::<Computed>()?;
    if !anew && spec.refresh_seconds > 0 {
        let since = cx.now().plus_s(-i64::from(spec.refresh_seconds));
        if let Some(found) = kept.get(key, since)
            // A right may have been taken away since.
            && crate::all_allowed(cx, &needs(cx, spec).await?).await?
        {
            return Ok(found);
        }
    }
    let (at, data) = (cx.now(), shown(cx, spec).await?);
    kept.keep(key, at, &data);
    Ok((at, data))
}
