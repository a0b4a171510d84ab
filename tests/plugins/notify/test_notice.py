"""Alerts within bounds, whoever has raised them."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.notice import Notice, notice_of, read_notice, written
from proxy.api import Alert
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
