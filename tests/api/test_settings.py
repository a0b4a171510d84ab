"""Settings of plugins: typed, immutable, compared by value, secret where they say so."""

from typing import Annotated, Literal, Self

import pytest
from pydantic import ValidationError, model_validator

from proxy.api import Duration, Secret, Settings, Size, setting, store_url
from proxy.api.settings import BaseUrl, refuse_misfits
from proxy.pluginhost.shown import shown_settings
from proxy.settings.problems import ConfigError
from proxy.settings.reading import read_plain


class Inner(Settings):
    names: tuple[str, ...] = ()


class Limits(Settings):
    """All kinds of keys."""

    wait: Duration = 2.0
    most: Size = 1024
    token: Secret | None = None
    mode: Literal["strict", "loose"] = "strict"
    share: float = setting(default=0.5, ge=0, le=1, description="How much of it.")
    inner: Inner = Inner()


def refused(**said: object) -> str:
    with pytest.raises(ConfigError) as error:
        read_plain(Limits, said)
    return str(error.value)


def test_durations_and_sizes_are_written_with_their_units() -> None:
    settings = read_plain(Limits, {"wait": "250ms", "most": "1MiB"})
    assert (settings.wait, settings.most) == (0.25, 1024 * 1024)


def test_a_number_without_a_unit_is_refused_with_the_way_to_write_it() -> None:
    assert 'add the unit: 3 -> "3s"' in refused(wait=3)
    assert 'add the unit: 3 -> "3B"' in refused(most=3)


@pytest.mark.parametrize(("key", "value"), [("wait", "25h"), ("most", "2GiB")])
def test_durations_and_sizes_are_bounded(key: str, value: str) -> None:
    assert f"{key}: said" in refused(**{key: value})


def test_an_unknown_key_is_an_error_with_the_nearest_name() -> None:
    assert "did you mean wait?" in refused(wiat="2s")
    assert "did you mean names?" in refused(inner={"name": []})


def test_a_secret_is_in_no_text_but_is_there() -> None:
    settings = read_plain(Limits, {"token": "hush-hush"})
    assert settings.token is not None
    assert settings.token.get_secret_value() == "hush-hush"
    assert "hush" not in repr(settings) + str(settings)
    assert "hush" not in refused(token=["hush-hush"])


def test_every_problem_is_told_at_once() -> None:
    text = refused(wait=1, mode="lose", share=2)
    assert len(text.splitlines()) == 3
    assert "did you mean loose?" in text
    assert "a number from 0" in text


def test_equal_settings_are_equal_and_cannot_be_changed() -> None:
    settings = read_plain(Limits, {"wait": "2s", "inner": {"names": ["a"]}})
    assert settings == Limits(inner=Inner(names=("a",)))
    assert settings != Limits()
    with pytest.raises(ValidationError):
        settings.share = 0.1  # type: ignore[misc]


class Kept(Settings):
    """Where something is kept."""

    where: Annotated[str, store_url("memory", "sqlite", "redis")] = "memory://"
    elsewhere: Annotated[str, store_url("redis", also="nowhere")] = "nowhere"


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "sqlite:var/a.db",
        "sqlite:/var/a.db",
        "sqlite:///var/a.db",
        "redis://h",
        "redis://h:6380/1?prefix=shop",
        "rediss://me:%2Fhush%40@[::1]:6379/0",
    ],
)
def test_a_store_is_named_by_its_address(url: str) -> None:
    assert read_plain(Kept, {"where": url}).where == url


@pytest.mark.parametrize(
    "url",
    [
        *("memory:", "memory", "sqlite:", "sqlite://a.db", "sqlite:a/", "postgres://h", "redis:h"),
        *("redis://", "redis://h:0", "redis://h:99999", "redis://h/a", "redis://h/0?db=1"),
        *("redis://h/0#x", "redis://[h/0", "redis://:hush/hush@h/0", "redis://:hush#hush@h/0"),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_plain(Kept, {"where": url})
    said = str(error.value)
    assert "wanted memory://, sqlite:path.db or redis://host:6379/0" in said
    assert "hush" not in said
    assert ("%2F" in said) is ("@" in url)


def test_a_store_may_have_a_name_of_its_own() -> None:
    with pytest.raises(ConfigError, match="wanted nowhere or redis://host:6379/0"):
        read_plain(Kept, {"elsewhere": "memory://"})


def test_the_password_of_a_store_is_shown_to_nobody() -> None:
    settings = read_plain(Kept, {"where": "redis://me:hush@h:6379/0"})
    assert shown_settings(settings)["where"] == "redis://***@h:6379/0"


class Window(Settings):
    """Two keys of which the one has to fit the other."""

    least: int = 0
    most: int = 1
    url: BaseUrl = "https://api.test"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_misfits([(("most",), "more than least")] if self.most <= self.least else [])
        return self


def test_what_does_not_fit_together_is_told_at_its_place() -> None:
    assert read_plain(Window, {"least": 1, "most": 2}).most == 2
    with pytest.raises(ConfigError, match=r"most: .*more than least"):
        read_plain(Window, {"least": 2, "most": 2})


def test_the_url_of_an_api_is_kept_without_the_slash_at_its_end() -> None:
    assert read_plain(Window, {"url": "http://[::1]:8080/v1/"}).url == "http://[::1]:8080/v1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.test",
        "ftp://x",
        "https://",
        "https://u@x",
        "https://x?k=1",
        "https://x#k",
        "http://x:0",
    ],
)
def test_what_is_no_url_of_an_api_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no key, no query"):
        read_plain(Window, {"url": url})
