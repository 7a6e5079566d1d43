-- What shows a reader which jobs have changed since it last read them, and what is looked up at each tick of
-- the supervisor. A job's revision is larger than that of every earlier change of any job, and changes with
-- each column that readers see, of the job, its attempts and their warnings.
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
