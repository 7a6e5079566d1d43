-- Costs that are estimates, and what running jobs wait for.
ALTER TABLE answers ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waiting TEXT;
