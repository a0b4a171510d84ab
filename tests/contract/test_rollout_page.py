"""The page about a rollout as JSON names what is sent; commands are tried with no other shape."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import TypeAdapter

from proxy.controlplane.admin.rollout_bodies import PlanBody
from proxy.controlplane.admin.rollout_view import RolloutView
from proxy.core.rollout_state import Standing
from scripts.house_rules import ROOT
from tests.cli.told import PLAN, mark, rollout

PAGE = (ROOT / "docs" / "reference" / "rollout.md").read_text("utf-8")
SHAPE = TypeAdapter(RolloutView)


def classes(kind: Any) -> Iterator[type]:
    """Every dataclass that a type is made of."""
    if is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from classes(hint)
    for part in get_args(kind):
        yield from classes(part)


def test_each_field_of_a_rollout_has_a_row_in_the_order_in_which_it_is_sent() -> None:
    cells = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    rows = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert rows == [field.name for field in fields(RolloutView)]


@pytest.mark.parametrize("kind", sorted({*classes(RolloutView)}, key=str), ids=lambda k: k.__name__)
def test_each_field_below_is_named(kind: type) -> None:
    assert [one.name for one in fields(kind) if f"`{one.name}`" not in PAGE] == []


@pytest.mark.parametrize("standing", Standing)
def test_each_word_for_how_a_rollout_stands_is_named(standing: Standing) -> None:
    assert f"`{standing}`" in PAGE


def test_commands_are_tried_with_what_the_listener_sends() -> None:
    found = rollout("bake", holds=[{"route": "orders", "cohort": "", **mark()}])
    assert SHAPE.dump_python(SHAPE.validate_python(found), mode="json") == found


def test_a_plan_is_sent_in_the_shape_in_which_it_is_shown() -> None:
    assert PlanBody.model_validate_json(json.dumps(PLAN)).model_dump(mode="json") == PLAN
