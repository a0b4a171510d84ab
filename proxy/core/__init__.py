"""Floor 0: values in, values out. No clock, no socket, no logger, no randomness."""
