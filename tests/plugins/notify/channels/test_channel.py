"""A message out of what was claimed; what was answered, without secrets."""

from typing import Any

from plugins.notify.channels.channel import Told, cleaned
from plugins.notify.notice import SEVERITIES
from plugins.notify.store import Delivery
from tests.plugins.notify.stores.bench import NOW, made_id, notice


def delivery(number: int, **more: Any) -> Delivery:
    return Delivery(
        number, "ops", notice(number, **more), NOW, NOW, NOW + 9, attempts=1, generation=1
    )


def test_each_try_to_send_the_same_has_the_same_key() -> None:
    first, again = (
        Told.of([delivery(1)._replace(attempts=tries, generation=tries)], "shop")
        for tries in (1, 2)
    )
    assert first.key == again.key == f"{made_id(1)}-ops"
    assert not first.summary
    several = Told.of([delivery(1), delivery(2)], "shop")
    assert several.summary
    assert several.key != first.key


def test_the_worst_is_that_of_what_lasts() -> None:
    for severity in SEVERITIES:
        assert Told.of([delivery(1, severity=severity)], "shop").worst == severity
    over = delivery(2, severity="critical", resolves=True)
    assert Told.of([delivery(1), over], "shop").worst == "warning"
    assert Told.of([over], "shop").worst == "info"


def test_an_answer_is_told_on_one_line_within_bounds_without_secrets() -> None:
    assert cleaned("a\r\n b\0 key-1 ü", "key-1", "") == "a b *** ü"
    assert len(cleaned("x" * 1000)) == 200
