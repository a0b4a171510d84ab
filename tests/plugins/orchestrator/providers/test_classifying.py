import socket
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import pytest

from plugins.orchestrator.deciding.calls import FailureClass
from plugins.orchestrator.providers.classifying import (
    Reached,
    error_in,
    error_in_body,
    lost,
    provider_id,
    refused,
)
from tests.plugins.orchestrator.providers.asked import KEY, PROMPT, call, settings

NOW = 1_800_000_000.0


def body(code: object = None, kind: object = None, **more: Any) -> bytes:
    message = f"You said {PROMPT!r} with {KEY}."
    return orjson.dumps({"error": {"message": message, "type": kind, "code": code, **more}})


FILTERED = {"innererror": {"code": "ResponsibleAIPolicyViolation"}}

REFUSALS = [
    (400, body("invalid_value", "invalid_request_error"), FailureClass.INVALID),
    (400, body("context_length_exceeded", "invalid_request_error"), FailureClass.CONTEXT_LENGTH),
    (400, body("content_filter", **FILTERED), FailureClass.CONTENT_FILTER),
    (400, body(None, None, **FILTERED), FailureClass.CONTENT_FILTER),
    (400, body("content_policy_violation"), FailureClass.CONTENT_FILTER),
    (400, body("billing_hard_limit_reached"), FailureClass.QUOTA),
    (400, body("model_not_found"), FailureClass.AUTH),
    (401, body("invalid_api_key"), FailureClass.AUTH),
    (401, body("401"), FailureClass.AUTH),
    (402, b"", FailureClass.QUOTA),
    (403, body("unsupported_country_region_territory"), FailureClass.AUTH),
    (404, body("DeploymentNotFound"), FailureClass.AUTH),
    (404, b"<html>not here</html>", FailureClass.AUTH),
    (405, b"", FailureClass.AUTH),
    (408, body("Timeout"), FailureClass.CONFLICT),
    (409, b"", FailureClass.CONFLICT),
    (413, b"", FailureClass.INVALID),
    (418, b"{}", FailureClass.INVALID),
    (422, b"[]", FailureClass.INVALID),
    (429, body("rate_limit_exceeded", "tokens"), FailureClass.RATE_LIMITED),
    (429, body("429"), FailureClass.RATE_LIMITED),
    (429, b'{"error": "slow down"}', FailureClass.RATE_LIMITED),
    (429, body("insufficient_quota", "insufficient_quota"), FailureClass.QUOTA),
    (500, body(None, "server_error"), FailureClass.SERVER),
    (500, body("context_length_exceeded"), FailureClass.SERVER),
    (502, b"\xff", FailureClass.SERVER),
    (503, b"", FailureClass.SERVER),
    (504, b"null", FailureClass.SERVER),
    (529, body(None, "overloaded"), FailureClass.SERVER),
    (307, b"", FailureClass.AUTH),
    (204, b"", FailureClass.MALFORMED),
]


@pytest.mark.parametrize(("status", "answered", "kind"), REFUSALS)
def test_a_refusal_means_what_its_words_and_then_its_status_say(
    status: int, answered: bytes, kind: FailureClass
) -> None:
    failure = refused(status, {}, answered, NOW)
    assert (failure.kind, failure.status, failure.uncertain) == (kind, status, False)


def test_a_server_that_says_too_long_in_words_alone_is_understood() -> None:
    said = {
        "object": "error",
        "message": "This model's maximum context length is 4096",
        "code": 400,
    }
    assert refused(400, {}, orjson.dumps(said), NOW).kind is FailureClass.CONTEXT_LENGTH


def test_operators_are_told_status_code_and_type_and_nothing_free() -> None:
    failure = refused(400, {}, body("content_filter", None, **FILTERED), NOW)
    assert failure.says == "400 content_filter ResponsibleAIPolicyViolation"
    odd = body(f"{KEY} {PROMPT}", ["x"], innererror={"code": {"a": 1}})
    assert refused(400, {}, odd, NOW).says == "400"


@pytest.mark.parametrize(
    ("headers", "wait", "may_retry"),
    [
        ({"retry-after-ms": "250"}, 0.25, True),
        ({"retry-after": "1.5", "x-should-retry": "true"}, 1.5, True),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:10 GMT"}, 10.0, True),
        ({"x-should-retry": "false"}, None, False),
        ({}, None, True),
    ],
)
def test_what_a_refusal_says_of_retrying_is_handed_on(
    headers: Mapping[str, str], wait: float | None, may_retry: bool
) -> None:
    failure = refused(429, headers, b"", NOW)
    assert (failure.retry_after, failure.may_retry) == (wait, may_retry)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"error": {"code": "server_error"}}, FailureClass.SERVER),
        ({"error": {"code": 503}}, FailureClass.SERVER),
        ({"error": {"code": 429}}, FailureClass.RATE_LIMITED),
        ({"error": {"code": 400, "type": "BadRequestError"}}, FailureClass.INVALID),
        ({"error": {"type": "insufficient_quota"}}, FailureClass.QUOTA),
        ({"error": {"code": "content_filter"}}, FailureClass.CONTENT_FILTER),
        ({"error": {"message": "what?"}}, FailureClass.MALFORMED),
        ({"error": "what?"}, FailureClass.MALFORMED),
    ],
)
def test_an_error_inside_of_a_200_has_its_class_too(document: object, kind: FailureClass) -> None:
    failure = error_in(document)
    assert failure is not None
    assert failure.kind is kind


