CREATE TABLE counter (change INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
CREATE TABLE experiments (
    number INTEGER PRIMARY KEY, org TEXT NOT NULL, id TEXT NOT NULL, places INTEGER NOT NULL, UNIQUE (org, id)
);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, org TEXT NOT NULL, id TEXT NOT NULL, experiment INTEGER NOT NULL,
    change INTEGER NOT NULL, doc BLOB NOT NULL, UNIQUE (org, id)
);
CREATE INDEX runs_by_change ON runs (experiment, change);
CREATE TABLE blocks (
    run INTEGER NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, block BLOB NOT NULL,
    PRIMARY KEY (run, key, number)
) WITHOUT ROWID;
CREATE TABLE measured (
    org TEXT NOT NULL, model TEXT NOT NULL, run INTEGER NOT NULL, PRIMARY KEY (org, model, run)
) WITHOUT ROWID;
CREATE TABLE files (
    org TEXT NOT NULL, tree TEXT NOT NULL, path TEXT NOT NULL, blob BLOB NOT NULL, bytes INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, PRIMARY KEY (org, tree, path)
) WITHOUT ROWID;
CREATE INDEX files_by_blob ON files (blob);
