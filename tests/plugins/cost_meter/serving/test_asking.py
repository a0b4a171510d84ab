"""Bodies are read strictly; amounts by their digits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.serving.asking import LARGEST, AskedAlert, AskedThreshold, read
from plugins.cost_meter.serving.declining import DeclinedError
from proxy.api.documents import usd_text
from tests.kit.properties import examples

GOOD = {
    "type": "daily",
    "threshold": 50,
    "severity": "warning",
    "notificationChannels": ["email"],
}


def body(**said: object) -> bytes:
    return json.dumps(
        {name: value for name, value in (GOOD | said).items() if value != ...}
    ).encode()


def test_a_threshold_is_read_with_its_defaults() -> None:
    asked = read(AskedThreshold, body())
    assert (asked.threshold, asked.enabled, asked.user_id) == (50 * 10**9, True, None)


@given(st.integers(1, 10**18))
@examples(150)
def test_no_digit_of_an_amount_is_lost(nano: int) -> None:
    written = body().replace(b": 50,", b": " + usd_text(nano).encode() + b",")
    assert read(AskedThreshold, written).threshold == nano


@pytest.mark.parametrize(
    ("said", "nano"), [("1e-7", 100), ("5E0", 5 * 10**9), ('"0.25"', 25 * 10**7)]
)
def test_amounts_are_read_as_clients_write_them(said: str, nano: int) -> None:
    written = body().replace(b": 50,", f": {said},".encode())
    assert read(AskedThreshold, written).threshold == nano


@pytest.mark.parametrize(
    "said", ["0", "-1", "1e-10", "1e99999999999", "NaN", "Infinity", "true", "null", "[]", '"x"']
)
def test_what_is_no_amount_above_zero_is_refused(said: str) -> None:
    with pytest.raises(DeclinedError, match=r"threshold: US dollars above zero"):
        read(AskedThreshold, body().replace(b": 50,", f": {said},".encode()))


WRONG = {
    "type: is missing": body(type=...),
    "type: Input should be 'hourly', 'daily', 'monthly' or 'per_request'": body(type="weekly"),
    "severity: Input should be": body(severity="loud"),
    "notificationChannels: has to have at least 1 item": body(notificationChannels=[]),
    "notificationChannels.0: 1 to 48 letters": body(notificationChannels=["\n"]),
    "enabled: Input should be a valid boolean": body(enabled=1),
    "more: is no key of this API": body(more=1),
    "the body is no JSON": b"{",
    "or has too many levels": b"[" * 9000,
    "the body: Input should be an object": b"[]",
}


@pytest.mark.parametrize("says", WRONG)
def test_what_is_wrong_is_said_with_its_place(says: str) -> None:
    with pytest.raises(DeclinedError, match=says.replace(".", r"\.")) as told:
        read(AskedThreshold, WRONG[says])
    assert told.value.reply.status == 400


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DeclinedError) as told:
        read(AskedThreshold, b"{}")
    assert str(told.value).count("is missing") == 4


def test_a_body_that_is_too_large_is_not_read() -> None:
    with pytest.raises(DeclinedError, match="at most 16384 are taken") as told:
        read(AskedThreshold, b" " * (LARGEST + 1))
    assert told.value.reply.status == 413


def test_an_alert_says_something_on_one_line() -> None:
    said = {"type": "budget_exceeded", "threshold": 1, "message": "look"}
    assert read(AskedAlert, json.dumps(said).encode()).severity == "warning"
    with pytest.raises(DeclinedError, match="message: has to say something"):
        read(AskedAlert, json.dumps(said | {"message": "a\nb"}).encode())
