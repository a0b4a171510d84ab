"""Refusals have one form, whatever is refused."""

from plugins.notify.serving.declining import invalid, none_such, store_fails, unauthenticated


def test_each_refusal_says_why_in_words_and_as_a_word_for_programs() -> None:
    replies = [one.reply for one in (invalid(["a", "b"]), none_such(), store_fails())]
    assert [reply.status for reply in replies] == [400, 404, 503]
    for reply in replies:
        assert reply.json()["success"] is False
        assert reply.json()["code"].isupper()
    assert replies[0].json()["details"] == ["a", "b"]


def test_who_is_nobody_is_told_how_to_be_somebody() -> None:
    reply = unauthenticated().reply
    assert (reply.status, reply.headers.get("WWW-Authenticate")) == (401, "Bearer")
