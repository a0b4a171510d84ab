"""Where the API of alerts is: the path that its clients know."""

__all__ = ["ALERTS"]

ALERTS = "/api/v2/alerts"
