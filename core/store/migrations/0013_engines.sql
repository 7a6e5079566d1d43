-- Tokens of reasoning.
ALTER TABLE answers ADD COLUMN reasoning_tokens INTEGER;
-- Which attempts lost their place. SQLite cannot change the CHECK of `state`: theirs is lost.
ALTER TABLE attempts ADD COLUMN is_preempted INTEGER NOT NULL DEFAULT 0;
-- Where attempts run, how many places of a slot they take, and what engines say of themselves.
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