@pytest.mark.parametrize("document", [{}, {"error": None}, {"choices": []}, [], None, 7])
def test_what_has_no_error_is_no_failure(document: object) -> None:
    assert error_in(document) is None


def test_json_where_a_stream_was_wanted_is_its_error_or_else_malformed() -> None:
    assert error_in_body(body("insufficient_quota")).kind is FailureClass.QUOTA
    assert error_in_body(b"{}").kind is FailureClass.MALFORMED


REFUSED = aiohttp.ClientOSError(111, "Connect call failed ('10.0.0.1', 443)")


@pytest.mark.parametrize(
    ("error", "reached", "kind", "uncertain"),
    [
        (REFUSED, Reached.NOTHING, FailureClass.CONNECT, False),
        (
            socket.gaierror(-2, "Name or service not known"),
            Reached.NOTHING,
            FailureClass.CONNECT,
            False,
        ),
        (aiohttp.ConnectionTimeoutError(), Reached.NOTHING, FailureClass.CONNECT, False),
        (TimeoutError(), Reached.NOTHING, FailureClass.CONNECT, False),
        (TimeoutError(), Reached.SENT, FailureClass.TIMEOUT, True),
        (TimeoutError(), Reached.HEAD, FailureClass.TIMEOUT, True),
        (aiohttp.ServerDisconnectedError(), Reached.SENT, FailureClass.TIMEOUT, True),
        (aiohttp.ClientOSError(104, "reset"), Reached.SENT, FailureClass.TIMEOUT, True),
        (aiohttp.ClientResponseError(None, ()), Reached.SENT, FailureClass.MALFORMED, False),  # type: ignore[arg-type]
        (aiohttp.ClientPayloadError(), Reached.HEAD, FailureClass.MALFORMED, False),
        (aiohttp.ClientPayloadError(), Reached.CONTENT, FailureClass.CUT, False),
        (aiohttp.SocketTimeoutError(), Reached.CONTENT, FailureClass.CUT, False),
    ],
)
def test_a_lost_call_is_uncertain_where_it_may_have_been_executed(
    error: BaseException, reached: Reached, kind: FailureClass, uncertain: bool
) -> None:
    failure = lost(error, reached, call(settings(), timeout=30.0))
    assert (failure.kind, failure.uncertain) == (kind, uncertain)


@pytest.mark.parametrize(
    ("timeout", "reached", "kind"),
    [
        (9.9, Reached.SENT, FailureClass.DEADLINE),
        (9.9, Reached.HEAD, FailureClass.DEADLINE),
        (10.0, Reached.SENT, FailureClass.TIMEOUT),
        (4.9, Reached.NOTHING, FailureClass.DEADLINE),
        (5.0, Reached.NOTHING, FailureClass.CONNECT),
        (4.9, Reached.CONTENT, FailureClass.CUT),
    ],
)
def test_a_provider_that_got_less_than_its_usual_time_is_not_blamed(
    timeout: float, reached: Reached, kind: FailureClass
) -> None:
    assert lost(TimeoutError(), reached, call(settings(), timeout=timeout)).kind is kind


def test_a_provider_whose_own_timeout_has_passed_is_blamed_however_short_that_is() -> None:
    short = call(settings(at={"timeout": "200ms"}), timeout=0.2)
    assert lost(TimeoutError(), Reached.SENT, short).kind is FailureClass.TIMEOUT


def test_what_is_said_of_a_lost_connection_names_the_error_and_no_address() -> None:
    failure = lost(REFUSED, Reached.NOTHING, call(settings()))
    assert failure.says == "no connection: ClientOSError ECONNREFUSED"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"x-request-id": "req_1"}, "req_1"),
        ({"x-request-id": "req_1", "apim-request-id": "apim-1"}, "apim-1"),
        ({"x-request-id": "two words"}, ""),
        ({"x-request-id": "x" * 129}, ""),
        ({}, ""),
    ],
)
def test_the_providers_own_id_is_found(headers: Mapping[str, str], found: str) -> None:
    assert provider_id(headers) == found
