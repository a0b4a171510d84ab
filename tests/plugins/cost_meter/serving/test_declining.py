"""Refusals say why, in the words that clients know."""

import pytest

from plugins.cost_meter.serving import declining

SAID = {
    401: declining.unauthenticated(),
    403: declining.forbidden(),
    400: declining.invalid(["a", "b"]),
    404: declining.none_such("alert"),
    503: declining.store_fails(),
}
WORDS = {
    401: "Authentication required",
    403: "Admin privileges required",
    400: "Invalid request: a; b",
    404: "There is no such alert",
    503: "The ledger of costs does not answer",
}


@pytest.mark.parametrize("status", SAID)
def test_a_refusal_is_an_answer_in_words(status: int) -> None:
    reply = SAID[status].reply
    assert (reply.status, reply.json()) == (status, {"success": False, "error": WORDS[status]})


def test_who_is_not_known_is_told_how_to_be() -> None:
    assert SAID[401].reply.headers.get("WWW-Authenticate") == "Bearer"
    assert SAID[503].reply.headers.get("Retry-After") == "5"
