"""Floor 2: finds plugins, imports and verifies them, and makes tuples of their hooks."""
