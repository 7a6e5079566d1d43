-- What distinguishes a worker's process from others that get the same id.
ALTER TABLE attempts ADD COLUMN process TEXT;
