-- The GPU of an attempt.
ALTER TABLE attempts ADD COLUMN gpu TEXT;
