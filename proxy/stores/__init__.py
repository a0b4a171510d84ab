"""Where what is learned is kept: memory, SQLite for one process, Redis for a fleet."""
