"""Requests and replies of tests are those of the proxy: same classes, same parser, same edits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import Body, Outcome, Outgoing, Request, TargetError
from proxy.api.testing import outcome, outgoing, reply_head, request, upstream_reply
from proxy.core.message import RequestHead
from proxy.dataplane.rewriting import rewritten_request, unranged
from tests.kit.properties import examples


def test_a_request_is_the_class_that_the_proxy_makes_read_by_its_parser() -> None:
    made = request("POST", "/a%20b", query="q=1", headers={"Accept": "*/*"}, route="shop")
    assert type(made) is Request
    assert type(made._head) is RequestHead
    assert (made.method, made.path, made.query) == ("POST", "/a%20b", "q=1")
    assert made.headers.items() == [("Host", "test.example"), ("Accept", "*/*")]
    assert (made.route, made.client, made.scheme, made.trusted) == (
        "shop",
        "127.0.0.1",
        "http",
        False,
    )


def test_the_query_may_stand_in_the_path_and_the_host_among_the_headers() -> None:
    made = request(path="/a?b=c", headers=[("host", "h.example"), ("A", "1"), ("A", "2")])
    assert (made.path, made.query, made.host) == ("/a", "b=c", "h.example")
    assert made.headers.all("A") == ["1", "2"]


def test_the_key_is_normalised_as_the_proxy_does_it() -> None:
    assert request(key=" user-1 ", verified=True).key == "user-1"
    assert request(key=42).key == "42"
    assert request(key="").key is None
    assert not request(key="a").verified
    assert request(attributes={"tier": "pro"}).attributes == {"tier": "pro"}


def test_claims_of_callers_who_are_not_trusted_are_not_seen() -> None:
    claims = {"X-User-Id": "7"}
    assert request(headers=claims).headers.get("x-user-id") is None
    assert request(headers=claims, trusted=True).headers.get("x-user-id") == "7"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "no-slash", {}),
        ("GET", "/a b", {}),
        ("GET", "/a#b", {}),
        ("G T", "/", {}),
        ("GET", "/", {"A": "1\r\nB: 2"}),
        ("GET", "/\n", {}),
        ("GET", "/", {"A B": "1"}),
        ("GET", "/€", {}),
        ("GET", "/", {"Host": "a b"}),
    ],
)
def test_what_no_client_can_send_is_refused(
    method: str, path: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"no client can send|beyond Latin-1|a line end"):
        request(method, path, headers=headers)


def test_an_attempt_begins_with_what_came_without_untrusted_claims() -> None:
    made = request(path="/a?b", headers={"X-User-Id": "7", "A": "1"})
    fresh = outgoing(made)
    assert type(fresh) is Outgoing
    assert (fresh.path, fresh.query) == ("/a", "b")
    assert list(fresh.headers) == ["Host", "A"]
    fresh.headers.set("A", "2")
    assert outgoing(made).headers.get("A") == "1"


PATHS = st.sampled_from(["/", "/v2/x", "/%2F"])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Accept-Encoding", "Range", "Content-Length", "Expect", "A", "Trailer"]),
        st.just("1"),
    ),
    unique_by=lambda pair: pair[0],
)


@given(
    path=PATHS,
    headers=HEADERS,
    data=st.binary(max_size=4),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
)
@examples(60)
def test_a_rewritten_request_is_what_the_proxy_makes_of_it(
    path: str, headers: list[tuple[str, str]], data: bytes, method: str
) -> None:
    made = request("POST", "/a", headers=headers)
    body = Body(method, path, "q", data)
    wanted = unranged(rewritten_request(made._head, body, had_body=bool(data)))
    found = outgoing(made, body, whole_answer=True)
    assert (found.path, found.query) == (path, "q")
    assert [(f.name, f.value) for f in found.headers.fields] == [
        (f.name, f.value) for f in wanted.fields
    ]
    assert found.headers.by_name == wanted.by_name


def test_a_body_that_cannot_be_sent_is_refused_as_the_proxy_refuses_it() -> None:
    made = request("POST", "/a")
    with pytest.raises(TargetError):
        outgoing(made, Body("POST", "no-slash", "", b""))
    with pytest.raises(ValueError, match="from or to HEAD"):
        outgoing(made, Body("HEAD", "/", "", b""))


def test_a_reply_of_an_upstream_may_have_any_header_of_http() -> None:
    head = reply_head(404, {"Content-Length": "2", "Connection": "close"})
    assert (head.status, head.headers.get("content-length")) == (404, "2")
    reply = upstream_reply(200, [("Set-Cookie", "a"), ("Set-Cookie", "b")], "[]")
    assert reply.headers.all("Set-Cookie") == ["a", "b"]
    assert reply.json() == []


@pytest.mark.parametrize("headers", [{"A": "\0"}, {"A B": "1"}])
def test_what_no_upstream_can_send_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no upstream can send this answer"):
        reply_head(200, headers)


def test_an_outcome_is_of_a_request_that_went_well_unless_it_is_told_otherwise() -> None:
    told = outcome()
    assert type(told) is Outcome
    assert (told.route, told.arm, told.reason, told.status) == ("test", "none", "route", 200)
    assert (told.seconds, told.bytes_in, told.bytes_out) == (0.0, 0, 0)
    assert (told.fault, told.endpoint) == ("", "http://upstream.test")
    assert outcome(arm="new", seconds=1.5).seconds == 1.5
