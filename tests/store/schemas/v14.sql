BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'empathy-tui','initial','2026-11-30 03:52:29.639195+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'empathy-tui','teachers','2026-11-30 03:52:29.658122+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'empathy-tui','judging','2026-11-30 03:52:29.666701+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'empathy-tui','waiting','2026-11-30 03:52:29.674874+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'empathy-tui','warnings','2026-11-30 03:52:29.676803+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'empathy-tui','dimensions','2026-11-30 03:52:29.686679+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'empathy-tui','draws','2026-11-30 03:52:29.688074+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'empathy-tui','processes','2026-11-30 03:52:29.700178+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'empathy-tui','devices','2026-11-30 03:52:29.713385+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'empathy-tui','revisions','2026-11-30 03:52:29.716382+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'empathy-tui','run notes','2026-11-30 03:52:29.743095+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'empathy-tui','unrated','2026-11-30 03:52:29.756953+00:00');
INSERT INTO "_sqlite_migrations" VALUES(13,'empathy-tui','engines','2026-11-30 03:52:29.774968+00:00');
INSERT INTO "_sqlite_migrations" VALUES(14,'empathy-tui','result names','2026-11-30 03:52:29.783894+00:00');
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
    at REAL NOT NULL, estimated INTEGER NOT NULL DEFAULT 0, reasoning_tokens INTEGER,
    PRIMARY KEY (token, key, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "answers" VALUES('token-1','key of answers: é''
 ',3,'d1','outcome of answers: é''
 ','text of answers: é''
 ','error of answers: é''
 ',8,9,10,11.5,12.5,13,14);
CREATE TABLE artifacts (
    job TEXT NOT NULL REFERENCES jobs,
    name TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "artifacts" VALUES('sft-1','name of artifacts: é''
 ',3,'path of artifacts: é''
 ','sha256 of artifacts: é''
 ',6);
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
    error TEXT, process TEXT, gpu TEXT, is_preempted INTEGER NOT NULL DEFAULT 0, engine TEXT NOT NULL DEFAULT 'local', queue TEXT, places INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempts" VALUES('sft-1',2,'artifacts/jobs/sft-1/1','failed',5,'host of attempts: é''
 ',7.5,8.5,9,10,11,12.5,'error of attempts: é''
 ','process of attempts: é''
 ','gpu of attempts: é''
 ',16,'engine of attempts: é''
 ','queue of attempts: é''
 ',19);
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
INSERT INTO "dialogues" VALUES('d1',2,'emotion of dialogues: é''
 ','sentiment of dialogues: é''
 ','plutchik of dialogues: é''
 ','situation of dialogues: é''
 ','utterance of dialogues: é''
 ','test');
CREATE TABLE engines (
    name TEXT PRIMARY KEY,
    use TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "engines" VALUES('name of engines: é''
 ','use of engines: é''
 ');
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    job TEXT,
    attempt INTEGER,
    text TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1,2.5,'sft-1',4,'text of events: é''
 ');
CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
INSERT INTO "imports" VALUES(1,2.5,'file of imports: é''
 ','sha256 of imports: é''
 ','{"data": "all", "train": "t", "test": "u", "sources": ["chatgpt"], "file": "f", "sha256": "0"}');
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
INSERT INTO "intents" VALUES(1,'kind of intents: é''
 ','payload of intents: é''
 ',4.5,'done',NULL,'error of intents: é''
 ',8.5);
CREATE TABLE "jobs" (
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
, waiting TEXT, redone_after INTEGER NOT NULL DEFAULT 0, sends_requests INTEGER NOT NULL DEFAULT 1, revision INTEGER NOT NULL DEFAULT 0, engine TEXT) STRICT;
INSERT INTO "jobs" VALUES('sft-1','stage of jobs: é''
 ','name of jobs: é''
 ','fingerprint of jobs: é''
 ','cpu','failed','{}','{}','[]',10.5,11,12.5,13.5,14,15,16.5,'error of jobs: é''
 ',NULL,NULL,20,21,25,'engine of jobs: é''
 ');
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "meta" VALUES('key of meta: é''
 ','value of meta: é''
 ');
CREATE TABLE metrics (
    job TEXT NOT NULL REFERENCES jobs,
    step INTEGER NOT NULL,
    at REAL NOT NULL,
    metrics_json TEXT NOT NULL,
    PRIMARY KEY (job, step)
) STRICT, WITHOUT ROWID;
INSERT INTO "metrics" VALUES('sft-1',2,3.5,'{"loss": 1.5}');
CREATE TABLE "ratings" (
    dialog_id TEXT NOT NULL REFERENCES dialogues ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    rating INTEGER CHECK (rating BETWEEN 1 AND 3),
    PRIMARY KEY (dialog_id, source)
) STRICT, WITHOUT ROWID;
INSERT INTO "ratings" VALUES('d1','source of ratings: é''
 ','text of ratings: é''
 ',3);
CREATE TABLE responses (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    text TEXT NOT NULL,
    finish TEXT NOT NULL,
    PRIMARY KEY (job, dialog_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "responses" VALUES('sft-1','d1','text of responses: é''
 ','finish of responses: é''
 ');
CREATE TABLE run_notes (
    job TEXT PRIMARY KEY REFERENCES jobs,
    archived INTEGER NOT NULL,
    tags TEXT NOT NULL,
    note TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "run_notes" VALUES('sft-1',2,'tags of run_notes: é''
 ','note of run_notes: é''
 ');
CREATE TABLE samples (
    job TEXT NOT NULL REFERENCES jobs,
    step INTEGER NOT NULL,
    dialog_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, step, dialog_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "samples" VALUES('sft-1',2,'d1','text of samples: é''
 ');
CREATE TABLE submission_states (
    token TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL,
    completed INTEGER,
    failed INTEGER,
    total INTEGER,
    PRIMARY KEY (token, at)
) STRICT, WITHOUT ROWID;
INSERT INTO "submission_states" VALUES('token-1',2.5,'state of submission_states: é''
 ',4,5,6);
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
INSERT INTO "submissions" VALUES('token-1','sft-1','batch','provider of submissions: é''
 ','base_url of submissions: é''
 ','key_digest of submissions: é''
 ','model of submissions: é''
 ',8,9.5,10.5,'input_path of submissions: é''
 ','state of submissions: é''
 ','batch of submissions: é''
 ',14,15,16,17.5,'output_path of submissions: é''
 ','error_path of submissions: é''
 ','[]',21,22.5);
CREATE TABLE "verdicts" (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    number INTEGER NOT NULL,
    winner TEXT NOT NULL CHECK (winner IN ('a', 'b', 'tie', 'invalid')),
    raw TEXT NOT NULL,
    probability_b REAL, cognitive TEXT CHECK (cognitive IN ('a', 'b', 'tie', 'invalid')), affective TEXT CHECK (affective IN ('a', 'b', 'tie', 'invalid')), compassionate TEXT CHECK (compassionate IN ('a', 'b', 'tie', 'invalid')),
    PRIMARY KEY (job, dialog_id, ordering, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "verdicts" VALUES('sft-1','d1','ab',4,'a','raw of verdicts: é''
 ',7.5,'a','b','tie');
CREATE TABLE votes (
    voter TEXT NOT NULL,
    dialog_id TEXT NOT NULL,
    digest_a TEXT NOT NULL,
    digest_b TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    choice TEXT NOT NULL CHECK (choice IN ('a', 'b', 'tie', 'skip')),
    at REAL NOT NULL, probability REAL, among INTEGER,
    PRIMARY KEY (voter, dialog_id, digest_a, digest_b),
    CHECK (digest_a < digest_b)
) STRICT, WITHOUT ROWID;
INSERT INTO "votes" VALUES('voter of votes: é''
 ','d1','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','a of votes: é''
 ','b of votes: é''
 ','ab','skip',9.5,10.5,11);
CREATE TABLE warnings (
    job TEXT NOT NULL REFERENCES jobs,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, attempt, text)
) STRICT, WITHOUT ROWID;
INSERT INTO "warnings" VALUES('sft-1',2,'text of warnings: é''
 ',4,5.5);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX dialogues_split ON dialogues (split, position);
CREATE INDEX intents_pending ON intents (id) WHERE state = 'pending';
CREATE INDEX jobs_state ON jobs (state);
CREATE INDEX submissions_job ON submissions (job);
CREATE INDEX jobs_revision ON jobs (revision);
CREATE TRIGGER jobs_insert AFTER INSERT ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER jobs_update AFTER UPDATE OF state, done, total, eta_s, attempt, started_at, finished_at, error,
 slot, depends_on, result, waiting, redone_after ON jobs BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.id; END;
CREATE TRIGGER attempts_insert AFTER INSERT ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_insert AFTER INSERT ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE TRIGGER warnings_update AFTER UPDATE ON warnings BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
CREATE INDEX attempts_state ON attempts (state);
CREATE INDEX events_job ON events (job, id);
CREATE TRIGGER jobs_delete AFTER DELETE ON jobs BEGIN
 UPDATE jobs SET revision = OLD.revision + 1 WHERE OLD.revision > (SELECT max(revision) FROM jobs)
 AND rowid = (SELECT max(rowid) FROM jobs); END;
CREATE TRIGGER attempts_update AFTER UPDATE OF folder, gpu, cancel_at, host, queue ON attempts BEGIN
 UPDATE jobs SET revision = (SELECT max(revision) + 1 FROM jobs) WHERE id = NEW.job; END;
COMMIT;
PRAGMA user_version = 14;
PRAGMA application_id = 1164800084;
