"""The ledger of this process: intents, rows, totals, in one SQLite file."""
