"""Where the API of messages is: the paths that its clients know."""

__all__ = ["MESSAGES", "STATS"]

MESSAGES = "/api/v2/onlyfans/messages"
STATS = "/api/v2/onlyfans/stats"
