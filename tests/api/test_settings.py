"""Settings of plugins: typed, immutable, compared by value, secret where they say so."""

from typing import Literal

import pytest
from pydantic import ValidationError

from proxy.api import Duration, Secret, Settings, Size, setting
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
