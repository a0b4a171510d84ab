"""Settings as people may see them: short, and without a secret."""

from pathlib import Path
from typing import Annotated

import pytest

from proxy.api import Duration, Secret, Settings, setting
from proxy.pluginhost.shown import HIDDEN, secrets_of, shown_settings, without_secrets
from proxy.settings import fields


class Inner(Settings):
    token: Secret
    name: str = "inner"


class Everything(Settings):
    text: str = "plain"
    number: int = 2**70
    share: float = 0.5
    flag: bool = True
    nothing: str | None = None
    wait: Duration = 2.0
    header: Annotated[str, fields.header_value()] = "Bearer abc"
    inner: Inner
    keys: tuple[Secret, ...] = ()
    headers: dict[str, Annotated[str, fields.header_value()]]
    place: Path = Path("a/b")


def everything() -> Everything:
    return Everything.model_validate(
        {
            "inner": {"token": "inner-secret"},
            "keys": ["first-secret", "abc"],
            "headers": {"X-Token": "header-secret"},
            "wait": "1s",
        }
    )


def test_secrets_are_hidden_wherever_they_stand() -> None:
    assert shown_settings(everything()) == {
        "text": "plain",
        "number": "1180591620717411303424",
        "share": 0.5,
        "flag": True,
        "nothing": None,
        "wait": 1.0,
        "header": HIDDEN,
        "inner": {"token": HIDDEN, "name": "inner"},
        "keys": [HIDDEN, HIDDEN],
        "headers": {"X-Token": HIDDEN},
        "place": "a/b",
    }


class Renamed(Settings):
    document: object = setting(default=None, alias="json")
    secret: Secret = setting(alias="from")


def test_a_key_that_is_no_attribute_is_shown_as_written_and_its_secret_is_found() -> None:
    settings = Renamed.model_validate({"json": "a document", "from": "a secret"})
    assert shown_settings(settings) == {"json": "a document", "from": HIDDEN}
    assert list(secrets_of(settings)) == ["a secret"]


def test_long_settings_are_cut_short() -> None:
    class Long(Settings):
        text: str
        words: tuple[str, ...]
        url: str

    url = "http://user:password@host/"
    shown = shown_settings(Long(text="x" * 10_000, words=("y",) * 10_000, url=url))
    assert len(shown["text"]) < 100
    assert len(shown["words"]) == 50
    assert shown["url"] == "http://***@host/"


def test_all_secrets_but_very_short_ones_are_found() -> None:
    found = set(secrets_of(everything()))
    assert found == {"inner-secret", "first-secret", "header-secret", "Bearer abc"}


MESSAGES = {
    "a secret": ("cannot log in with inner-secret", f"cannot log in with {HIDDEN}"),
    "several lines": ("one\n  two\tthree", "one two three"),
    "control characters": ("bell \a", "bell \\x07"),
    "a long one": ("x" * 1000, "x" * 400 + "..."),
}


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_is_one_short_line_without_secrets(what: str) -> None:
    said, expected = MESSAGES[what]
    assert without_secrets(said, everything()) == expected
