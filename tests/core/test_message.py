"""Heads are read in exactly one way or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.field import MessageError
from proxy.core.message import parse_request_head, parse_response_head
from proxy.core.reason import Reason
from tests.kit.properties import examples


def refusal(head: bytes) -> Reason:
    with pytest.raises(MessageError) as caught:
        parse_request_head(head)
    return caught.value.reason


def request(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, *(fields or (b"Host: a",)), b"", b""])


def test_a_request_head_is_taken_apart_and_nothing_is_lost() -> None:
    head = parse_request_head(
        request(b"POST /a?b=%20 HTTP/1.1", b"HOST: h", b"X-A: 1 ", b"x-a:2", b"Cookie: c")
    )
    assert (head.method, head.target, head.authority, head.minor) == (
        b"POST",
        b"/a?b=%20",
        None,
        1,
    )
    assert [(f.name, f.value) for f in head.fields] == [
        (b"HOST", b"h"),
        (b"X-A", b"1"),
        (b"x-a", b"2"),
        (b"Cookie", b"c"),
    ]
    assert head.by_name == {b"host": b"h", b"x-a": b"1, 2", b"cookie": b"c"}


TARGETS = {
    b"/": (b"/", None),
    b"//a/../b": (b"//a/../b", None),
    b"/%2e%2E/\xe4?": (b"/%2e%2E/\xe4?", None),
    b"http://x": (b"/", b"x"),
    b"http://x?q": (b"/?q", b"x"),
    b"HTTP://X:80/a": (b"/a", b"X:80"),
    b"https://[::1]:1/a?b": (b"/a?b", b"[::1]:1"),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_a_path_or_a_url(target: bytes) -> None:
    head = parse_request_head(request(b"GET " + target + b" HTTP/1.1"))
    assert (head.target, head.authority) == TARGETS[target]


def test_an_asterisk_asks_the_whole_server_its_options() -> None:
    assert parse_request_head(request(b"OPTIONS * HTTP/1.1")).target == b"*"
    assert parse_request_head(request(b"OPTIONS http://x HTTP/1.1")).target == b"*"
    assert refusal(request(b"GET * HTTP/1.1")) is Reason.BAD_REQUEST


BAD_LINES = [
    b"GET  / HTTP/1.1",
    b"GET / HTTP/1.1 ",
    b" GET / HTTP/1.1",
    b"GET\t/ HTTP/1.1",
    b"GET / http/1.1",
    b"GET / HTTP/1.10",
    b"GET / HTTP/1,1",
    b"GET / HTTP/1",
    b"GET /",
    b"GET",
    b"",
    b"G@T / HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET /\x7f HTTP/1.1",
    b"GET /\t HTTP/1.1",
    b"GET /a#b HTTP/1.1",
    b"GET a HTTP/1.1",
    b"GET ftp://a/ HTTP/1.1",
    b"GET http:///a HTTP/1.1",
    b"GET http://u@a/ HTTP/1.1",
    b"GET http://a%zz/ HTTP/1.1",
    b"GET http://a:b/ HTTP/1.1",
    b"GET http://a\\b/ HTTP/1.1",
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_request_line_that_is_none_is_refused(line: bytes) -> None:
    assert refusal(request(line)) is Reason.BAD_REQUEST


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"2", b"3", b"10.1"])
def test_another_version_is_said_to_be_one(version: bytes) -> None:
    assert refusal(request(b"GET / HTTP/" + version)) is Reason.VERSION_NOT_SUPPORTED


def test_connect_is_refused_whatever_its_target() -> None:
    for target in (b"a:443", b"/", b"http://a/"):
        assert refusal(request(b"CONNECT " + target + b" HTTP/1.1")) is Reason.CONNECT_REFUSED


HOSTS = {
    b"": True,
    b"a": True,
    b"a.example:8080": True,
    b"[::1]": True,
    b"[::1]:1": True,
    b"%41": True,
    b"a:": True,
    b"a b": False,
    b"u@a": False,
    b"a/b": False,
    b"a:b": False,
    b"[::1": False,
    b"::1": False,
    b"\xe4": False,
    b"a%4": False,
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_a_host(host: bytes) -> None:
    data = request(b"GET / HTTP/1.1", b"Host: " + host)
    if HOSTS[host]:
        assert parse_request_head(data).by_name[b"host"] == host
    else:
        assert refusal(data) is Reason.BAD_REQUEST


def test_a_host_is_needed_once_but_not_by_old_clients() -> None:
    assert refusal(request(b"GET / HTTP/1.1", b"X: y")) is Reason.BAD_REQUEST
    assert refusal(request(b"GET / HTTP/1.1", b"Host: a", b"host: a")) is Reason.BAD_REQUEST
    assert refusal(request(b"GET http://a/ HTTP/1.1", b"X: y")) is Reason.BAD_REQUEST
    assert parse_request_head(request(b"GET / HTTP/1.0", b"X: y")).minor == 0


@examples(300)
@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_a_head_or_a_fault_of_the_client(data: bytes, good_start: bool) -> None:
    start = b"GET / HTTP/1.1\r\nHost: a\r\n" if good_start else b""
    whole = start + data.replace(b"\r\n\r\n", b"") + b"\r\n\r\n"
    said = None
    try:
        parse_request_head(whole[: whole.find(b"\r\n\r\n") + 4])
    except MessageError as error:
        said = error.reason
    assert said in (None, Reason.BAD_REQUEST, Reason.VERSION_NOT_SUPPORTED)


# responses


def test_a_response_head_is_taken_apart() -> None:
    head = parse_response_head(b"HTTP/1.1 404 N\xf6  x\r\nServer: s\r\n\r\n")
    assert (head.status, head.phrase, head.minor) == (404, b"N\xf6  x", 1)
    assert head.by_name == {b"server": b"s"}


@pytest.mark.parametrize(
    ("line", "phrase"), [(b"HTTP/1.1 200", b""), (b"HTTP/1.1 200 ", b""), (b"HTTP/1.0 999 x", b"x")]
)
def test_a_reason_phrase_may_be_missing(line: bytes, phrase: bytes) -> None:
    assert parse_response_head(line + b"\r\n\r\n").phrase == phrase


BAD_STATUS_LINES = [
    b"HTTP/2 200 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 099 OK",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1 200\tOK",
    b"HTTP/1.1 200 O\x00K",
    b"HTTP/1.1 200 O\rK",
    b"http/1.1 200 OK",
    b"ICY 200 OK",
    b"",
]


@pytest.mark.parametrize("line", BAD_STATUS_LINES)
def test_a_status_line_that_is_none_is_a_fault_of_the_upstream(line: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        parse_response_head(line + b"\r\n\r\n")
    assert caught.value.reason is Reason.UPSTREAM_INVALID


def test_a_bad_field_in_a_response_is_a_fault_of_the_upstream() -> None:
    with pytest.raises(MessageError) as caught:
        parse_response_head(b"HTTP/1.1 200 OK\r\na : b\r\n\r\n")
    assert caught.value.reason is Reason.UPSTREAM_INVALID
