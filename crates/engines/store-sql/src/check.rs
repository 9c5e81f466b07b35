//! What a commit must look like before any store looks at it, and what the stored object must be.

use base::{Error, Result, Status};
use kernel::{
    journal::PURGE,
    store::{Ceiling, Commit, Expect, Write},
};

/// The most rows one answer has, whatever was asked for.
pub const ROWS_MAX: u32 = 10_000;

/// The most rows one commit writes.
const COMMIT_ROWS_MAX: usize = 20_000;

/// The most bytes one commit writes.
const COMMIT_BYTES_MAX: usize = 64 << 20;

/// Refuses a commit that is too large for one transaction or breaks a rule of the journal.
///
/// # Errors
/// `commit-too-large`.
pub fn admit(commit: &Commit) -> Result<()> {
    let mut rows = commit.writes.len() + commit.keep.len();
    let mut bytes = 0;
    for write in &commit.writes {
        if write.purge != (write.verb == PURGE) {
            return Err(Error::internal(format!(
                "the verb `{}` and purge = {} contradict each other",
                write.verb, write.purge
            )));
        }
        rows += write.terms_in.len() + write.terms_out.len();
        bytes += write.record.body.len();
    }
    for kept in &commit.keep {
        bytes += kept.value.len();
    }
    for append in &commit.appends {
        rows += append.entries.len();
        bytes += append.entries.iter().map(String::len).sum::<usize>();
    }
    if rows <= COMMIT_ROWS_MAX && bytes <= COMMIT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::too_large("commit-too-large", format!("one commit writes {rows} rows and {bytes} bytes"))
        .hint(format!(
            "split it: at most {COMMIT_ROWS_MAX} rows and {COMMIT_BYTES_MAX} bytes are written at once"
        )))
}

/// What a store found under the uid of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its last change.
    pub version: u64,
    /// Where it is.
    pub scope: i64,
    /// What it is called.
    pub name: String,
    /// Whether it is not in the trash.
    pub living: bool,
}

/// Whether a write may happen. `named` asks for the uid of the living object with the write's name.
///
/// # Errors
/// `already-exists`, `stale-version`, and what `named` fails with.
pub fn fits(
    write: &Write,
    scope: i64,
    found: Option<&Found>,
    named: impl FnOnce() -> Result<Option<String>>,
) -> Result<()> {
    let record = &write.record;
    match (write.expect, found) {
        (Expect::Absent, None) => {}
        (Expect::Absent, Some(_)) => {
            return Err(exists(&format!("there is already an object `{}`", record.uid)));
        }
        (Expect::Version(version), Some(found)) if found.version == version => {}
        (Expect::Version(version), found) => {
            return Err(stale(record.name.as_str(), version, found));
        }
    }
    let lives = record.deleted.is_none() && !write.purge;
    let had_name =
        found.is_some_and(|found| found.living && found.scope == scope && found.name == record.name);
    if !lives || had_name {
        return Ok(());
    }
    match named()? {
        Some(uid) if uid != record.uid.as_str() => {
            Err(exists(&format!("the name `{}` is taken by another object", record.name)).at("metadata.name"))
        }
        Some(_) | None => Ok(()),
    }
}

fn exists(message: &str) -> Error {
    Error::conflict("already-exists", message).hint("choose another name, or change the one that is there")
}

fn stale(name: &str, expected: u64, found: Option<&Found>) -> Error {
    let message = match found {
        Some(found) => format!("`{name}` is at version {}, not at {expected}", found.version),
        None => format!("`{name}` is gone"),
    };
    Error::conflict("stale-version", message)
        .at("metadata.resourceVersion")
        .hint("read it again and repeat the change")
}

/// The refusal of a value that is kept already.
pub fn already_kept(space: &str, key: &str) -> Error {
    Error::conflict("already-kept", format!("`{space}` keeps a value for `{key}` already"))
}

/// Refuses where as many live as may.
///
/// # Errors
/// `quota-exceeded`.
pub fn has_room(ceiling: &Ceiling, living: u64) -> Result<()> {
    if living < ceiling.max {
        return Ok(());
    }
    let Ceiling { kind, project, max, rule, .. } = ceiling;
    Err(Error::forbidden("quota-exceeded", format!("`{project}` may hold {max} of `{kind}`, says `{rule}`"))
        .hint("delete what is no longer needed, or ask an administrator for a larger quota"))
}

/// The refusal of a write whose lease another holds.
pub fn lease_lost(key: &str) -> Error {
    Error::conflict("lease-lost", format!("the lease `{key}` is held by another"))
        .hint("stop working on it; its new holder carries on")
}

/// The refusal of entries that do not continue the journal.
pub fn chain_broken(position: u64, why: &str) -> Error {
    Error::new(
        Status::Conflict,
        "chain-broken",
        format!("entry {position} does not continue the journal: {why}"),
    )
    .hint("restore into an empty store, from a backup that `aic audit verify` accepts")
}
