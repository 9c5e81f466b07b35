//! Watching: everybody who follows the journal is fed from one reader of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base::{Error, Result};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{
    cx::Cx,
    declare::KindDef,
    journal::Change,
    matches,
    object::{self, Raw},
    predicate::Predicate,
    question::{self, param},
    read,
    store::{ChangeQuery, Projects, Store},
};

/// How many changes a slow watcher may fall behind before it reads the journal itself.
const BEHIND_MAX: usize = 4_096;
/// How many changes are read at once.
const BATCH: u32 = 500;
/// After so long without a change a watcher is told where the journal stands.
const BOOKMARK_EVERY: Duration = Duration::from_secs(15);

/// Reads the journal once for all.
pub(crate) struct Hub {
    sender: broadcast::Sender<Arc<Change>>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BEHIND_MAX).0 }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.sender.subscribe()
    }

    /// Follows the journal from behind a position and hands every change to all; ends with the store.
    pub(crate) async fn follow(&self, store: Arc<dyn Store>, from: u64, seen: impl Fn(&Change)) {
        let mut head = store.head();
        let mut position = from;
        loop {
            match store.changes(position, BATCH).await {
                Ok(changes) => {
                    for change in changes {
                        position = change.position;
                        seen(&change);
                        // Nobody listening is fine.
                        let _ = self.sender.send(Arc::new(change));
                    }
                }
                Err(error) => {
                    tracing::warn!(?error, "the journal could not be read; trying again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    continue;
                }
            }
            if *head.borrow_and_update() <= position && head.changed().await.is_err() {
                return;
            }
        }
    }
}

/// What happened to an object, from a watcher's point of view.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It is there now.
    Added(Raw, u64),
    /// It has changed.
    Modified(Raw, u64),
    /// It is gone.
    Deleted(Raw, u64),
    /// Nothing; but everything up to here has been told.
    Bookmark(u64),
}

/// One watcher's place in the journal.
pub struct Subscription {
    cx: Cx,
    /// The kind watched.
    pub kind: Arc<KindDef>,
    filter: Option<Predicate>,
    projects: Projects,
    position: u64,
    receiver: broadcast::Receiver<Arc<Change>>,
    /// What is told before the journal is followed.
    first: std::collections::VecDeque<Event>,
    /// What was read from the journal after falling behind.
    caught: std::collections::VecDeque<Arc<Change>>,
    behind: bool,
    ticks: tokio::time::Interval,
}

