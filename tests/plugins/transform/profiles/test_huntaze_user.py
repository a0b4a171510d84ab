"""Whose work it is, and for which platforms: the first that says so, as legacy reads it."""

from typing import Any

import pytest

from plugins.transform.profiles.huntaze_content import Content

WHO: list[tuple[str | None, dict[str, Any], str]] = [
    ("verified", {"userId": "a", "user_id": "b"}, "verified"),
    (None, {"userId": "a", "user_id": "b"}, "a"),
    (None, {"userId": "", "user_id": "b"}, "b"),
    (None, {"user_id": "b"}, "b"),
    (None, {"camel_user_id": "c"}, "unknown"),
    (None, {}, "unknown"),
]


@pytest.mark.parametrize(("caller", "said", "owner"), WHO)
def test_a_verified_caller_comes_before_what_the_body_claims(
    caller: str | None, said: dict[str, Any], owner: str
) -> None:
    assert Content.model_validate(said).owner(caller) == owner


PLATFORMS: list[tuple[dict[str, Any], list[str]]] = [
    ({"platforms": ["tiktok", "reddit"], "platform": "onlyfans"}, ["tiktok", "reddit"]),
    ({"platform": "onlyfans"}, ["onlyfans"]),
    ({"platform": ""}, []),
    ({}, []),
]


@pytest.mark.parametrize(("said", "named"), PLATFORMS)
def test_a_list_of_platforms_comes_before_a_single_one(
    said: dict[str, Any], named: list[str]
) -> None:
    assert Content.model_validate(said).named_platforms == named
