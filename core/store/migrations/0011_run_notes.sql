-- Notes about runs, and revisions that only grow when jobs are deleted.
CREATE TABLE run_notes (
    job TEXT PRIMARY KEY REFERENCES jobs,
    archived INTEGER NOT NULL,
    tags TEXT NOT NULL,
    note TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_delete AFTER DELETE ON jobs BEGIN
 UPDATE jobs SET revision = OLD.revision + 1 WHERE OLD.revision > (SELECT max(revision) FROM jobs)
 AND rowid = (SELECT max(rowid) FROM jobs); END;
