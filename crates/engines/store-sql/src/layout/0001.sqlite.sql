-- A scope is an organization, kind and project; its number keeps the indexes small.
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY,
    org TEXT NOT NULL,
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    UNIQUE (kind, org, project)
);
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    created INTEGER NOT NULL,
    deleted INTEGER,
    body TEXT NOT NULL
);
-- One for each order a list can have; the first also keeps names unique among the living.
CREATE UNIQUE INDEX objects_name ON objects (scope, name) WHERE deleted IS NULL;
CREATE INDEX objects_uid ON objects (scope, uid) WHERE deleted IS NULL;
CREATE INDEX objects_created ON objects (scope, created, uid) WHERE deleted IS NULL;
CREATE INDEX objects_version ON objects (scope, version) WHERE deleted IS NULL;
CREATE INDEX objects_trash ON objects (scope, uid) WHERE deleted IS NOT NULL;
CREATE TABLE terms (
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    uid TEXT NOT NULL,
    PRIMARY KEY (scope, key, value, uid)
) WITHOUT ROWID;
CREATE TABLE changes (
    position INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    org TEXT NOT NULL,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    name TEXT NOT NULL,
    verb TEXT NOT NULL,
    actor TEXT NOT NULL,
    trace TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    body TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX changes_uid ON changes (uid, position);
CREATE INDEX changes_org ON changes (org, position);
CREATE TABLE kept (
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires INTEGER,
    PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE INDEX kept_expires ON kept (expires) WHERE expires IS NOT NULL;
CREATE TABLE streams (
    stream TEXT NOT NULL,
    number INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (stream, number)
) WITHOUT ROWID;
CREATE TABLE leases (
    key TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
-- Numbers that only grow: `token` for leases, `repairs` after a failed commit.
CREATE TABLE counters (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('token', 0), ('repairs', 0);
