"""What the platform's answers mean, one by one."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.message_queue.gateway.answers import (
    ANSWER_BYTES,
    lost,
    platform_id,
    refused,
    unreadable,
)
from plugins.message_queue.gateway.sending import CODES

NOW = 1_750_000_000.0


def said(code: object) -> bytes:
    return orjson.dumps({"error": {"code": code, "message": "Hello fan-1"}})


TABLE = [
    (400, "BAD_REQUEST", "BAD_REQUEST", "no", "bury"),
    (401, "UNAUTHORIZED", "UNAUTHORIZED", "no", "throttle"),
    (401, "TOKEN_EXPIRED", "TOKEN_EXPIRED", "no", "throttle"),
    (403, "FORBIDDEN", "FORBIDDEN", "no", "bury"),
    (403, "COMPLIANCE_VIOLATION", "COMPLIANCE_VIOLATION", "no", "bury"),
    (403, "HUMAN_APPROVAL_REQUIRED", "HUMAN_APPROVAL_REQUIRED", "no", "bury"),
    (404, "NOT_FOUND", "NOT_FOUND", "no", "bury"),
    (408, "TIMEOUT", "TIMEOUT", "unknown", "retry"),
    (409, "CONFLICT", "UNKNOWN", "unknown", "retry"),
    (413, "", "BAD_REQUEST", "no", "bury"),
    (422, "VALIDATION_ERROR", "VALIDATION_ERROR", "no", "bury"),
    (429, "RATE_LIMIT", "RATE_LIMIT", "no", "throttle"),
    (500, "INTERNAL_ERROR", "INTERNAL_ERROR", "unknown", "retry"),
    (502, "", "INTERNAL_ERROR", "unknown", "retry"),
    (503, "SERVICE_UNAVAILABLE", "SERVICE_UNAVAILABLE", "no", "retry"),
    (504, "TIMEOUT", "TIMEOUT", "unknown", "retry"),
    # The status decides: a code that belongs to another changes nothing.
    (400, "TOKEN_EXPIRED", "BAD_REQUEST", "no", "bury"),
    (500, "VALIDATION_ERROR", "INTERNAL_ERROR", "unknown", "retry"),
    # What is not a part of the agreement may have been executed.
    (202, "", "UNKNOWN", "unknown", "retry"),
    (302, "", "UNKNOWN", "unknown", "retry"),
    (599, "", "UNKNOWN", "unknown", "retry"),
]


@pytest.mark.parametrize(("status", "word", "code", "executed", "following"), TABLE)
def test_each_status_means_one_thing(
    status: int, word: str, code: str, executed: str, following: str
) -> None:
    failure = refused(status, {}, said(word), NOW)
    assert failure[:3] == (code, executed, following)
    assert failure.why == f"the platform answered {status} {code}"


RESTS = [
    (429, {"retry-after": "7"}, 7.0),
    (429, {"retry-after": "Sun, 15 Jun 2025 15:06:50 GMT"}, 10.0),
    (429, {}, 10.0),
    (401, {}, 30.0),
    (503, {"retry-after": "2"}, 2.0),
    (503, {}, None),
    (500, {"retry-after": "soon"}, None),
]


@pytest.mark.parametrize(("status", "headers", "expected"), RESTS)
def test_the_platform_says_for_how_long_it_wants_to_be_left_alone(
    status: int, headers: dict[str, str], expected: float | None
) -> None:
    assert refused(status, headers, b"", NOW).retry_after == expected


def test_without_an_answer_it_depends_on_whether_anything_had_left() -> None:
    assert lost(sent=False, late=False)[:3] == ("NETWORK_ERROR", "no", "retry")
    assert lost(sent=False, late=True)[:3] == ("NETWORK_ERROR", "no", "retry")
    assert lost(sent=True, late=False)[:3] == ("NETWORK_ERROR", "unknown", "retry")
    assert lost(sent=True, late=True)[:3] == ("TIMEOUT", "unknown", "retry")
    assert unreadable(200)[:3] == ("UNKNOWN", "unknown", "retry")


IDS = [
    (b'{"id": "of-1"}', "of-1"),
    (b'{"id": 7, "more": []}', "7"),
    (b'{"id": true}', ""),
    (b'{"id": ""}', ""),
    (b'{"id": "a\\nb"}', ""),
    (b'{"id": "%b"}' % (b"x" * 257), ""),
    (b'{"id": "%b"}' % (b"x" * ANSWER_BYTES), ""),
    (b'{"id": ', ""),
    (b"[]", ""),
    (b"", ""),
]


@pytest.mark.parametrize(("body", "expected"), IDS)
def test_an_id_is_read_or_not(body: bytes, expected: str) -> None:
    assert platform_id(body) == expected


@given(
    st.integers(100, 999),
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(CODES).map(said),
        st.builds(said, st.one_of(st.none(), st.integers(-9, 9), st.lists(st.text()))),
    ),
)
def test_any_answer_is_understood_and_nothing_of_it_is_repeated(status: int, body: bytes) -> None:
    failure = refused(status, {}, body, NOW)
    assert failure.code in CODES
    assert failure.executed == "unknown" or 400 <= status < 500 or status == 503
    assert "fan-1" not in failure.why
