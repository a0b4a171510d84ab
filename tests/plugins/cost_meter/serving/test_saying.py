"""Digests tell what was said apart, part by part."""

import pytest

from plugins.cost_meter.serving.saying import digest

DIFFERENT = [
    (("ab",), ("a", "b")),
    (("1",), (1,)),
    ((1,), (True,)),
    ((None,), ("",)),
    ((None,), ("None",)),
    ((), ("",)),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=str)
def test_what_is_said_otherwise_has_another_digest(
    one: tuple[str | int | None, ...], other: tuple[str | int | None, ...]
) -> None:
    assert digest(*one) == digest(*one)
    assert digest(*one) != digest(*other)


def test_nothing_can_be_read_in_a_digest() -> None:
    assert "ann" not in digest("ann", "bob")
    assert len(digest("x" * 10_000)) == 24
