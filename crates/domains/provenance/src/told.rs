//! Which changes a caller may be told of: those of kinds whose objects they may list in that project.

use std::collections::HashMap;

use kernel::{journal::Change, prelude::*, store::ChangeQuery};

/// How many entries of the journal one question reads at most.
pub const READ_MAX: usize = 10_000;
const PAGE: u32 = 500;

/// What the caller may see, worked out once for each kind and project.
pub struct Told<'a> {
    cx: &'a Cx,
    known: HashMap<(String, String), bool>,
}

impl<'a> Told<'a> {
    /// For a caller.
    pub fn to(cx: &'a Cx) -> Self {
        Self { cx, known: HashMap::new() }
    }

    /// Whether the caller may be told of a change.
    pub async fn may(&mut self, change: &Change) -> Result<bool> {
        let key = (change.kind.clone(), change.project.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let may = match self.cx.platform().kind(&change.kind) {
            Ok(kind) => self.cx.decide(&kind.permission("list"), &change.project).await?.allowed,
            Err(_) => false,
        };
        self.known.insert(key, may);
        Ok(may)
    }
}

/// Changes a caller may be told of.
pub struct Page {
    /// Newest first.
    pub changes: Vec<Change>,
    /// Where older ones begin, if there may be some.
    pub next: Option<u64>,
}

/// Reads changes of the caller's project until there are enough that fit.
pub async fn read(cx: &Cx, query: ChangeQuery, fits: impl Fn(&Change) -> bool) -> Result<Page> {
    let wanted = query.limit as usize;
    let mut asked = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: Some(cx.project.to_string()),
        limit: PAGE,
        ..query
    };
    let (mut told, mut changes, mut read) = (Told::to(cx), Vec::new(), 0);
    loop {
        let page = cx.platform().store.history(&asked).await?;
        read += page.len();
        let is_last = page.len() < PAGE as usize;
        for change in page {
            asked.before = Some(change.position);
            if fits(&change) && told.may(&change).await? {
                changes.push(change);
            }
            if changes.len() == wanted {
                return Ok(Page { changes, next: asked.before });
            }
        }
        if is_last {
            return Ok(Page { changes, next: None });
        }
        if read >= READ_MAX {
            return Ok(Page { changes, next: asked.before });
        }
    }
}
