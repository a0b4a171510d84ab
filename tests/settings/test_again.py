"""What YAML cannot say is read once more, and nothing else is."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.api import Settings
from proxy.settings.again import validated
from proxy.settings.fields import Expanded


class Nested(Settings):
    rows: tuple[tuple[int, ...], ...] = ()
    more: "tuple[Nested, ...]" = ()
    folder: Path = Path()
    number: int = 0


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=3))
def test_lists_become_tuples_at_every_depth(rows: list[list[int]]) -> None:
    said = {"rows": rows, "more": [{"rows": rows, "more": [{"rows": rows}]}]}
    read = validated(Nested, said)

    expected = tuple(tuple(row) for row in rows)
    assert (read.rows, read.more[0].rows, read.more[0].more[0].rows) == (expected,) * 3


@given(st.integers(-(10**12), 10**12))
def test_a_number_of_the_environment_is_a_number_and_quoted_digits_are_none(number: int) -> None:
    assert validated(Nested, {"number": Expanded(number)}).number == number
    with pytest.raises(ValidationError):
        validated(Nested, {"number": str(number)})


def test_what_was_said_is_left_as_it_was() -> None:
    said: dict[str, Any] = {"rows": [[1], [2]], "number": Expanded("3")}

    validated(Nested, said)

    assert said == {"rows": [[1], [2]], "number": "3"}


def test_relative_paths_are_taken_from_the_folder(tmp_path: Path) -> None:
    assert validated(Nested, {"folder": "a"}, tmp_path).folder == tmp_path / "a"
    assert validated(Nested, {"folder": "/a"}, tmp_path).folder == Path("/a")
    assert validated(Nested, {"folder": "a"}).folder == Path("a")
