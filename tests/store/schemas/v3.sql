BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'empathy-tui','initial','2026-11-29 16:00:23.836916+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'empathy-tui','teachers','2026-11-29 16:00:23.841663+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'empathy-tui','judging','2026-11-29 16:00:23.845623+00:00');
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
INSERT INTO "answers" VALUES('token-1','key of answers: é''
 ',3,'d1','outcome of answers: é''
 ','text of answers: é''
 ','error of answers: é''
 ',8,9,10,11.5,12.5);
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
    error TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "attempts" VALUES('sft-1',2,'artifacts/jobs/sft-1/1','failed',5,'host of attempts: é''
 ',7.5,8.5,9,10,11,12.5,'error of attempts: é''
 ');
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
) STRICT;
INSERT INTO "jobs" VALUES('sft-1','stage of jobs: é''
 ','name of jobs: é''
 ','fingerprint of jobs: é''
 ','cpu','failed','{"stage": "sft"}','{}','[]',10.5,11,12.5,13.5,14,15,16.5,'error of jobs: é''
 ',NULL);
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
CREATE TABLE ratings (
    dialog_id TEXT NOT NULL REFERENCES dialogues ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 3),
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
    probability_b REAL,
    PRIMARY KEY (job, dialog_id, ordering, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "verdicts" VALUES('sft-1','d1','ab',4,'a','raw of verdicts: é''
 ',7.5);
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
INSERT INTO "votes" VALUES('voter of votes: é''
 ','d1','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','a of votes: é''
 ','b of votes: é''
 ','ab','skip',9.5);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX dialogues_split ON dialogues (split, position);
CREATE INDEX intents_pending ON intents (id) WHERE state = 'pending';
CREATE INDEX jobs_state ON jobs (state);
CREATE INDEX submissions_job ON submissions (job);
COMMIT;
PRAGMA user_version = 3;
PRAGMA application_id = 0;
