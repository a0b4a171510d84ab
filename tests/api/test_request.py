"""What a plugin sees of a request and of an attempt to send it; what it may change."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import Outgoing, Request, TargetError
from proxy.api.callers import Caller
from proxy.api.request import Body, checked_method
from proxy.core.identity import Identity
from proxy.core.message import RequestHead, parse_request_head
from tests.kit.properties import examples

HEAD = (
    b"POST /caf%C3%A9?q=1&r HTTP/1.1\r\nHost: shop.example:81\r\nX-User-Id: 7\r\n"
    b"Cookie: a=1; sid=s\xe4\r\nAccept: */*\r\n\r\n"
)


def made(head: bytes = HEAD, *, trusted: bool = False) -> Request:
    return Request(parse_request_head(head), "shop", "id-1", "trace-1", "10.0.0.1", "http", trusted)


def test_a_request_tells_its_line_as_it_came() -> None:
    request = made()
    assert (request.method, request.path, request.query) == ("POST", "/caf%C3%A9", "q=1&r")
    assert request.host == "shop.example:81"
    assert (request.arm, request.reason) == ("none", "")


def test_the_host_of_an_absolute_target_counts_more_than_the_host_field() -> None:
    request = made(b"GET http://other.example/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert request.host == "other.example"
    assert made(b"GET / HTTP/1.0\r\n\r\n").host == ""


def test_headers_that_say_who_the_caller_is_are_seen_only_of_trusted_peers() -> None:
    assert list(made().headers) == ["Host", "Cookie", "Accept"]
    assert made().headers.get("X-User-Id") is None
    assert made(trusted=True).headers.get("X-User-Id") == "7"


def test_a_cookie_is_found_by_its_exact_name() -> None:
    assert made().cookie("sid") == "sä"
    assert made().cookie("SID") is None
    assert made(b"GET / HTTP/1.0\r\n\r\n").cookie("sid") is None


def test_nothing_is_known_of_a_caller_without_an_identity() -> None:
    request = made()
    assert request.key is None
    assert not request.verified
    assert request.attributes == {}


class Asked:
    """Finds out an identity, and counts how often it was asked to."""

    times = 0

    def identify(self, head: RequestHead, *, trusted: bool, now: float) -> Identity:
        self.times += 1
        return Identity(b"user-1", f"{trusted} {now:g}", verified=True)

    def attributes(self, head: RequestHead, *, trusted: bool, now: float) -> Mapping[str, str]:
        return {"tier": f"pro {trusted} {now:g}"}

    async def caller(self, head: RequestHead, *, trusted: bool, now: float) -> Caller | None:
        return Caller("user-1", "", "", is_admin=False, by=f"{trusted} {now:g}")


def test_the_identity_is_found_out_once_and_only_when_somebody_asks() -> None:
    asked = Asked()
    head = parse_request_head(HEAD)
    request = Request(head, "shop", "i", "t", "10.0.0.1", "http", True, None, asked, 5.0)
    assert asked.times == 0
    assert (request.key, request.verified) == ("user-1", True)
    assert request.attributes == {"tier": "pro True 5"}
    assert request.identity.source == "True 5"
    assert asked.times == 1


async def test_the_caller_is_who_the_proxy_says() -> None:
    head = parse_request_head(HEAD)
    request = Request(head, "shop", "i", "t", "10.0.0.1", "http", True, None, Asked(), 5.0)
    assert await request.caller() == ("user-1", "", "", False, "True 5")


async def test_a_request_that_comes_from_nowhere_is_its_identitys() -> None:
    identity = Identity(b"user-1", "test", verified=True)
    request = Request(parse_request_head(HEAD), "shop", "i", "t", "c", "http", True, identity)
    assert await request.caller() == ("user-1", "", "", False, "test")
    assert await made().caller() is None


def test_notes_stay_with_the_request() -> None:
    request = made()
    request.notes[Asked] = 1
    assert request.notes == {Asked: 1}
    assert made().notes == {}


def test_what_is_printed_of_a_request_holds_nothing_of_the_client() -> None:
    assert repr(made()) == "Request(POST on route shop)"


def attempt(head: bytes = HEAD) -> tuple[Outgoing, RequestHead]:
    parsed = parse_request_head(head)
    return Outgoing(parsed, True), parsed


def test_an_attempt_without_edits_sends_the_very_head() -> None:
    outgoing, head = attempt()
    assert (outgoing.path, outgoing.query) == ("/caf%C3%A9", "q=1&r")
    assert outgoing.edited(head) is head


def test_path_and_query_are_changed_one_without_the_other() -> None:
    outgoing, head = attempt()
    outgoing.path = "/v2/%2F"
    assert outgoing.edited(head).target == b"/v2/%2F?q=1&r"
    outgoing.query = ""
    assert outgoing.edited(head).target == b"/v2/%2F"
    outgoing.query = "a=?/"
    assert outgoing.edited(head).target == b"/v2/%2F?a=?/"


def test_edited_headers_are_sent_and_the_rest_stays() -> None:
    outgoing, head = attempt()
    outgoing.headers.set("Accept", "text/plain")
    edited = outgoing.edited(head)
    assert edited.by_name[b"accept"] == b"text/plain"
    assert (edited.method, edited.target) == (head.method, head.target)
    assert head.by_name[b"accept"] == b"*/*"


@pytest.mark.parametrize("path", ["", "a", "/a b", "/a?b", "/a#b", "/€", "/\r\n", "/a\0", "*"])
def test_a_path_that_no_request_can_carry_is_refused(path: str) -> None:
    outgoing, _ = attempt()
    with pytest.raises(TargetError, match="a path begins with /"):
        outgoing.path = path
    assert outgoing.path == "/caf%C3%A9"


@pytest.mark.parametrize("query", ["a b", "a#b", "€", "a\r\nb"])
def test_a_query_that_no_request_can_carry_is_refused(query: str) -> None:
    outgoing, _ = attempt()
    with pytest.raises(TargetError, match="a query has no #"):
        outgoing.query = query
    assert outgoing.query == "q=1&r"


@pytest.mark.parametrize("method", ["get", "", "A B", "CONNECT", "TRACE", "Ä", "A" * 33])
def test_a_method_that_cannot_be_sent_is_refused(method: str) -> None:
    with pytest.raises(TargetError, match="no method that can be sent"):
        checked_method(method)
    assert checked_method("PATCH") == "PATCH"


@given(path=st.text(max_size=12), query=st.text(max_size=12))
@examples(200)
def test_whatever_is_set_the_request_line_stays_one_that_the_proxy_itself_accepts(
    path: str, query: str
) -> None:
    outgoing, head = attempt()
    for name, value in (("path", f"/{path}"), ("query", query)):
        try:
            setattr(outgoing, name, value)
        except TargetError:
            continue
    target = outgoing.edited(head).target
    line = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target
    again = parse_request_head(line)
    assert again.target == target
    assert outgoing.path.encode("latin-1") == target.partition(b"?")[0]


def test_a_body_is_read_and_written_as_json() -> None:
    body = Body("POST", "/", "", b'{"a": 1}')
    assert body.json() == {"a": 1}
    assert body.with_json({"b": "ä"}).data == '{"b":"ä"}'.encode()
    assert body.with_json([]).method == "POST"


def test_a_body_that_is_no_json_says_so() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        Body("POST", "/", "", b"<xml>").json()
    with pytest.raises(TypeError):
        Body("POST", "/", "", b"").with_json(object())
