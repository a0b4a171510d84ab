"""Where alerts and their deliveries are kept: SQLite (or memory), Redis."""
