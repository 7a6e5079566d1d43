-- Repeated verdicts on the same pair in the same order, verdict probabilities, and people's votes.
CREATE TABLE new_verdicts (
    job TEXT NOT NULL REFERENCES jobs,
    dialog_id TEXT NOT NULL,
    ordering TEXT NOT NULL CHECK (ordering IN ('ab', 'ba')),
    number INTEGER NOT NULL,
    winner TEXT NOT NULL CHECK (winner IN ('a', 'b', 'tie', 'invalid')),
    raw TEXT NOT NULL,
    probability_b REAL,
    PRIMARY KEY (job, dialog_id, ordering, number)
) STRICT, WITHOUT ROWID;
INSERT INTO new_verdicts SELECT job, dialog_id, ordering, 1, winner, raw, NULL FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE new_verdicts RENAME TO verdicts;
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
