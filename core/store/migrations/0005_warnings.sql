-- Warnings of attempts, and jobs that are done again from the start.
CREATE TABLE warnings (
    job TEXT NOT NULL REFERENCES jobs,
    attempt INTEGER NOT NULL,
    text TEXT NOT NULL,
    times INTEGER NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (job, attempt, text)
) STRICT, WITHOUT ROWID;
ALTER TABLE jobs ADD COLUMN redone_after INTEGER NOT NULL DEFAULT 0;
