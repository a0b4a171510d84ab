"""The proxy judged at byte level, on both sides, as a real process."""
