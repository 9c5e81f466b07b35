CREATE TABLE tracking_traces (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL,
    experiment TEXT COLLATE "C" NOT NULL, began BIGINT NOT NULL, lasted BIGINT, state TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C", session TEXT COLLATE "C", doc TEXT NOT NULL, UNIQUE (org, id)
);
CREATE INDEX tracking_traces_by_time ON tracking_traces (org, experiment, began, id);
CREATE INDEX tracking_traces_by_session ON tracking_traces (org, session) WHERE session IS NOT NULL;
CREATE TABLE tracking_trace_pairs (
    trace BIGINT NOT NULL, sort BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace, sort, key)
);
CREATE TABLE tracking_trace_assessments (
    trace BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, sort TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL, number FLOAT8, valid BIGINT NOT NULL, of_session BIGINT NOT NULL,
    PRIMARY KEY (trace, id)
);
CREATE TABLE tracking_spans (
    trace BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL, parent TEXT COLLATE "C", name TEXT COLLATE "C" NOT NULL,
    sort TEXT COLLATE "C", status TEXT COLLATE "C" NOT NULL, began BIGINT NOT NULL, doc TEXT NOT NULL,
    body TEXT COLLATE "C" NOT NULL, PRIMARY KEY (trace, id)
);
CREATE INDEX tracking_trace_links ON tracking_trace_pairs (key, trace) WHERE sort >= 2;
