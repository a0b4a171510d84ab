"""Callers as others tell them: their keys and attributes in the proxy's own words."""

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.controlplane.admin.questions import (
    MOST_ATTRIBUTES,
    MOST_LETTERS,
    Attributes,
    caller,
    spelt,
)
from proxy.core.identity import Identity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("pro", "pro"),
        (True, "true"),
        (False, "false"),
        (30, "30"),
        (30.0, "30"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (None, None),
        (["pro"], None),
        ({"a": 1}, None),
    ],
)
def test_a_value_is_spelt_as_a_header_would_carry_it(value: object, text: str | None) -> None:
    assert spelt(value) == text


def test_a_caller_has_the_key_that_requests_are_given() -> None:
    found = caller(" Ann ", {"tier": "pro", "age": 30, "who": None}, verified=True, lower=True)
    assert found == Identity(b"ann", "asked", True, {"tier": "pro", "age": "30"})
    assert caller("Ann", {}, verified=False, lower=False)[:3] == (b"Ann", "asked", False)


@pytest.mark.parametrize("key", ["", "  ", "\ud800"])
def test_a_caller_without_a_key_is_verified_by_nobody(key: str) -> None:
    assert caller(key, {}, verified=True, lower=False) == Identity(None, None, False, {})


@pytest.mark.parametrize(
    "told",
    [
        {"tier": ["pro"]},
        {"tier": None},
        {"tier": "x" * (MOST_LETTERS + 1)},
        {str(number): "x" for number in range(MOST_ATTRIBUTES + 1)},
    ],
)
def test_attributes_are_bounded_text_numbers_and_booleans(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Attributes).validate_python(told)
    assert TypeAdapter(Attributes).validate_python({"a": 1, "b": True, "c": "x"})
