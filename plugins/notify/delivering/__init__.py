"""How alerts get from the process into the store, and from there to people."""
