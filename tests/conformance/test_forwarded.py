"""Via, X-Forwarded-*, Forwarded, request and trace ids, by the stated rule of trust."""

import re

import pytest

from tests.conformance.conftest import plain_config
from tests.conformance.judge import TRUSTED, Stage, get
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream

STRANGER = "127.0.0.1"
LIES = (
    b"X-Forwarded-For: 1.2.3.4",
    b"X-Forwarded-For: 5.6.7.8",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil.example",
    b"Forwarded: for=1.2.3.4;proto=https;host=evil.example",
)
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def forwarded(value: bytes) -> list[dict[bytes, bytes]]:
    """Read a Forwarded field (RFC 7239) into its elements."""
    elements = []
    for element in re.split(rb",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", value):
        pairs = [pair.strip().partition(b"=") for pair in element.split(b";")]
        elements.append({name.lower(): text.strip(b'"') for name, _, text in pairs})
    return elements


def test_a_strangers_request_is_described_afresh(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/"))
    assert request.value(b"x-forwarded-for") == b"127.0.0.1"
    assert request.value(b"x-forwarded-proto") == b"http"
    assert request.value(b"x-forwarded-host") == b"front.example"
    (element,) = forwarded(request.value(b"forwarded") or b"")
    assert element[b"for"].split(b":")[0] == b"127.0.0.1"
    assert element[b"proto"] == b"http"
    assert element[b"host"] == b"front.example"


def test_what_a_stranger_claims_is_dropped(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", *LIES))
    assert request.value(b"x-forwarded-for") == b"127.0.0.1"
    assert request.value(b"x-forwarded-proto") == b"http"
    assert request.value(b"x-forwarded-host") == b"front.example"
    (element,) = forwarded(request.value(b"forwarded") or b"")
    assert element[b"for"].split(b":")[0] == b"127.0.0.1"
    assert b"evil" not in request.raw
    assert b"1.2.3.4" not in request.raw


def test_a_trusted_peer_is_appended_to(stage: Stage) -> None:
    lines = (b"X-Forwarded-For: 1.2.3.4, 5.6.7.8", b"Forwarded: for=1.2.3.4;proto=https")
    request = stage.seen_upstream(get(b"/", *lines), source=TRUSTED)
    assert request.elements(b"x-forwarded-for") == [b"1.2.3.4", b"5.6.7.8", TRUSTED.encode()]
    first, last = forwarded(b",".join(request.values(b"forwarded")))
    assert first == {b"for": b"1.2.3.4", b"proto": b"https"}
    assert last[b"for"].split(b":")[0] == TRUSTED.encode()


def test_a_trusted_peers_lines_are_joined_in_order(stage: Stage) -> None:
    lines = (b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-For: 5.6.7.8")
    request = stage.seen_upstream(get(b"/", *lines), source=TRUSTED)
    assert request.elements(b"x-forwarded-for") == [b"1.2.3.4", b"5.6.7.8", TRUSTED.encode()]


def test_a_trusted_peers_proto_and_host_are_kept(stage: Stage) -> None:
    lines = (b"X-Forwarded-Proto: https", b"X-Forwarded-Host: shop.example")
    request = stage.seen_upstream(get(b"/", *lines), source=TRUSTED)
    assert request.value(b"x-forwarded-proto") == b"https"
    assert request.value(b"x-forwarded-host") == b"shop.example"
    assert request.value(b"host") == b"front.example"


def test_a_trusted_peer_that_says_nothing_is_described_like_anyone(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/"), source=TRUSTED)
    assert request.value(b"x-forwarded-for") == TRUSTED.encode()
    assert request.value(b"x-forwarded-proto") == b"http"
    assert request.value(b"x-forwarded-host") == b"front.example"


def test_a_host_with_a_port_is_quoted_in_forwarded(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", host=b"front.example:8080"))
    assert b'host="front.example:8080"' in (request.value(b"forwarded") or b"")


def test_via_names_the_proxy(stage: Stage) -> None:
    assert stage.seen_upstream(get(b"/")).elements(b"via") == [b"1.1 crossfade"]


def test_via_is_appended_to_what_came(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", b"Via: 1.0 fred, 1.1 p.example (x)", b"Via: 2 cdn"))
    found = request.elements(b"via")
    assert found == [b"1.0 fred", b"1.1 p.example (x)", b"2 cdn", b"1.1 crossfade"]


def test_via_tells_the_version_the_client_spoke(stage: Stage) -> None:
    client, connection = stage.pass_request(b"GET / HTTP/1.0\r\nHost: front.example\r\n\r\n")
    connection.answer()
    client.read_response()
    assert connection.asked.elements(b"via") == [b"1.0 crossfade"]


USER_LINES = (b"X-User-Id: u1", b"X-User-Tier: pro", b"x-user-anything: 1", b"X-USER-ID: u2")


def test_user_fields_of_a_stranger_are_stripped(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", *USER_LINES, b"X-Users: 3"))
    assert b"x-user-" not in request.raw.lower()
    assert request.value(b"x-users") == b"3"


def test_user_fields_of_a_trusted_peer_are_kept(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", *USER_LINES), source=TRUSTED)
    assert request.values(b"x-user-id") == [b"u1", b"u2"]
    assert request.value(b"x-user-tier") == b"pro"
    assert request.value(b"x-user-anything") == b"1"


def ids(stage: Stage, *lines: bytes, source: str) -> tuple[bytes | None, bytes | None]:
    client, connection = stage.pass_request(get(b"/", *lines), source=source)
    connection.answer()
    answer = client.read_response()
    return connection.asked.value(b"x-request-id"), answer.value(b"x-request-id")


def test_a_request_id_is_made_and_told_to_both_sides(stage: Stage) -> None:
    upstream, client = ids(stage, source=STRANGER)
    assert upstream
    assert upstream == client


def test_two_requests_have_two_request_ids(stage: Stage) -> None:
    assert ids(stage, source=STRANGER) != ids(stage, source=STRANGER)


def test_a_trusted_peers_request_id_is_kept(stage: Stage) -> None:
    line = b"X-Request-Id: 7f3e-abc_DEF.1"
    assert ids(stage, line, source=TRUSTED) == (b"7f3e-abc_DEF.1", b"7f3e-abc_DEF.1")


def test_a_strangers_request_id_is_replaced(stage: Stage) -> None:
    upstream, client = ids(stage, b"X-Request-Id: 7f3e-abc", source=STRANGER)
    assert upstream != b"7f3e-abc"
    assert upstream == client


def test_two_request_ids_of_a_trusted_peer_become_one(stage: Stage) -> None:
    upstream, client = ids(stage, b"X-Request-Id: a1", b"X-Request-Id: b2", source=TRUSTED)
    assert upstream == client


def test_a_response_has_one_request_id_though_the_upstream_sent_one(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.answer(b"ok", b"X-Request-Id: from-upstream")
    assert len(client.read_response().values(b"x-request-id")) == 1


@pytest.mark.parametrize("source", [STRANGER, TRUSTED])
def test_a_valid_trace_is_continued(stage: Stage, source: str) -> None:
    lines = (b"traceparent: " + TRACE, b"tracestate: vendor=1")
    request = stage.seen_upstream(get(b"/", *lines), source=source)
    parent = request.value(b"traceparent") or b""
    assert re.fullmatch(rb"00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-[0-9a-f]{2}", parent)
    assert request.value(b"tracestate") == b"vendor=1"


BAD_TRACES = {
    "a word": [b"nonsense"],
    "an all-zero trace id": [b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"],
    "an all-zero parent id": [b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01"],
    "version ff": [b"ff" + TRACE[2:]],
    "upper-case hex": [TRACE.upper()],
    "too short": [TRACE[:-1]],
    "too long for version 00": [TRACE + b"-00"],
    "two of them": [TRACE, TRACE],
}


@pytest.mark.parametrize("values", BAD_TRACES.values(), ids=BAD_TRACES)
def test_a_trace_is_begun_anew_in_place_of(stage: Stage, values: list[bytes]) -> None:
    request = stage.seen_upstream(get(b"/", *(b"traceparent: " + value for value in values)))
    parent = request.value(b"traceparent") or b""
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", parent)
    assert b"0af7651916cd43dd8448eb211c80319c" not in parent or len(values) == 2


def test_the_arm_and_the_reason_are_exposed(stage: Stage) -> None:
    answer = stage.seen_by_client(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Crossfade-Arm: new\r\n"
        b"X-Crossfade-Reason: lies\r\n\r\n"
    )
    assert answer.value(b"x-crossfade-arm") == b"none"
    assert answer.value(b"x-crossfade-reason") == b"route"


def test_the_arm_and_the_reason_are_hidden_where_the_operator_says_so(
    legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> None:
    config = {**plain_config(legacy_upstream, new_upstream), "expose": False}
    with RunningProxy(config) as proxy, proxy.connect() as client:
        client.send(get())
        legacy_upstream.receive().answer()
        answer = client.read_response()
        assert answer.value(b"x-request-id")
        assert b"x-crossfade" not in answer.raw.lower()
        legacy_upstream.retire()
