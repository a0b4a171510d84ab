"""One Redis for all tests of budgets in it."""

from tests.kit.redis_links import Connect, connect, link, running_redis

__all__ = ["Connect", "connect", "link", "running_redis"]
