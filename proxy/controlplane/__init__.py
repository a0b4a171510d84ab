"""Floor 4: builds and swaps generations; health, admin, metrics, lifecycle."""
