"""The request target reaches the upstream untouched; other forms of it become origin-form."""

import pytest

from tests.conformance.judge import Stage, assert_refused, assert_still_serving, get, head

UNTOUCHED = [
    b"/a%2Fb", b"/a%2fb", b"/%41%62", b"/%2e%2e/secret", b"/a/../b", b"/..", b"/./a/.", b"/a/..;/b",
    b"//double//slash//", b"//evil.example/x", b"/http://evil.example/x", b"/;p=1;q", b"/a;v=1/b;w",
    b"/x?", b"/x??", b"/?", b"/x?a=b?c=d", b"/x?a=1&a=2&&=&b", b"/x?url=http://evil.example/%2F",
    b"/%00", b"/x?%00", b"/%20%09%0d%0a", b"/x?a=%0d%0aInjected:%201", b"/%", b"/%zz", b"/x?%",
    b"/*", b"/:80", b"/@evil.example", b"/a@b:c", b"/+a+b", b"/~user/!$&'()*+,;=:@-._",
    b"/x?a=!$&'()*+,;=:@/?-._~", b"/%C3%A9%c3%a9%ff", b"/x?q=%E2%82%AC", b"/" + b"p" * 4000,
    b"/x?" + b"q=1&" * 1500,
]  # fmt: skip

UNCLEAN = [
    b"/caf\xe9", b"/caf\xc3\xa9", b"/x?q=\xff\x80", b"/x?q=[]{}|^`", b"/[x]", b"/a\\b",
    b'/x?q="<>"', b"/x#fragment", b"/x?a#b", b"/#",
]  # fmt: skip


def name(target: bytes) -> str:
    return ascii(target.decode("latin-1"))[1:41]


@pytest.mark.parametrize("target", UNTOUCHED, ids=name)
def test_the_target_is_untouched(stage: Stage, target: bytes) -> None:
    request = stage.seen_upstream(get(target))
    assert request.target == target
    assert request.value(b"host") == b"front.example"


@pytest.mark.parametrize("target", UNCLEAN, ids=name)
def test_a_target_that_no_uri_may_have_is_untouched_or_refused(stage: Stage, target: bytes) -> None:
    client = stage.connect()
    client.send(get(target))
    client.send(get(b"/second"))
    if stage.refused_at_once(client):
        assert client.read_response().status == 400
        assert_still_serving(stage)
        return
    connection = stage.upstream.receive()
    assert connection.asked.target == target
    connection.answer()
    assert client.read_response().status == 200
    again = stage.upstream.receive()
    assert again.asked.target == b"/second"
    again.answer()
    assert client.read_response().status == 200


ABSOLUTE: dict[bytes, tuple[bytes, bytes]] = {
    b"http://other.example:81/p?q": (b"/p?q", b"other.example:81"),
    b"http://other.example/%2F%41/../x?": (b"/%2F%41/../x?", b"other.example"),
    b"http://other.example": (b"/", b"other.example"),
    b"http://other.example/": (b"/", b"other.example"),
    b"http://other.example?x=1": (b"/?x=1", b"other.example"),
    b"HTTP://Other.Example/x": (b"/x", b"Other.Example"),
    b"http://other.example//x": (b"//x", b"other.example"),
    b"http://[::1]:81/x": (b"/x", b"[::1]:81"),
}


@pytest.mark.parametrize("target", ABSOLUTE, ids=name)
def test_an_absolute_target_replaces_host_and_becomes_origin_form(
    stage: Stage, target: bytes
) -> None:
    request = stage.seen_upstream(get(target))
    path, host = ABSOLUTE[target]
    assert request.target == path
    assert (request.value(b"host") or b"").lower() == host.lower()


def test_an_absolute_target_never_chooses_the_upstream(stage: Stage) -> None:
    elsewhere = b"http://" + stage.other.authority + b"/x"
    request = stage.seen_upstream(get(elsewhere))
    assert request.target == b"/x"
    assert not stage.other.pending()


def test_an_absolute_options_without_path_is_asterisk(stage: Stage) -> None:
    request = stage.seen_upstream(head(b"OPTIONS", b"http://other.example"))
    assert request.target == b"*"


def test_options_asterisk_passes(stage: Stage) -> None:
    assert stage.seen_upstream(head(b"OPTIONS", b"*")).target == b"*"


BAD_TARGETS = {
    "an asterisk with GET": b"*",
    "a path without its slash": b"path/x",
    "an authority with GET": b"front.example:80",
    "an absolute target without authority": b"http:///x",
    "an absolute target with a space in its host": b"http://a b/x",
    "a lone question mark": b"?x",
    "a NUL": b"/a\0b",
    "a control character": b"/a\x07b",
    "a DEL": b"/a\x7fb",
    "a space": b"/a b",
    "a bare CR": b"/a\rb",
}


@pytest.mark.parametrize("target", BAD_TARGETS.values(), ids=BAD_TARGETS)
def test_a_target_is_refused_that_is(stage: Stage, target: bytes) -> None:
    assert_refused(stage, get(target))


def test_user_information_never_reaches_the_upstreams_host(stage: Stage) -> None:
    client = stage.connect()
    client.send(get(b"http://user:secret@other.example/x"))
    if stage.refused_at_once(client):
        assert client.read_response().status == 400
        return
    connection = stage.upstream.receive()
    assert connection.asked.value(b"host") == b"other.example"
    connection.answer()


@pytest.mark.parametrize(
    "target", [b"front.example:443", b"/x", b"http://front.example/", b"[::1]:443"], ids=name
)
def test_connect_is_refused(stage: Stage, target: bytes) -> None:
    client = stage.connect()
    client.send(head(b"CONNECT", target))
    answer = client.read_response(b"GET")
    assert answer.status in (400, 403, 405, 501)
    assert_still_serving(stage)


@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE"], ids=["OPTIONS", "TRACE"])
def test_max_forwards_0_is_not_forwarded(stage: Stage, method: bytes) -> None:
    client = stage.connect()
    client.send(head(method, b"/x", b"Max-Forwards: 0"))
    assert client.read_response(method).status in (200, 204, 405, 501)
    assert_still_serving(stage)


def test_max_forwards_is_counted_down_on_options(stage: Stage) -> None:
    request = stage.seen_upstream(head(b"OPTIONS", b"/x", b"Max-Forwards: 3"))
    assert request.value(b"max-forwards") == b"2"


def test_max_forwards_on_trace_is_counted_down_or_trace_refused(stage: Stage) -> None:
    client = stage.connect()
    client.send(head(b"TRACE", b"/x", b"Max-Forwards: 3"))
    if stage.refused_at_once(client):
        assert client.read_response(b"TRACE").status in (405, 501)
        return
    connection = stage.upstream.receive()
    assert connection.asked.value(b"max-forwards") == b"2"
    connection.answer()
    assert client.read_response(b"TRACE").status == 200


def test_max_forwards_of_other_methods_is_none_of_our_business(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/x", b"Max-Forwards: 0"))
    assert request.value(b"max-forwards") == b"0"
