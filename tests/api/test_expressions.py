"""Expressions in settings: checked when they are read, and harmless afterwards."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import Expression, Settings, evaluate
from proxy.settings.problems import ConfigError
from proxy.settings.reading import read_plain


class Picking(Settings):
    """Says what to take."""

    take: Expression = "body"


FOUND: dict[str, Any] = {
    "body.user.id": 7,
    "body.missing.deep": None,
    "length(body.user)": 1,
    "length(body.user.id)": None,
    "body.user.id < 'x'": None,
    "not_null(body.plan, 'free')": "free",
    "body.items[].lenght(@)": None,
}


@pytest.mark.parametrize("expression", FOUND)
def test_an_expression_finds_a_value_or_nothing(expression: str) -> None:
    assert evaluate(expression, {"body": {"user": {"id": 7}, "items": [1]}}) == FOUND[expression]


MISTAKES = {
    "": "said empty text",
    "body.": "look at column 6",
    "body x": "look at column 6",
    "body # x": "look at column 6",
    "lenght(body)": "did you mean length?",
    "frobnicate(body)": "there is no function of that name",
    "join(body)": "join takes 2 arguments",
    "(" * 2000: "nested too deeply",
    "a" * 2049: "at most 2048 characters",
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: text[:20])
def test_what_is_no_expression_is_told_with_what_is_wrong(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plain(Picking, {"take": text})
    assert "wanted a JMESPath expression" in str(caught.value)
    assert MISTAKES[text] in str(caught.value)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # `a` for `"a"`
@given(st.text("abody.[]*(){}@&|<>=!'\"`?,: 01", max_size=30))
def test_any_text_is_an_expression_or_is_told_not_to_be_one(text: str) -> None:
    with suppress(ConfigError):
        assert read_plain(Picking, {"take": text}).take == text
    evaluate(text, {"body": {"a": [1, "b", None]}})
