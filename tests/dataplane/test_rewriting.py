"""Heads of messages that plugins changed fit the bodies that they go with."""

import pytest

from proxy.api import Body, Reply, TargetError
from proxy.core.framing import Framing, request_framing
from proxy.core.message import RequestHead, parse_request_head, parse_response_head
from proxy.dataplane.rewriting import (
    consistent,
    edited_head,
    reply_head,
    rewritten_request,
    unlengthened,
    unranged,
)


def head(*lines: bytes, method: bytes = b"POST") -> RequestHead:
    fields = b"".join(line + b"\r\n" for line in lines)
    return parse_request_head(b"%b /old?a=1 HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method, fields))


def body(data: bytes = b"12345", method: str = "POST", path: str = "/new", query: str = "") -> Body:
    return Body(method, path, query, data)


def test_a_rewritten_request_has_the_length_of_its_new_body_and_no_other_framing() -> None:
    for line in (b"Content-Length: 2", b"Transfer-Encoding: chunked"):
        made = rewritten_request(head(line, b"Expect: 100-continue"), body(), had_body=True)
        assert request_framing(made) == (Framing.LENGTH, 5)
        assert b"expect" not in made.by_name
        assert made.target == b"/new"


def test_a_request_without_a_body_stays_without_one() -> None:
    made = rewritten_request(head(method=b"GET"), body(b"", "GET"), had_body=False)
    assert request_framing(made)[0] is Framing.NONE
    assert b"content-length" not in made.by_name


def test_an_emptied_body_is_announced_as_empty() -> None:
    made = rewritten_request(head(b"Content-Length: 2"), body(b""), had_body=True)
    assert made.by_name[b"content-length"] == b"0"


@pytest.mark.parametrize(
    "wrong",
    [
        body(method="get"),
        body(method="CONNECT"),
        body(path="new"),
        body(path="/a b"),
        body(path="/a?b"),
        body(path="/a\r\nX: 1"),
        body(query="a#b"),
        body(query="a\nb"),
        body(method="HEAD"),
    ],
)
def test_what_no_request_can_carry_is_refused(wrong: Body) -> None:
    with pytest.raises((TargetError, ValueError)):
        rewritten_request(head(), wrong, had_body=True)


def test_an_answer_to_be_rewritten_is_asked_for_whole_and_readable() -> None:
    asked = head(b"Accept-Encoding: gzip", b"Range: bytes=0-1", b"If-Range: x", b"Accept: */*")
    assert [field.lower for field in unranged(asked).fields] == [b"host", b"accept"]
    plain = head(b"Accept: */*")
    assert unranged(plain) is plain


def test_the_length_of_what_head_would_get_is_not_told_when_it_would_be_rewritten() -> None:
    response = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\n")
    assert b"content-length" not in unlengthened(response).by_name


def test_a_plugins_reply_is_framed_by_the_proxy() -> None:
    reply = Reply(201, {"Content-Type": "text/plain"}, "hello")
    made = reply_head(reply, 5)
    assert (made.status, made.phrase) == (201, b"Created")
    assert [field.line for field in made.fields] == [
        b"Content-Type: text/plain",
        b"Content-Length: 5",
    ]
    assert b"content-length" not in reply_head(Reply(204), 0).by_name
    assert b"content-length" not in reply_head(reply, None).by_name


def test_an_upstreams_framing_does_not_survive_a_rewriting() -> None:
    came = parse_response_head(
        b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nA: b\r\n\r\n"
    )
    reply = Reply.upstream(came.status, came.fields, came.by_name, b"hello")
    assert [field.lower for field in reply_head(reply, 5).fields] == [b"a", b"content-length"]


def test_an_edited_status_gets_its_own_phrase_and_an_unedited_keeps_the_upstreams() -> None:
    came = parse_response_head(b"HTTP/1.1 200 Fine\r\nA: b\r\n\r\n")
    reply = Reply.upstream(came.status, came.fields, came.by_name, b"")
    assert edited_head(reply, came).phrase == b"Fine"
    reply.status = 404
    assert edited_head(reply, came).phrase == b"Not Found"


def test_another_body_takes_the_digests_away_and_weakens_the_entity_tag() -> None:
    came = parse_response_head(
        b'HTTP/1.1 200 OK\r\nETag: "a"\r\nDigest: x\r\nContent-Digest: x\r\nAccept-Ranges: bytes'
        b"\r\nA: b\r\n\r\n"
    )
    reply = Reply.upstream(came.status, came.fields, came.by_name, b"")
    consistent(reply)
    assert reply.headers.items() == [("ETag", 'W/"a"'), ("A", "b")]
    consistent(reply)
    assert reply.headers.get("etag") == 'W/"a"'
