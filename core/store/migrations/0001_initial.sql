-- The tables of the first version.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE dialogues (
    dialog_id TEXT PRIMARY KEY,
    position INTEGER NOT NULL UNIQUE,
    emotion TEXT NOT NULL,
    sentiment TEXT NOT NULL,
    plutchik TEXT NOT NULL,
    situation TEXT NOT NULL,
    utterance TEXT NOT NULL,
    split TEXT NOT NULL CHECK (split IN ('train', 'test'))
) STRICT;
CREATE INDEX dialogues_split ON dialogues (split, position);
CREATE TABLE ratings (
    dialog_id TEXT NOT NULL REFERENCES dialogues ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 3),
    PRIMARY KEY (dialog_id, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    slot TEXT NOT NULL CHECK (slot IN ('gpu', 'cpu', 'api')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'running', 'done', 'failed', 'cancelled')),
    settings TEXT NOT NULL,
    inputs TEXT NOT NULL,
    depends_on TEXT NOT NULL,
    requested_at REAL NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    started_at REAL,
    finished_at REAL,
    done INTEGER,
    total INTEGER,
    eta_s REAL,
    error TEXT,
    result TEXT
) STRICT;
CREATE INDEX jobs_state ON jobs (state);
CREATE TABLE attempts (
    job TEXT NOT NULL REFERENCES jobs,
    number INTEGER NOT NULL,
    folder TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'lost')),
    pid INTEGER,
    host TEXT,
    started_at REAL NOT NULL,
    ended_at REAL,
    seq INTEGER NOT NULL DEFAULT 0,
    offset INTEGER NOT NULL DEFAULT 0,
    reached INTEGER,
    cancel_at REAL,
    error TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE metrics (
    job TEXT NOT NULL REFERENCES jobs,
    step INTEGER NOT NULL,
    at REAL NOT NULL,
    metrics_json TEXT NOT NULL,
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;
CREATE TABLE samples (
    job TEXT NOT NULL REFERENCES jobs,
    step INTEGER NOT NULL,
    dialog_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, step, dialog_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE responses (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    text TEXT NOT NULL,
    finish TEXT NOT NULL,
    PRIMARY KEY (job, dialog_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE verdicts (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    winner TEXT NOT NULL CHECK (winner IN ('a', 'b', 'tie', 'invalid')),
    raw TEXT NOT NULL,
    PRIMARY KEY (job, dialog_id, ordering)
) STRICT, WITHOUT ROWID;
CREATE TABLE artifacts (
    job TEXT NOT NULL REFERENCES jobs,
    name TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    job TEXT,
    attempt INTEGER,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE intents (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    result TEXT,
    error TEXT,
    finished_at REAL
) STRICT;
CREATE INDEX intents_pending ON intents (id) WHERE state = 'pending';
