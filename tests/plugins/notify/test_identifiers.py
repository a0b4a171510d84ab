"""Ids of alerts are in the order of time."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.identifiers import alert_id, is_alert_id
from tests.kit.properties import examples


@examples(50)
@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_later_one_is_greater_and_each_is_known_by_its_form(at: int, later: int) -> None:
    first, second = alert_id(at / 1000), alert_id((at + later) / 1000 + 0.001)
    assert first < second
    assert is_alert_id(first)


def test_what_has_another_form_is_none() -> None:
    assert not any(
        is_alert_id(one) for one in ("", "x", alert_id(1.0) + "0", alert_id(1.0).upper()[1:])
    )
