-- A scope is an organization, kind and project; its number keeps the indexes small.
CREATE TABLE scopes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    UNIQUE (kind, org, project)
);
-- The body stays text byte for byte, because the journal's hashes are over it.
CREATE TABLE objects (
    uid text COLLATE "C" PRIMARY KEY,
    scope bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    generation bigint NOT NULL,
    created bigint NOT NULL,
    deleted bigint,
    body text COLLATE "C" NOT NULL,
    -- The scope of the living. With partial indexes instead, the planner guesses from missing
    -- statistics that hardly anything lives, and takes any index for as good as another.
    living bigint GENERATED ALWAYS AS (CASE WHEN deleted IS NULL THEN scope END) STORED
);
-- One for each order a list can have; the first also keeps names unique among the living.
CREATE UNIQUE INDEX objects_name ON objects (living, name);
CREATE INDEX objects_uid ON objects (living, uid);
CREATE INDEX objects_created ON objects (living, created, uid);
CREATE INDEX objects_version ON objects (living, version);
CREATE INDEX objects_trash ON objects (scope, uid) WHERE deleted IS NOT NULL;
CREATE TABLE terms (
    scope bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    uid text COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, key, value, uid)
);
CREATE TABLE changes (
    position bigint PRIMARY KEY,
    time bigint NOT NULL,
    org text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    uid text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    verb text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    trace text COLLATE "C" NOT NULL,
    deleted bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX changes_uid ON changes (uid, position);
CREATE INDEX changes_org ON changes (org, position);
-- Values and entries are whatever their writer says, a NUL included, which text here cannot hold.
CREATE TABLE kept (
    space text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    expires bigint,
    PRIMARY KEY (space, key)
);
CREATE INDEX kept_expires ON kept (expires) WHERE expires IS NOT NULL;
CREATE TABLE streams (
    stream text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    entry bytea NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE TABLE leases (
    key text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    token bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE TABLE counters (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO counters (name, value) VALUES ('token', 0), ('repairs', 0);
-- Its one row is locked by whoever writes, so that positions have no gaps and appear in order.
CREATE TABLE journal_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO journal_head (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
