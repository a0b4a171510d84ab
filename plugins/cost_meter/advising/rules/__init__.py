"""What is looked for: pure functions from evidence to findings, one file for each concern."""
