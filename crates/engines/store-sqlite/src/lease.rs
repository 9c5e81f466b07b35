//! Leases: who may work on what, with a token that only grows.

use base::Time;
use kernel::store::Lease;
use rusqlite::{OptionalExtension, params};
use store_sql::Claim;

use crate::{apply::Journal, fail::Failure};

impl Journal {
    /// Refuses whoever no longer holds a lease.
    pub fn hold(&self, key: &str, token: u64) -> Result<(), Failure> {
        let held = self
            .db
            .prepare_cached("SELECT 1 FROM leases WHERE key = ?1 AND token = ?2")?
            .exists(params![key, token as i64])?;
        if held {
            return Ok(());
        }
        Err(store_sql::lease_lost(key).into())
    }

    /// Gives out a lease that is free, or prolongs one's own.
    pub fn lease(&self, claim: &Claim) -> Result<Option<Lease>, Failure> {
        let held: Option<(String, i64, i64)> = self
            .db
            .prepare_cached("SELECT holder, token, expires FROM leases WHERE key = ?1")?
            .query_row([&claim.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let token = match held {
            Some((holder, token, _)) if holder == claim.holder => token,
            Some((_, _, expires)) if Time::from_micros(expires) > claim.now => return Ok(None),
            Some(_) | None => self.next_token()?,
        };
        self.db
            .prepare_cached(
                "INSERT INTO leases (key, holder, token, expires) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, \
                 token = excluded.token, expires = excluded.expires",
            )?
            .execute(params![claim.key, claim.holder, token, claim.expires.micros()])?;
        Ok(Some(Lease {
            key: claim.key.clone(),
            holder: claim.holder.clone(),
            token: token as u64,
            expires: claim.expires,
        }))
    }

    /// One counter for all leases: a lease that was given back never hands out an old token again.
    fn next_token(&self) -> rusqlite::Result<i64> {
        self.db
            .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = 'token' RETURNING value")?
            .query_row([], |row| row.get(0))
    }

    /// Gives a lease back, if it is still held.
    pub fn release(&self, lease: &Lease) -> rusqlite::Result<()> {
        self.db
            .prepare_cached("DELETE FROM leases WHERE key = ?1 AND token = ?2")?
            .execute(params![lease.key, lease.token as i64])
            .map(drop)
    }
}
