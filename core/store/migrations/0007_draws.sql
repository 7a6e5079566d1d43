-- With which probability, and from how many dialogues, the dialogue of a vote was drawn; null if uniformly.
ALTER TABLE votes ADD COLUMN probability REAL;
ALTER TABLE votes ADD COLUMN among INTEGER;
