"""Single rows as operators see them."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.operating.views import row_of
from plugins.cost_meter.row import Row
from proxy.api.documents import json_of, nano_usd_of
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row, rows


@given(rows(st.just(NOON)))
@examples(60)
def test_every_row_can_be_told_exactly(one: Row) -> None:
    told = row_of(one)
    assert nano_usd_of(told["usd"]) == int(told["nanoUsd"]) == one.nano_usd
    assert sum(told["usage"].values()) == sum(one.usage)
    assert json_of(told)


def test_what_is_empty_is_null_and_who_is_not_known_has_a_name() -> None:
    told = row_of(row(user="", failure="", note=""))
    assert (told["user"], told["failure"], told["note"]) == ("(unverified)", None, None)
