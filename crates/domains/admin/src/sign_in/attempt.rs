//! Tries to guess something: so many in so many minutes, counted before they are judged.

use kernel::{
    prelude::*,
    store::{Commit, Kept},
};

/// How many wrong tries there may be.
pub const TRIES: usize = 10;
/// Seconds a wrong try is remembered.
pub const REMEMBERED_S: i64 = 15 * 60;

const SPACE: &str = "attempts";

/// A try that has been taken.
pub struct Attempt {
    key: String,
    slot: usize,
}

impl Attempt {
    /// Takes a try.
    ///
    /// # Errors
    /// `too-many-attempts` when none is left.
    pub async fn begin(cx: &Cx, what: &str, account: &str) -> Result<Self> {
        let key = key(cx, what, account);
        let now = cx.now();
        for slot in 0..TRIES {
            if cx.platform().store.kept(SPACE, &at(&key, slot), now).await?.is_some() {
                continue;
            }
            let kept = keep(&key, slot, now.plus_s(REMEMBERED_S), Some(now));
            let commit = Commit { keep: vec![kept], ..Commit::default() };
            match cx.platform().store.commit(commit).await {
                Ok(_) => return Ok(Self { key, slot }),
                // Somebody tries at the same moment, and took this one.
                Err(error) if error.code() == "already-kept" => {}
                Err(error) => return Err(error),
            }
        }
        let minutes = REMEMBERED_S / 60;
        let message = format!("{TRIES} tries were wrong; no more are taken for up to {minutes} minutes");
        Err(Error::new(base::Status::TooMany, "too-many-attempts", message)
            .hint("wait, or let an administrator set a new password")
            .retry_after(REMEMBERED_S as u32))
    }

    /// The try was right: those before it are forgiven too.
    pub async fn forgive(self, cx: &Cx) -> Result<()> {
        forget(cx, &self.key, self.slot).await
    }

    /// All tries are forgiven, because what was guessed at has changed.
    pub async fn forgive_all(cx: &Cx, what: &str, account: &str) -> Result<()> {
        forget(cx, &key(cx, what, account), TRIES - 1).await
    }
}

fn key(cx: &Cx, what: &str, account: &str) -> String {
    Digest::of(format!("{what}\0{}\0{}", cx.org, account.to_lowercase()).as_bytes()).to_string()
}

async fn forget(cx: &Cx, key: &str, last: usize) -> Result<()> {
    let now = cx.now();
    let keep = (0..=last).map(|slot| keep(key, slot, now, None)).collect();
    cx.platform().store.commit(Commit { keep, ..Commit::default() }).await.map(|_| ())
}

fn at(key: &str, slot: usize) -> String {
    format!("{key}/{slot}")
}

fn keep(key: &str, slot: usize, expires: Time, unless_kept: Option<Time>) -> Kept {
    let (space, key) = (SPACE.to_owned(), at(key, slot));
    Kept { space, key, value: String::new(), expires: Some(expires), unless_kept }
}
