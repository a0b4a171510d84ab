"""Does what was decided: attempts, hedges, streams, and their metrics."""
