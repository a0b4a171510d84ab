"""Where the costs API is: the paths that its clients know."""

__all__ = ["ALERTS", "BREAKDOWN", "FORECAST", "OPENAPI", "OPTIMIZATION", "STATS", "THRESHOLDS"]

BREAKDOWN = "/api/v2/costs/breakdown"
STATS = "/api/v2/costs/stats"
FORECAST = "/api/v2/costs/forecast"
OPTIMIZATION = "/api/v2/costs/optimization"
ALERTS = "/api/v2/costs/alerts"
THRESHOLDS = "/api/v2/costs/thresholds"
OPENAPI = "/api/v2/costs/openapi.json"
