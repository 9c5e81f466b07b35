//! The statements of the writer, prepared once for each connection.

use tokio_postgres::{Client, Error, Statement};

/// Each named for what it does; their texts stand below, in the order they are sent.
pub struct Statements {
    pub lock_head: Statement,
    pub add_scopes: Statement,
    pub find_scopes: Statement,
    pub find_objects: Statement,
    pub find_names: Statement,
    pub count_living: Statement,
    pub find_kept: Statement,
    pub find_streams: Statement,
    pub find_leases: Statement,
    pub find_token: Statement,
    pub add_changes: Statement,
    pub drop_objects: Statement,
    pub add_objects: Statement,
    pub drop_terms: Statement,
    pub add_terms: Statement,
    pub keep: Statement,
    pub append: Statement,
    pub drop_leases: Statement,
    pub add_leases: Statement,
    pub set_token: Statement,
    pub set_head: Statement,
    pub tell_head: Statement,
}

impl Statements {
    /// Prepares them all.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            lock_head: client.prepare(LOCK_HEAD).await?,
            add_scopes: client.prepare(ADD_SCOPES).await?,
            find_scopes: client.prepare(FIND_SCOPES).await?,
            find_objects: client.prepare(FIND_OBJECTS).await?,
            find_names: client.prepare(FIND_NAMES).await?,
            count_living: client.prepare(COUNT_LIVING).await?,
            find_kept: client.prepare(FIND_KEPT).await?,
            find_streams: client.prepare(FIND_STREAMS).await?,
            find_leases: client.prepare(FIND_LEASES).await?,
            find_token: client.prepare(FIND_TOKEN).await?,
            add_changes: client.prepare(ADD_CHANGES).await?,
            drop_objects: client.prepare(DROP_OBJECTS).await?,
            add_objects: client.prepare(ADD_OBJECTS).await?,
            drop_terms: client.prepare(DROP_TERMS).await?,
            add_terms: client.prepare(ADD_TERMS).await?,
            keep: client.prepare(KEEP).await?,
            append: client.prepare(APPEND).await?,
            drop_leases: client.prepare(DROP_LEASES).await?,
            add_leases: client.prepare(ADD_LEASES).await?,
            set_token: client.prepare(SET_TOKEN).await?,
            set_head: client.prepare(SET_HEAD).await?,
            tell_head: client.prepare(TELL_HEAD).await?,
        })
    }
}

/// Whoever writes holds this row: so positions have no gaps and appear in order.
pub const LOCK_HEAD: &str = "SELECT position, hash FROM journal_head FOR UPDATE";
const ADD_SCOPES: &str = "INSERT INTO scopes (org, kind, project) \
    SELECT w.org, w.kind, w.project FROM unnest($1::text[], $2::text[], $3::text[]) AS w(org, kind, project) \
    WHERE (SELECT s.id FROM scopes s WHERE s.kind = w.kind AND s.org = w.org AND s.project = w.project) IS NULL";
// A limit in a lateral question makes the planner ask it once for each row, by its index.
const FIND_SCOPES: &str = "SELECT f.id, w.org, w.kind, w.project \
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w(org, kind, project) CROSS JOIN LATERAL ( \
    SELECT s.id FROM scopes s WHERE s.kind = w.kind AND s.org = w.org AND s.project = w.project LIMIT 1) f";
const FIND_OBJECTS: &str = "SELECT uid, version, scope, name, deleted IS NULL FROM objects \
    WHERE uid = ANY($1::text[])";
const FIND_NAMES: &str = "SELECT f.id, w.name, n.uid \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w(org, kind, project, name) \
    CROSS JOIN LATERAL (SELECT s.id FROM scopes s \
    WHERE s.kind = w.kind AND s.org = w.org AND s.project = w.project LIMIT 1) f \
    CROSS JOIN LATERAL (SELECT o.uid FROM objects o \
    WHERE o.living = f.id AND o.name = w.name LIMIT 1) n";
const COUNT_LIVING: &str = "SELECT f.id, (SELECT count(*) FROM objects o WHERE o.living = f.id) \
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w(org, kind, project) \
    CROSS JOIN LATERAL (SELECT s.id FROM scopes s \
    WHERE s.kind = w.kind AND s.org = w.org AND s.project = w.project LIMIT 1) f";
const FIND_KEPT: &str = "SELECT w.space, w.key, f.expires \
    FROM unnest($1::text[], $2::text[]) AS w(space, key) CROSS JOIN LATERAL ( \
    SELECT k.expires FROM kept k WHERE k.space = w.space AND k.key = w.key LIMIT 1) f";
const FIND_STREAMS: &str = "SELECT w.stream, \
    coalesce((SELECT max(s.number) + 1 FROM streams s WHERE s.stream = w.stream), 0) \
    FROM unnest($1::text[]) AS w(stream)";
const FIND_LEASES: &str = "SELECT key, holder, token, expires FROM leases WHERE key = ANY($1::text[])";
const FIND_TOKEN: &str = "SELECT value FROM counters WHERE name = 'token'";
const ADD_CHANGES: &str = "INSERT INTO changes (position, time, org, project, kind, uid, name, verb, \
    actor, trace, deleted, body, previous, hash) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], \
    $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::bytea[], $14::bytea[])";
// What changes is taken out and put in again: only so may two objects of a group swap their names.
const DROP_OBJECTS: &str = "DELETE FROM objects WHERE uid = ANY($1::text[])";
const ADD_OBJECTS: &str = "INSERT INTO objects (uid, scope, name, version, generation, created, deleted, body) \
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], \
    $7::bigint[], $8::text[])";
const DROP_TERMS: &str = "DELETE FROM terms WHERE ctid = ANY (ARRAY( \
    SELECT (SELECT t.ctid FROM terms t \
    WHERE t.scope = w.scope AND t.key = w.key AND t.value = w.value AND t.uid = w.uid) \
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS w(scope, key, value, uid)))";
const ADD_TERMS: &str = "INSERT INTO terms (scope, key, value, uid) \
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING";
const KEEP: &str = "INSERT INTO kept (space, key, value, expires) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) \
    ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires = excluded.expires";
const APPEND: &str = "INSERT INTO streams (stream, number, entry) \
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])";
const DROP_LEASES: &str = "DELETE FROM leases WHERE key = ANY($1::text[])";
const ADD_LEASES: &str = "INSERT INTO leases (key, holder, token, expires) \
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])";
const SET_TOKEN: &str = "UPDATE counters SET value = $1::bigint WHERE name = 'token'";
const SET_HEAD: &str = "UPDATE journal_head SET position = $1::bigint, hash = $2::bytea";
const TELL_HEAD: &str = "SELECT pg_notify('aic_head', $1::text)";
