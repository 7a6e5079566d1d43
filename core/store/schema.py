"""The tables of state.db, and their migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.store import backups

if TYPE_CHECKING:
    from sqlite_utils import Database

#: `PRAGMA user_version` of the current schema: the number of migrations.
VERSION = 14
#: `PRAGMA application_id` of a state.db: "EmpT".
APPLICATION_ID = 0x456D7054

_INITIAL = """
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
"""

#: Requests to teachers. SQLite cannot change a CHECK: `jobs` is copied to add a slot.
_TEACHERS = """
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
"""

#: Repeated verdicts on the same pair in the same order, verdict probabilities, and people's votes.
_JUDGING = """
CREATE TABLE new_verdicts (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    number INTEGER NOT NULL,
    winner TEXT NOT NULL CHECK (winner IN ('a', 'b', 'tie', 'invalid')),
    raw TEXT NOT NULL,
    probability_b REAL,
    PRIMARY KEY (job, dialog_id, ordering, number)
) STRICT, WITHOUT ROWID;
INSERT INTO new_verdicts SELECT job, dialog_id, ordering, 1, winner, raw, NULL FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE new_verdicts RENAME TO verdicts;
CREATE TABLE votes (
    voter TEXT NOT NULL,
    dialog_id TEXT NOT NULL,
    digest_a TEXT NOT NULL,
    digest_b TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    choice TEXT NOT NULL CHECK (choice IN ('a', 'b', 'tie', 'skip')),
    at REAL NOT NULL,
    PRIMARY KEY (voter, dialog_id, digest_a, digest_b),
    CHECK (digest_a < digest_b)
) STRICT, WITHOUT ROWID;
"""

#: Costs that are estimates, and what running jobs wait for.
_WAITING = """
ALTER TABLE answers ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waiting TEXT;
"""

#: Warnings of attempts, and jobs that are done again from the start.
_WARNINGS = """
CREATE TABLE warnings (
    job TEXT NOT NULL REFERENCES jobs,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, attempt, text)
) STRICT, WITHOUT ROWID;
ALTER TABLE jobs ADD COLUMN redone_after INTEGER NOT NULL DEFAULT 0;
"""

#: Verdicts in each dimension of empathy, and jobs that read stored answers again without sending requests.
_DIMENSIONS = """
ALTER TABLE verdicts ADD COLUMN cognitive TEXT CHECK (cognitive IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE verdicts ADD COLUMN affective TEXT CHECK (affective IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE verdicts ADD COLUMN compassionate TEXT CHECK (compassionate IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE jobs ADD COLUMN sends_requests INTEGER NOT NULL DEFAULT 1;
"""

#: With which probability, and from how many dialogues, the dialogue of a vote was drawn; null if uniformly.
_DRAWS = """
ALTER TABLE votes ADD COLUMN probability REAL;
ALTER TABLE votes ADD COLUMN among INTEGER;
"""

#: What distinguishes a worker's process from others that get the same id.
_PROCESSES = """
ALTER TABLE attempts ADD COLUMN process TEXT;
"""

#: The GPU of an attempt.
_DEVICES = """
ALTER TABLE attempts ADD COLUMN gpu TEXT;
"""

#: What shows a reader which jobs have changed since it last read them, and what is looked up at each tick of
#: the supervisor. A job's revision is larger than that of every earlier change of any job, and changes with
#: each column that readers see, of the job, its attempts and their warnings.
_REVISIONS = """
ALTER TABLE jobs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_revision ON jobs (revision);
CREATE TRIGGER jobs_insert AFTER INSERT ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER jobs_update AFTER UPDATE OF state, done, total, eta_s, attempt, started_at, finished_at, error,
 slot, depends_on, result, waiting, redone_after ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER attempts_insert AFTER INSERT ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER attempts_update AFTER UPDATE OF folder, gpu, cancel_at ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_insert AFTER INSERT ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_update AFTER UPDATE ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE INDEX attempts_state ON attempts (state);
CREATE INDEX events_job ON events (job, id);
"""

#: Notes about runs, and revisions that only grow when jobs are deleted.
_RUN_NOTES = """
CREATE TABLE run_notes (
    job TEXT PRIMARY KEY REFERENCES jobs,
    archived INTEGER NOT NULL,
    tags TEXT NOT NULL,
    note TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_delete AFTER DELETE ON jobs BEGIN
 UPDATE jobs SET revision = OLD.revision + 1 WHERE OLD.revision > (SELECT max(revision) FROM jobs)
 AND rowid = (SELECT max(rowid) FROM jobs); END;
"""

#: Responses without a rating.
_UNRATED = """
CREATE TABLE ratings_new (
    dialog_id TEXT NOT NULL REFERENCES dialogues ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    rating INTEGER CHECK (rating BETWEEN 1 AND 3),
    PRIMARY KEY (dialog_id, source)
) STRICT, WITHOUT ROWID;
INSERT INTO ratings_new SELECT dialog_id, source, text, rating FROM ratings;
DROP TABLE ratings;
ALTER TABLE ratings_new RENAME TO ratings;
"""

#: Tokens of reasoning.
_REASONING = """
ALTER TABLE answers ADD COLUMN reasoning_tokens INTEGER;
"""

#: Which attempts lost their place. SQLite cannot change the CHECK of `state`: theirs is lost.
_PREEMPTED = """
ALTER TABLE attempts ADD COLUMN is_preempted INTEGER NOT NULL DEFAULT 0;
"""

#: Where attempts run, how many places of a slot they take, and what engines say of themselves.
_ENGINES = """
ALTER TABLE jobs ADD COLUMN engine TEXT;
ALTER TABLE attempts ADD COLUMN engine TEXT NOT NULL DEFAULT 'local';
ALTER TABLE attempts ADD COLUMN queue TEXT;
ALTER TABLE attempts ADD COLUMN places INTEGER NOT NULL DEFAULT 1;
CREATE TABLE engines (
    name TEXT PRIMARY KEY,
    use TEXT NOT NULL) STRICT, WITHOUT ROWID;
DROP TRIGGER attempts_update;
CREATE TRIGGER attempts_update AFTER UPDATE OF folder, gpu, cancel_at, host, queue ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
"""

#: Jobs that rungs have stopped, and those that start whatever rungs decide. SQLite cannot change a CHECK:
#: `jobs` is copied to add a state.
_RUNGS = """
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
"""


def migrate(path: Path) -> None:
    """Create the file `path` with the current schema, or migrate it from an earlier version after a backup.

    Processes that do this at the same time wait for each other.
    """
    # sqlite_utils imports pandas, which takes seconds: readers must not wait for it.
    from filelock import FileLock
    from sqlite_utils import Database, Migrations

    migrations = Migrations("empathy-tui")

    @migrations(name="initial")
    def initial(db: Database) -> None:
        _execute(db, _INITIAL)

    @migrations(name="teachers")
    def teachers(db: Database) -> None:
        _execute(db, _TEACHERS)

    @migrations(name="judging")
    def judging(db: Database) -> None:
        _execute(db, _JUDGING)

    @migrations(name="waiting")
    def waiting(db: Database) -> None:
        _execute(db, _WAITING)

    @migrations(name="warnings")
    def warnings(db: Database) -> None:
        _execute(db, _WARNINGS)

    @migrations(name="dimensions")
    def dimensions(db: Database) -> None:
        _execute(db, _DIMENSIONS)

    @migrations(name="draws")
    def draws(db: Database) -> None:
        _execute(db, _DRAWS)

    @migrations(name="processes")
    def processes(db: Database) -> None:
        _execute(db, _PROCESSES)

    @migrations(name="devices")
    def devices(db: Database) -> None:
        _execute(db, _DEVICES)

    @migrations(name="revisions")
    def revisions(db: Database) -> None:
        _execute(db, _REVISIONS)

    @migrations(name="run notes")
    def run_notes(db: Database) -> None:
        _execute(db, _RUN_NOTES)

    @migrations(name="unrated")
    def unrated(db: Database) -> None:
        _execute(db, _UNRATED)

    @migrations(name="engines")
    def engines(db: Database) -> None:
        _execute(db, _REASONING + _PREEMPTED + _ENGINES)

    @migrations(name="rungs")
    def rungs(db: Database) -> None:
        _execute(db, _RUNGS)

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock"), fallback_to_soft=False):
        backups.back_up(path, VERSION)
        database = Database(path)
        try:
            database.execute("PRAGMA journal_mode = WAL").fetchone()
            migrations.apply(database)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        finally:
            database.close()


def _execute(db: Database, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            db.execute(statement)
