"""Floor 3: the hot path, from the door to the upstream connections."""
