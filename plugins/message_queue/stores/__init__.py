"""Where the queue is kept: in a SQLite file or in a Redis."""
