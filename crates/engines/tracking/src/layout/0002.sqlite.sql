CREATE TABLE traces (
    number INTEGER PRIMARY KEY, org TEXT NOT NULL, id TEXT NOT NULL, experiment TEXT NOT NULL, began INTEGER NOT NULL,
    lasted INTEGER, state TEXT NOT NULL, client TEXT, session TEXT, doc TEXT NOT NULL, UNIQUE (org, id)
);
CREATE INDEX traces_by_time ON traces (org, experiment, began, id);
CREATE INDEX traces_by_session ON traces (org, session) WHERE session IS NOT NULL;
CREATE TABLE trace_pairs (
    trace INTEGER NOT NULL, sort INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (trace, sort, key)
) WITHOUT ROWID;
CREATE TABLE trace_assessments (
    trace INTEGER NOT NULL, id TEXT NOT NULL, sort TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    number REAL, valid INTEGER NOT NULL, of_session INTEGER NOT NULL, PRIMARY KEY (trace, id)
) WITHOUT ROWID;
CREATE TABLE spans (
    trace INTEGER NOT NULL, id TEXT NOT NULL, parent TEXT, name TEXT NOT NULL, sort TEXT, status TEXT NOT NULL,
    began INTEGER NOT NULL, doc TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (trace, id)
) WITHOUT ROWID;
CREATE INDEX trace_links ON trace_pairs (key, trace) WHERE sort >= 2;
