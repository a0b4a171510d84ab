"""The public error codes: their HTTP statuses, and which of them anybody else may help with."""

from collections.abc import Mapping

from proxy.api.workflows import ErrorCode

__all__ = ["STATUSES", "may_repeat", "wants_provider"]

STATUSES: Mapping[ErrorCode, int] = {
    "rate_limit_exceeded": 429,
    "provider_unavailable": 503,
    "invalid_request": 400,
    "onlyfans_api_error": 502,
    "cost_limit_exceeded": 429,
    "compliance_violation": 422,
}
"""The HTTP status of each public error."""


def wants_provider(code: ErrorCode) -> bool:
    """Whether there is no content for want of a provider, and for no other reason.

    Generating has no effect but its content, so nothing has happened then: legacy may answer.
    """
    return code in ("provider_unavailable", "rate_limit_exceeded")


def may_repeat(code: ErrorCode) -> bool:
    """Whether nothing has happened, and the same may be asked again later.

    So it is also where no budget has paid. Then the cache may help, which costs nothing.
    """
    return wants_provider(code) or code == "cost_limit_exceeded"
