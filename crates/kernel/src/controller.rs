//! What runs beside the calls: controllers follow the journal by position with a durable cursor and make
//! what is like what is wanted; periodic work is done again and again.

use std::{sync::Arc, time::Duration};

use base::Result;

use crate::{
    Later,
    access::Principal,
    cx::Cx,
    journal::{self, Change},
    platform::Platform,
    store::{Commit, Kept},
};

/// A follower of one kind's changes.
#[derive(Clone)]
pub struct Controller {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) act: Arc<dyn Fn(Cx, Change) -> Later<'static, ()> + Send + Sync>,
}

/// How often a change is tried before it is left behind with an error in the log.
const TRIES: u32 = 5;
/// Seconds a controller's lease lasts.
const LEASE_S: u32 = 15;

impl Controller {
    /// Follows the journal until the platform stops.
    pub(crate) async fn follow(self, platform: Arc<Platform>) {
        let mut head = platform.store.head();
        loop {
            if let Err(error) = self.catch_up(&platform).await {
                tracing::warn!(controller = self.name, ?error, "will try again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                // Another replica may have held the lease.
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
    }

    async fn catch_up(&self, platform: &Arc<Platform>) -> Result<()> {
        let store = &platform.store;
        let key = format!("controller/{}", self.name);
        let Some(lease) = store.lease(&key, &platform.holder, platform.clock.now(), LEASE_S).await? else {
            return Ok(());
        };
        let mut position = self.cursor(platform).await?;
        loop {
            let changes = store.changes(position, 200).await?;
            let Some(last) = changes.last().map(|change| change.position) else {
                break;
            };
            // Of what was emptied a later change tells, unless the object is gone for good.
            let told = |it: &Change| it.kind == self.kind && (!it.is_emptied() || it.verb == journal::PURGE);
            for change in changes.into_iter().filter(told) {
                self.handle(platform, change).await;
            }
            position = last;
            let kept = Kept {
                space: "cursor".to_owned(),
                key: self.name.to_owned(),
                value: position.to_string(),
                expires: None,
                unless_kept: None,
            };
            let fence = Some((lease.key.clone(), lease.token));
            store.commit(Commit { keep: vec![kept], fence, ..Commit::default() }).await?;
            store.lease(&key, &platform.holder, platform.clock.now(), LEASE_S).await?;
            platform.progressed();
        }
        platform.progressed();
        Ok(())
    }

    /// Up to which position every change has been handled.
    pub(crate) async fn cursor(&self, platform: &Platform) -> Result<u64> {
        let kept = platform.store.kept("cursor", self.name, platform.clock.now()).await?;
        Ok(kept.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    async fn handle(&self, platform: &Arc<Platform>, change: Change) {
        let principal = Principal::system(self.name, &change.org);
        let cx = platform.cx_of(principal, &change.project).doing(self.name);
        for attempt in 1..=TRIES {
            match (self.act)(cx.clone(), change.clone()).await {
                Ok(()) => return,
                Err(error) if attempt == TRIES => {
                    tracing::error!(controller = self.name, position = change.position, ?error, "gave up");
                }
                Err(error) => {
                    tracing::debug!(
                        controller = self.name,
                        position = change.position,
                        ?error,
                        "trying again"
                    );
                    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
                }
            }
        }
    }
}

/// Work that is done again and again, by one process at a time.
#[derive(Clone)]
pub struct Periodic {
    pub(crate) name: &'static str,
    pub(crate) seconds: u32,
    pub(crate) act: Arc<dyn Fn(Cx) -> Later<'static, ()> + Send + Sync>,
}

impl Periodic {
    pub(crate) async fn again_and_again(self, platform: Arc<Platform>) {
        let mut ticks = tokio::time::interval(Duration::from_secs(u64::from(self.seconds.max(1))));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let key = format!("periodic/{}", self.name);
        loop {
            ticks.tick().await;
            // A lease as long as a period keeps other processes from doing the same work in it.
            let lease =
                platform.store.lease(&key, &platform.holder, platform.clock.now(), self.seconds).await;
            let done = match lease {
                Ok(Some(_)) => {
                    let cx = platform.cx_of(Principal::system(self.name, ""), "").doing(self.name);
                    (self.act)(cx).await
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::warn!(work = self.name, ?error, "will try again");
            }
        }
    }
}
