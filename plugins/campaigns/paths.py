"""Where the v2 API is: the paths that its clients know."""

__all__ = ["COSTS", "HEALTH", "HYBRID", "METRICS", "OPENAPI", "STATUS"]

HYBRID = "/api/v2/campaigns/hybrid"
STATUS = "/api/v2/campaigns/status"
COSTS = "/api/v2/campaigns/costs"
OPENAPI = "/api/v2/campaigns/openapi.json"
HEALTH = "/api/health/hybrid-orchestrator"
METRICS = "/api/metrics/orchestrator"
