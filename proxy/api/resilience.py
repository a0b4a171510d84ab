"""What keeps a failing service from taking its callers along: breakers, retries, their budget.

All of it is arithmetic: times and random numbers are passed in, and nothing is called. A plugin
that calls something has one `Breaker` for each thing that fails by itself, one `RetryBudget`
for each kind of request, and is the only one that retries.
"""

from proxy.core.breaker import Breaker, BreakerRules, Permit, State
from proxy.core.breakers import Breakers
from proxy.core.retry_budget import RetryBudget
from proxy.core.retrying import LONGEST_WAIT, backoff, retry_after, should_retry

__all__ = [
    "LONGEST_WAIT",
    "Breaker",
    "BreakerRules",
    "Breakers",
    "Permit",
    "RetryBudget",
    "State",
    "backoff",
    "retry_after",
    "should_retry",
]
