"""Values are written so that the configuration reads them as they are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.source import read_tree
from proxy.config.written import below_key, key_of, on_one_line

ATOMS = st.one_of(
    st.integers(-(10**12), 10**12),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda one: round(one, 6)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab:# yes", max_size=4), inner)
    ),
    max_leaves=12,
)


def read(text: str) -> Any:
    tree = read_tree(text.encode(), {})
    assert not tree.findings, text
    return tree.data


@given(VALUES)
def test_a_value_is_read_as_it_was_written_on_one_line(value: Any) -> None:
    text = on_one_line(value, "key")
    assert "\n" not in text
    assert read(f"{text}\n") == {"key": value}


@given(VALUES, st.integers(0, 90))
def test_a_value_is_read_as_it_was_written_below_a_key(value: Any, column: int) -> None:
    inside = f"{' ' * column}key:{below_key(value, column)}\n"
    text = f"outer:\n {inside}" if column == 0 else f"outer:\n{inside}"
    if column == 0:
        text = f"key:{below_key(value, 0)}\n"
        assert read(text) == {"key": value}
    else:
        assert read(text) == {"outer": {"key": value}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("yes", '"yes"'),
        ("2.50", '"2.50"'),
        ("", '""'),
        (5, "5"),
        (5.0, "5.0"),
        (1e21, "1000000000000000000000.0"),
        (True, "true"),
        (None, "null"),
        ("$x", '"$$x"'),
        ("\x85", '"\\u0085"'),
        ({"a": [1, {"b": ()}]}, "{a: [1, {b: []}]}"),
    ],
)
def test_values_are_written_like_people_write_them(value: object, text: str) -> None:
    assert on_one_line(value) == text


def test_keys_are_quoted_where_they_would_be_something_else() -> None:
    assert (key_of("rules"), key_of("on"), key_of("a b")) == ("rules", '"on"', '"a b"')
