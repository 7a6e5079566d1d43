-- Verdicts in each dimension of empathy, and jobs that read stored answers again without sending requests.
ALTER TABLE verdicts ADD COLUMN cognitive TEXT CHECK (cognitive IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE verdicts ADD COLUMN affective TEXT CHECK (affective IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE verdicts ADD COLUMN compassionate TEXT CHECK (compassionate IN ('a', 'b', 'tie', 'invalid'));
ALTER TABLE jobs ADD COLUMN sends_requests INTEGER NOT NULL DEFAULT 1;
