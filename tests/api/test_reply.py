"""Answers: an upstream's to edit, and a plugin's own."""

from collections.abc import AsyncIterator

import pytest

from proxy.api import HeaderError, Refused, Reply, ReplyHead, StatusError, json_reply, problem_reply
from proxy.core.message import parse_response_head


def upstream(status: int = 200) -> Reply:
    head = parse_response_head(b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\nA: 1\r\n\r\n" % status)
    return Reply.upstream(head.status, head.fields, head.by_name, b"[]")


def test_a_reply_has_a_status_headers_and_a_body() -> None:
    reply = Reply(201, {"A": "1"}, "ä")
    assert (reply.status, reply.headers.items(), reply.body) == (201, [("A", "1")], "ä".encode())
    assert Reply().status == 200


def test_headers_may_be_given_as_pairs_with_repetitions() -> None:
    reply = Reply(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert reply.headers.all("set-cookie") == ["a=1", "b=2"]


def test_a_reply_cannot_carry_a_header_of_the_proxy() -> None:
    with pytest.raises(HeaderError, match="Content-Length"):
        Reply(200, {"Content-Length": "1"})


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, -1])
def test_a_status_that_cannot_be_sent_is_refused(status: int) -> None:
    with pytest.raises(StatusError, match=f"{status} is no status for an answer"):
        Reply(status)
    head = upstream()
    with pytest.raises(StatusError):
        head.status = status
    assert head.status == 200


def test_a_status_may_change_among_those_with_a_body_and_among_those_without() -> None:
    head = upstream()
    head.status = 503
    assert head.status == 503
    bodiless = upstream(204)
    bodiless.status = 304
    assert bodiless.status == 304


@pytest.mark.parametrize(("before", "after"), [(200, 204), (304, 200), (404, 205)])
def test_a_status_cannot_decide_whether_there_is_a_body(before: int, after: int) -> None:
    head = upstream(before)
    with pytest.raises(StatusError, match=f"from {before} to {after}: only one of the two"):
        head.status = after
    assert head.status == before


def test_an_upstreams_reply_keeps_fields_that_a_plugin_could_not_write() -> None:
    reply = upstream()
    assert reply.headers.get("content-length") == "2"
    assert reply.json() == []


async def test_a_streamed_body_is_not_read_as_json() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"[]"

    with pytest.raises(ValueError, match="streamed"):
        Reply(body=parts()).json()


def test_a_json_reply_says_that_it_is_json() -> None:
    reply = json_reply({"a": "ä"}, 202, {"B": "2"})
    assert reply.status == 202
    assert reply.headers.items() == [("Content-Type", "application/json"), ("B", "2")]
    assert reply.json() == {"a": "ä"}


def test_a_problem_reply_is_as_rfc_9457_describes_it() -> None:
    reply = problem_reply(404, "No such plan.", {"B": "2"}, plan="gold")
    assert reply.headers.get("content-type") == "application/problem+json"
    assert reply.headers.get("b") == "2"
    assert reply.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No such plan.",
        "plan": "gold",
    }


def test_a_refusal_carries_its_answer_and_tells_nothing_of_it() -> None:
    refusal = Refused(Reply(413, body="hush"))
    assert refusal.reply.status == 413
    assert str(refusal) == "answered with 413"


def test_a_refusal_by_a_rule_stays_one_when_it_is_copied() -> None:
    refusal = problem_reply(429, "No more today.")
    assert not refusal.by_rule
    refusal.by_rule = True
    assert refusal.copied().by_rule
    assert not Reply(429).copied().by_rule


def test_what_is_printed_of_a_reply_is_its_status() -> None:
    assert repr(Reply(418, {"A": "hush"}, "hush")) == "Reply(418)"
    assert repr(ReplyHead(200, upstream().headers)) == "ReplyHead(200)"
