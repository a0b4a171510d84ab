"""What those are told whose requests are not answered as they wish."""

import pytest

from plugins.campaigns.declining import (
    DeclinedError,
    forbidden,
    no_orchestrator,
    store_fails,
    unauthenticated,
)

WORDS = {
    "unauthenticated": (unauthenticated(), 401, "Authentication required"),
    "forbidden": (forbidden(), 403, "Admin privileges required"),
    "no orchestrator": (no_orchestrator(), 503, "No orchestrator is running"),
    "the store fails": (store_fails(), 503, "The store of workflows does not answer"),
    "another": (DeclinedError(418, "No tea"), 418, "No tea"),
}


@pytest.mark.parametrize("what", WORDS)
def test_a_refusal_is_a_status_and_a_sentence(what: str) -> None:
    declined, status, words = WORDS[what]
    reply = declined.reply
    assert (reply.status, reply.json()) == (status, {"error": words})
    assert reply.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert reply.headers.get("Retry-After") == ("5" if status == 503 else None)
