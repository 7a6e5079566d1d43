-- Responses without a rating.
CREATE TABLE ratings_new (
    dialog_id TEXT NOT NULL REFERENCES dialogues ON DELETE CASCADE,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    rating INTEGER CHECK (rating BETWEEN 1 AND 3),
    PRIMARY KEY (dialog_id, source)
) STRICT, WITHOUT ROWID;
INSERT INTO ratings_new SELECT dialog_id, source, text, rating FROM ratings;
DROP TABLE ratings;
ALTER TABLE ratings_new RENAME TO ratings;
