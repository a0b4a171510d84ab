"""Alerts within bounds, whoever has raised them."""

from decimal import Decimal

import orjson
from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.notice import Notice, notice_of, read_notice, written
from proxy.api import Alert, Measured
from tests.kit.properties import examples
from tests.plugins.notify.stores.bench import NOW

TEXT = st.text(st.characters(), max_size=300)


def of(**more: object) -> Notice:
    said = {"name": "n", "subject": "s", "text": "t", **more}
    return notice_of(Alert(**said), "id", NOW)  # type: ignore[arg-type]


@examples(60)
@given(TEXT, TEXT, TEXT.map(lambda text: text * 10), TEXT, TEXT, TEXT)
def test_every_part_has_its_bound_and_comes_back_from_a_store(
    name: str, subject: str, text: str, severity: str, key: str, user: str
) -> None:
    found = notice_of(Alert(name, subject, text, severity, key, False, user), "id", NOW)
    sizes = [len(part) for part in (found.name, found.subject, found.text, found.identity)]
    assert [size <= most for size, most in zip(sizes, (64, 200, 2000, 200), strict=True)] == [
        True
    ] * 4
    assert found.severity in ("info", "warning", "critical")
    assert (found.name + found.subject + found.identity).replace("\n", "").isprintable()
    assert read_notice(written(found)) == found


def test_the_identity_names_no_user() -> None:
    assert of(key="budget:team").identity == "budget:team"
    assert of().identity == "n:s"
    of_user = of(key="budget:ann", user="ann").identity
    assert "ann" not in of_user
    assert of_user == of(key="budget:ann", user="ann").identity != of(key="budget:bob").identity


def test_an_unknown_severity_is_a_warning() -> None:
    assert of(severity="fatal").severity == "warning"


def test_what_it_compares_comes_back_from_a_store() -> None:
    found = of(measured=Measured("USD", Decimal(5), Decimal("5.000000001"), "day", NOW, NOW + 1))
    assert '"5.000000001"' in found.measured
    assert read_notice(written(found)) == found


def test_what_another_version_has_written_is_read_as_far_as_it_is_known() -> None:
    found = of()
    older = {name: value for name, value in found._asdict().items() if name != "measured"}
    assert read_notice(orjson.dumps(older)) == found
    newer = {**found._asdict(), "more": [1]}
    assert read_notice(orjson.dumps(newer)) == found