/// Begins to watch: from a version, or with everything that is there.
pub async fn subscribe(
    cx: &Cx,
    kind: &Arc<KindDef>,
    params: &BTreeMap<String, String>,
) -> Result<Subscription> {
    let receiver = cx.platform.hub.subscribe();
    let head = *cx.platform.store.head().borrow();
    let query = question::of_list(cx, kind, params)?;
    let mut first = std::collections::VecDeque::new();
    let position = match param(params, "resourceVersion") {
        "" | "0" => {
            let mut page = store::Query { limit: base::PAGE_MAX, ..query.clone() };
            loop {
                let (raws, next) = read::page(cx, kind, &page).await?;
                let last = raws.last().map(|raw| (crate::index::Cell::Null, raw.metadata.uid.clone()));
                first.extend(raws.into_iter().map(|raw| {
                    let version = raw.metadata.version;
                    Event::Added(raw, version)
                }));
                if next.is_none() {
                    break;
                }
                page.after = last;
            }
            first.push_back(Event::Bookmark(head));
            head
        }
        text => text.parse().map_err(|_| read::bad_position("resourceVersion"))?,
    };
    if position > head {
        return Err(Error::new(base::Status::Gone, "version-gone", format!("the journal ends at {head}"))
            .at("resourceVersion")
            .hint("list again and watch from the list's version"));
    }
    let mut ticks = tokio::time::interval(BOOKMARK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.reset();
    Ok(Subscription {
        cx: cx.clone(),
        kind: Arc::clone(kind),
        filter: query.filter,
        projects: query.projects,
        position,
        receiver,
        first,
        caught: std::collections::VecDeque::new(),
        behind: true,
        ticks,
    })
}

impl Subscription {
    /// The next event; waits for it. Ends with an error only.
    pub async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.first.pop_front() {
                return Ok(event);
            }
            if let Some(change) = self.next_change().await? {
                self.position = change.position;
                if let Some(event) = self.event(&change).await? {
                    return Ok(event);
                }
            } else {
                return Ok(Event::Bookmark(self.position));
            }
        }
    }

    /// The next change of the journal, or nothing when it has been quiet for a while.
    async fn next_change(&mut self) -> Result<Option<Arc<Change>>> {
        loop {
            if let Some(change) = self.caught.pop_front() {
                return Ok(Some(change));
            }
            if self.behind {
                let changes = self.cx.platform.store.changes(self.position, BATCH).await?;
                self.behind = changes.len() == BATCH as usize;
                self.caught.extend(changes.into_iter().map(Arc::new));
                continue;
            }
            tokio::select! {
                received = self.receiver.recv() => match received {
                    Ok(change) if change.position > self.position => return Ok(Some(change)),
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                    Err(broadcast::error::RecvError::Closed) => {
                        return Err(Error::unavailable("shutting-down", "the platform is stopping").retry_after(1));
                    }
                },
                _ = self.ticks.tick() => return Ok(None),
            }
        }
    }

    fn concerns(&self, change: &Change) -> bool {
        change.org == self.cx.org_of(self.kind.scope)
            && change.kind == self.kind.id()
            && change.verb != "purge"
            // A later change tells of the object.
            && !change.is_emptied()
            && match &self.projects {
                Projects::All => true,
                Projects::These(names) => names.contains(&change.project),
            }
    }

    async fn event(&self, change: &Change) -> Result<Option<Event>> {
        if !self.concerns(change) {
            return Ok(None);
        }
        let raw = read::raw_at(&self.kind, change)?;
        let position = change.position;
        let Some(filter) = &self.filter else {
            return Ok(Some(if change.deleted {
                Event::Deleted(raw, position)
            } else if is_new(change, &raw) {
                Event::Added(raw, position)
            } else {
                Event::Modified(raw, position)
            }));
        };
        let now = !change.deleted && matches::holds(filter, &raw);
        let before = if is_new(change, &raw) { false } else { self.matched_before(filter, change).await? };
        Ok(match (before, now) {
            (false, true) => Some(Event::Added(raw, position)),
            (true, true) => Some(Event::Modified(raw, position)),
            (true, false) => Some(Event::Deleted(raw, position)),
            (false, false) => None,
        })
    }

    async fn matched_before(&self, filter: &Predicate, change: &Change) -> Result<bool> {
        let query = ChangeQuery {
            uid: Some(change.uid.clone()),
            before: Some(change.position),
            limit: 1,
            ..ChangeQuery::default()
        };
        let earlier = self.cx.platform.store.history(&query).await?;
        let Some(earlier) = earlier.first() else {
            return Ok(false);
        };
        Ok(!earlier.deleted
            && !earlier.is_emptied()
            && matches::holds(filter, &read::raw_at(&self.kind, earlier)?))
    }
}

/// A change is the first of an object when it was made at the moment the object was.
fn is_new(change: &Change, raw: &Raw) -> bool {
    change.time == raw.metadata.creation_timestamp || change.verb == "restore"
}

/// An event as Kubernetes writes it.
pub fn shown(kind: &KindDef, event: &Event) -> Value {
    let (word, raw, position) = match event {
        Event::Added(raw, position) => ("ADDED", raw, position),
        Event::Modified(raw, position) => ("MODIFIED", raw, position),
        Event::Deleted(raw, position) => ("DELETED", raw, position),
        Event::Bookmark(position) => {
            return json!({"type": "BOOKMARK", "object": {
                "apiVersion": kind.api_version(),
                "kind": object::pascal(kind.name),
                "metadata": {"resourceVersion": position.to_string()},
            }});
        }
    };
    let mut object = raw.shown(kind);
    object["metadata"]["resourceVersion"] = position.to_string().into();
    json!({"type": word, "object": object})
}

/// Whether a caller's selector would pick an object; for faces that filter on their own.
pub fn selects(kind: &KindDef, text: &str, raw: &Raw) -> Result<bool> {
    Ok(selection::parse(kind, text)?.is_none_or(|predicate| matches::holds(&predicate, raw)))
}
