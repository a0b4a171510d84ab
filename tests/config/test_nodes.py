"""Places are found in the text, and what cannot be told apart is not touched."""

import pytest
import yaml

from proxy.config.nodes import Spliced, UnsafeError, insertion, removal, replacement, walk


def composed(text: str) -> yaml.Node:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert root is not None
    return root


def test_a_piece_takes_the_place_of_another() -> None:
    assert Spliced(2, "cd", "xyz").into("abcdef") == "abxyzef"


def test_a_walk_ends_where_there_is_nothing_more() -> None:
    steps = walk(composed("a: {b: 1}\n"), ("a", "c", "d"))
    assert [(step.name, step.is_there) for step in steps] == [("a", True), ("c", False)]


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("a: &x {b: 1}\nc: *x\n", ("c", "b"), "an anchor shares it"),
        ("a: {<<: {b: 1}}\n", ("a", "b"), "<< merges"),
        ("a: 1\n", ("a", "b"), "a single value stands where"),
        ("a: [1]\n", ("a", 2), "no list that long"),
        ("a: [1]\n", ("a", "b"), "a list stands where"),
        ("a: {b: 1}\n", ("a", 0), "a mapping stands where"),
        ("a: 1\n", (), "the whole file"),
    ],
)
def test_what_is_shared_or_something_else_is_not_walked_into(
    text: str, path: tuple[str | int, ...], said: str
) -> None:
    with pytest.raises(UnsafeError, match=said):
        walk(composed(text), path)


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1  # one\n", ("a",), "a: 2  # one\n"),
        ("a: |\n  text\nb: 1\n", ("a",), "a: 2\nb: 1\n"),
        ("a:\n  # on it\n  - 1\nb: 1\n", ("a",), "a:\n  # on it\n  2\nb: 1\n"),
        ("a: [1, 3]\n", ("a", 1), "a: [1, 2]\n"),
        ("- - 1\n  - 3\n", (0, 1), "- - 1\n  - 2\n"),
    ],
)
def test_a_value_is_replaced_where_it_stands(
    text: str, path: tuple[str | int, ...], after: str
) -> None:
    step = walk(composed(text), path)[-1]
    assert replacement(text, step, "2").into(text) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1\n# end\n", ("b",), "a: 1\nb: 2\n# end\n"),
        ("a: {}\n", ("a", "b"), "a: {b: 2}\n"),
        ("a: {c: 1, }\n", ("a", "b"), "a: {c: 1, b: 2, }\n"),
        ("- a: 1\n- a: 3\n", (0, "b"), "- a: 1\n  b: 2\n- a: 3\n"),
    ],
)
def test_an_entry_is_put_behind_the_others(
    text: str, path: tuple[str | int, ...], after: str
) -> None:
    step = walk(composed(text), path)[-1]
    assert insertion(text, step, "b: 2").into(text) == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1\nb: 2  # two\n", ("b",), "a: 1\n"),
        ("a: 1\nb: 2", ("b",), "a: 1"),
        ("a:\n  b: 2\n", ("a", "b"), "a: {}\n"),
        ("a:\n- 1\n", ("a", 0), "a: []\n"),
        ("- a: 1\n  b: 2\n", (0, "a"), "- b: 2\n"),
        ("- a: 1\n  b: 2\n", (0, "b"), "- a: 1\n"),
        ("a: {b: 1, c: 2}\n", ("a", "b"), "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("a: [1]\n", ("a", 0), "a: []\n"),
    ],
)
def test_an_entry_is_taken_out_with_what_is_its_own(
    text: str, path: tuple[str | int, ...], after: str
) -> None:
    step = walk(composed(text), path)[-1]
    assert removal(text, step).into(text) == after
