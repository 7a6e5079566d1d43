-- Requests to teachers. SQLite cannot change a CHECK: `jobs` is copied to add a slot.
CREATE TABLE new_jobs (
    id TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    slot TEXT NOT NULL CHECK (slot IN ('gpu', 'cpu', 'api', 'batch')),
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
INSERT INTO new_jobs SELECT * FROM jobs ORDER BY rowid;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;
CREATE INDEX jobs_state ON jobs (state);
CREATE TABLE submissions (
    token TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES jobs,
    mode TEXT NOT NULL CHECK (mode IN ('batch', 'live', 'local')),
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,
    key_digest TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    estimated_usd REAL,
    submitted_at REAL NOT NULL,
    input_path TEXT,
    state TEXT NOT NULL,
    batch TEXT,
    completed INTEGER,
    failed INTEGER,
    total INTEGER,
    expires_at REAL,
    output_path TEXT,
    error_path TEXT,
    errors TEXT NOT NULL DEFAULT '[]',
    collected INTEGER NOT NULL DEFAULT 0,
    changed_at REAL NOT NULL
) STRICT;
CREATE INDEX submissions_job ON submissions (job);
CREATE TABLE submission_states (
    token TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL,
    completed INTEGER,
    failed INTEGER,
    total INTEGER,
    PRIMARY KEY (token, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE answers (
    token TEXT NOT NULL,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    dialog_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    text TEXT NOT NULL,
    error TEXT,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    output_tokens INTEGER,
    usd REAL,
    at REAL NOT NULL,
    PRIMARY KEY (token, key, number)
) STRICT, WITHOUT ROWID;
