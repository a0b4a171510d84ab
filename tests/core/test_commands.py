"""Commands are values: each explains itself, and all are in one union."""

from dataclasses import fields, is_dataclass

import pytest

from proxy.core import commands

ALL = tuple(getattr(commands, name) for name in commands.__all__ if name != "Command")


def test_the_union_has_every_command_there_is() -> None:
    assert set(commands.Command.__args__) == set(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_a_command_is_a_frozen_value_that_explains_itself(kind: type) -> None:
    assert is_dataclass(kind)
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "written, not generated"
    assert not [each.name for each in fields(kind) if each.name == "mark"], "the mark says who"
