"""How the app feels: the first screen, keys, streams of records, charts."""
