"""What watching plugins are told: plain values with names."""

from decimal import Decimal
from typing import get_type_hints

import pytest

from proxy.api import Alert, Measured, Move
from proxy.api.testing import outcome


def test_an_alert_is_a_warning_unless_it_says_otherwise() -> None:
    alert = Alert("plugin_quarantined", "headers", "It fails. Release it.")
    assert alert.severity == "warning"
    assert alert._replace(severity="critical").severity == "critical"


def test_an_outcome_is_read_by_name() -> None:
    told = outcome(status=502, reason="upstream_refused", fault="upstream")
    assert (told.status, told.reason, told.fault) == (502, "upstream_refused", "upstream")


def test_what_is_printed_of_an_outcome_is_the_decision_and_the_status() -> None:
    told = repr(outcome(status=404, arm="new", route="shop", endpoint="http://10.0.0.1"))
    assert told == "Outcome(404 route on route shop, arm new)"


@pytest.mark.parametrize("event", [Alert, Move])
def test_each_part_of_an_event_is_of_a_plain_kind(event: type) -> None:
    kinds = get_type_hints(event)
    parts = {"channels": kinds.pop("channels", None), "measured": kinds.pop("measured", None)}
    assert set(kinds.values()) <= {str, int, float, bool}
    assert len(kinds) >= 4
    assert (None in parts.values()) == (event is Move)


@pytest.mark.parametrize(
    ("value", "limit", "percent"),
    [("1", "3", 33), ("2.999999999", "3", 99), ("6", "3", 200), ("0", "3", 0), ("1", "0", None)],
)
def test_what_is_measured_is_in_percent_of_its_limit(
    value: str, limit: str, percent: int | None
) -> None:
    assert Measured("USD", Decimal(limit), Decimal(value)).percent == percent
    assert Measured("USD", None, Decimal(value)).percent is None
