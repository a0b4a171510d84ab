"""Our own answers: one shape for every fault, and no secret in a reflection."""

import json

import pytest

from proxy.core.message import parse_request_head, parse_response_head
from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.problem import problem, reflection

ANSWERED = [reason for reason, fault in FAULTS.items() if fault.status]


@pytest.mark.parametrize("reason", ANSWERED)
def test_each_fault_is_told_in_the_same_shape(reason: Reason) -> None:
    head, _, body = problem(reason, "id-1", b"X-A: 1\r\n", "").partition(b"\r\n\r\n")
    parsed = parse_response_head(head + b"\r\n\r\n")
    said = json.loads(body)
    assert parsed.status == said["status"] == FAULTS[reason].status
    assert parsed.by_name[b"content-type"] == b"application/problem+json"
    assert int(parsed.by_name[b"content-length"]) == len(body)
    assert parsed.by_name[b"x-a"] == b"1"
    assert said == {
        "type": "about:blank",
        "title": parsed.phrase.decode(),
        "status": FAULTS[reason].status,
        "detail": FAULTS[reason].detail,
        "reason": reason.value,
        "request_id": "id-1",
    }
    assert (b"retry-after" in parsed.by_name) is (parsed.status == 503)
    assert (b"allow" in parsed.by_name) is (parsed.status == 405)


def test_a_better_sentence_overrules_the_list() -> None:
    body = problem(Reason.BAD_REQUEST, "id", b"", "Two hosts.").partition(b"\r\n\r\n")[2]
    assert json.loads(body)["detail"] == "Two hosts."


def test_the_answer_to_head_has_no_body_but_says_how_long_it_would_be() -> None:
    whole = problem(Reason.POOL_FULL, "id", b"", "")
    assert problem(Reason.POOL_FULL, "id", b"", "", bodiless=True) == whole[: whole.find(b"{")]


def test_a_decision_that_is_refused_is_a_fault_of_the_client() -> None:
    said = json.loads(problem(Reason.MISSING_KEY, "id", b"", "").partition(b"\r\n\r\n")[2])
    assert (said["status"], said["reason"]) == (400, "missing_key")


def test_trace_reflects_the_head_without_its_secrets() -> None:
    head = parse_request_head(
        b"TRACE /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nCookie: s=hunter2\r\n"
        b"AUTHORIZATION: Bearer hunter2\r\nProxy-Authorization: hunter2\r\n\r\n"
    )
    assert reflection(head) == (
        b"Content-Type: message/http\r\n",
        b"TRACE /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n",
    )


def test_options_is_told_what_is_spoken() -> None:
    lines, body = reflection(parse_request_head(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"))
    assert lines.startswith(b"Allow: GET, ")
    assert body == b""
