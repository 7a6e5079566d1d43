-- Jobs that rungs have stopped, and those that start whatever rungs decide. SQLite cannot change a CHECK:
-- `jobs` is copied to add a state.
CREATE TABLE new_jobs (
    id TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    slot TEXT NOT NULL CHECK (slot IN ('gpu', 'cpu', 'api', 'batch')),
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'ready', 'running', 'done', 'failed', 'cancelled', 'stopped')),
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
    result TEXT,
    waiting TEXT,
    redone_after INTEGER NOT NULL DEFAULT 0,
    sends_requests INTEGER NOT NULL DEFAULT 1,
    revision INTEGER NOT NULL DEFAULT 0,
    engine TEXT,
    ignores_rungs INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO new_jobs SELECT *, 0 FROM jobs ORDER BY rowid;
DROP TRIGGER attempts_insert;
DROP TRIGGER attempts_update;
DROP TRIGGER warnings_insert;
DROP TRIGGER warnings_update;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;
CREATE INDEX jobs_state ON jobs (state);
CREATE INDEX jobs_revision ON jobs (revision);
CREATE TRIGGER jobs_insert AFTER INSERT ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER jobs_update AFTER UPDATE OF state, done, total, eta_s, attempt, started_at, finished_at, error,
 slot, depends_on, result, waiting, redone_after, ignores_rungs ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER jobs_delete AFTER DELETE ON jobs BEGIN
 UPDATE jobs SET revision = OLD.revision + 1 WHERE OLD.revision > (SELECT max(revision) FROM jobs)
 AND rowid = (SELECT max(rowid) FROM jobs); END;
CREATE TRIGGER attempts_insert AFTER INSERT ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER attempts_update AFTER UPDATE OF folder, gpu, cancel_at, host, queue ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_insert AFTER INSERT ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_update AFTER UPDATE ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
