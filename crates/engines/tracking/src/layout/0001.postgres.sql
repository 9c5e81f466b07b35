CREATE TABLE tracking_counter (change BIGINT NOT NULL);
INSERT INTO tracking_counter VALUES (0);
CREATE TABLE tracking_experiments (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL, places BIGINT NOT NULL, UNIQUE (org, id)
);
CREATE TABLE tracking_runs (
    number BIGINT PRIMARY KEY, org TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL,
    experiment BIGINT NOT NULL, change BIGINT NOT NULL, doc BYTEA NOT NULL, UNIQUE (org, id)
);
CREATE INDEX tracking_runs_by_change ON tracking_runs (experiment, change, number);
CREATE TABLE tracking_blocks (
    run BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, number BIGINT NOT NULL, block BYTEA NOT NULL,
    PRIMARY KEY (run, key, number)
);
CREATE TABLE tracking_measured (
    org TEXT COLLATE "C" NOT NULL, model TEXT COLLATE "C" NOT NULL, run BIGINT NOT NULL,
    PRIMARY KEY (org, model, run)
);
CREATE TABLE tracking_files (
    org TEXT COLLATE "C" NOT NULL, tree TEXT COLLATE "C" NOT NULL, path TEXT COLLATE "C" NOT NULL,
    blob BYTEA NOT NULL, bytes BIGINT NOT NULL, time_ms BIGINT NOT NULL, PRIMARY KEY (org, tree, path)
);
CREATE INDEX tracking_files_by_blob ON tracking_files (blob);
