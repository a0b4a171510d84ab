"""Answers of the admin listener, and what is read of a request for them."""

from pathlib import Path
from types import MappingProxyType

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.reply import json_answer, problem, switched


def told(answer: object) -> object:
    return orjson.loads(getattr(answer, "body"))  # noqa: B009


def test_values_that_are_not_plain_are_told_as_text_or_by_their_content() -> None:
    value = {"a": MappingProxyType({"b": 1}), "c": frozenset("yx"), "d": Path("plugins")}
    answer = json_answer(200, value)
    assert (answer.content_type, told(answer)) == (
        "application/json",
        {"a": {"b": 1}, "c": ["x", "y"], "d": "plugins"},
    )


def test_a_problem_says_what_is_wrong_and_what_to_do() -> None:
    answer = problem(409, "It was refused.", "Correct it.", {"problems": ["one"]})
    assert (answer.status, answer.content_type) == (409, "application/problem+json")
    assert told(answer) == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "It was refused.",
        "hint": "Correct it.",
        "problems": ["one"],
    }


@pytest.mark.parametrize(("query", "expected"), [("", False), ("?a=0", False), ("?a=1", True)])
def test_a_switch_of_the_query_is_0_or_1(query: str, *, expected: bool) -> None:
    assert switched(make_mocked_request("POST", f"/x{query}"), "a") is expected


def test_another_value_of_a_switch_is_refused_with_the_right_one() -> None:
    with pytest.raises(Refusal, match="neither 1 nor 0") as caught:
        switched(make_mocked_request("POST", "/x?a=yes"), "a")
    assert (caught.value.status, caught.value.hint) == (400, "Ask with ?a=1.")
