"""Settings of plugins: what a model may ask, and in which words it is told."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr, field_validator

from proxy.api import Duration, Secret, Settings, Size, setting
from proxy.settings.fields import Expanded
from proxy.settings.places import Places
from proxy.settings.problems import ConfigError
from proxy.settings.reading import Reader, read_plain
from tests.settings.rich import SECRET, Colour, Rich, Rule


class Empty(Settings):
    """No settings at all."""


class Broken(Settings):
    """Its validator has a mistake of its own."""

    text: str = ""

    @field_validator("text")
    @classmethod
    def _look_up(cls, value: str) -> str:
        table: dict[str, str] = {}
        return table[value]


def told(said: Mapping[str, Any], model: type[Settings] = Rich) -> list[str]:
    """The problems of these settings, without the place that they all have in common."""
    with pytest.raises(ConfigError) as caught:
        read_plain(model, said, ("use",))
    return [str(problem).removeprefix("use.") for problem in caught.value.problems]


def test_what_a_model_asks_of_all_its_settings_together_is_told_at_the_mapping() -> None:
    assert told({"low": 11}) == [
        "use: said a mapping; wanted what the plugin asks: low must not be above high"
    ]


def test_every_problem_is_told_in_one_run() -> None:
    wrong = {
        "whole": "5",
        "flag": 1,
        "from": "A",
        "rules": [{}],
        "wait": 5,
        "token": "",
        "low": "x",
    }

    assert len(told(wrong)) == len(wrong)


class Bounded(Settings):
    """Bounds of its own around types that bring theirs."""

    most: Size = setting(default=1024, ge=1024, le=4096)
    wait: Duration | None = setting(default=None, ge=0.1)
    every: Annotated[Duration, Field(gt=60)] = 120.0
    token: Secret = setting(default=SecretStr(""), min_length=32)
    sizes: tuple[Annotated[Size, Field(multiple_of=512)], ...] = ()


BOUNDS = [
    ("most", "1023B", 'said "1023B"; wanted a size from 1KiB to 4KiB'),
    ("most", "5KiB", 'said "5KiB"; wanted a size from 1KiB to 4KiB'),
    ("wait", "99ms", 'said "99ms"; wanted a duration of at least 100ms'),
    ("every", "1m", 'said "1m"; wanted a duration above 1m'),
    ("token", SECRET, "said text of 15 characters; wanted a secret of at least 32 characters"),
]


@pytest.mark.parametrize(("key", "value", "problem"), BOUNDS)
def test_bounds_hold_for_types_with_units_and_for_secrets_too(
    key: str, value: str, problem: str
) -> None:
    assert told({key: value}, Bounded) == [f"{key}: {problem}"]
    assert told({"sizes": ["1KiB", "1000B"]}, Bounded) == [
        'sizes[1]: said "1000B"; wanted a size in steps of 512B'
    ]


def test_what_is_within_the_bounds_is_read() -> None:
    said = {"most": "4KiB", "wait": "100ms", "every": "61s", "token": "x" * 32, "sizes": ["1KiB"]}
    read = read_plain(Bounded, said)

    assert (read.most, read.wait, read.every, read.sizes) == (4096, 0.1, 61, (1024,))
    assert read.token.get_secret_value() == "x" * 32


def test_a_plugin_without_settings_says_so() -> None:
    assert told({"txet": 1}, Empty) == ["txet: said the unknown key txet; wanted no settings"]


def test_a_validator_with_a_mistake_of_its_own_is_a_problem_and_not_a_traceback() -> None:
    (problem,) = told({"text": SECRET}, Broken)

    assert problem == (
        "use: said a mapping; wanted settings that the plugin's own code can read; "
        "its validator raised KeyError"
    )


def test_settings_of_the_right_kinds_become_the_values_of_their_types() -> None:
    read = read_plain(
        Rich,
        {
            "small": 3,
            "above": 2,
            "colour": "blue",
            "rules": [{"name": "a"}],
            "pair": [2, "b"],
            "kinds": ["a", "b", "a"],
            "table": {"a": ["x"]},
            "network": "10.0.0.0/8",
            "file": "a/b",
            "either": ["a", "b"],
            "rule_or_not": {"name": "a"},
            "wait": "250ms",
            "percent": "7%",
            "from": "abcd",
        },
    )

    assert (read.small, read.above, read.colour, read.percent) == (3, 2.0, Colour.BLUE, 7)
    assert (read.rules, read.rule_or_not) == ((Rule(name="a"),), Rule(name="a"))
    assert (read.pair, read.kinds, read.table) == ((2, "b"), frozenset("ab"), {"a": ("x",)})
    assert (read.network, read.file) == (IPv4Network("10.0.0.0/8"), Path("a/b"))
    assert (read.either, read.wait, read.text) == (("a", "b"), 0.25, "abcd")


def test_text_of_the_environment_is_read_as_what_is_wanted() -> None:
    three, on = Expanded("3"), Expanded("on")
    read = read_plain(
        Rich,
        {"whole": three, "small": three, "above": three, "flag": on, "word": three, "names": [on]}
        | {"rules": [{"name": three, "many": three}], "pair": [three, three]},
    )

    assert (read.whole, read.small, read.above, read.flag, read.word) == (3, 3, 3.0, True, 3)
    assert (read.rules, read.pair, read.names) == ((Rule(name="3", many=3),), (3, "3"), ["on"])


def test_values_of_the_environment_are_not_shown_whatever_is_wrong_with_them() -> None:
    keys = ("whole", "above", "flag", "word", "colour", "from", "network", "token", "percent")

    problems = told(dict.fromkeys(keys, Expanded(SECRET)))

    assert len(problems) == len(keys)
    assert not any("hunter2" in problem for problem in problems)


def test_equal_settings_make_equal_models() -> None:
    said = {"rules": [{"name": "a"}], "token": SECRET[:3]}

    assert read_plain(Rich, said) == read_plain(Rich, dict(said))
    assert read_plain(Rich, said) != read_plain(Rich, {})


def test_keys_that_others_read_are_known_to_the_hint_alone() -> None:
    reader = Reader(Empty, Places.of({"on_eror": 1}), (), ("on_error",))

    with pytest.raises(ConfigError) as caught:
        reader.read({"on_eror": 1})

    assert str(caught.value).endswith("wanted no settings; did you mean on_error?")


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([SECRET, Expanded(SECRET), Expanded("7"), "a", "5s"])
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "many", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [field.alias or name for name, field in Rich.model_fields.items()]


def problems_of(said: Mapping[str, Any]) -> list[str] | None:
    """The problems of these settings; None if they are read."""
    try:
        read_plain(Rich, said)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return None


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6))
def test_any_settings_are_read_or_refused_in_words(said: dict[str, Any]) -> None:
    problems = problems_of(said)

    assert problems is None or (problems and all(problem.isprintable() for problem in problems))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["token", "key", "tokken"]), JUNK)
def test_a_secret_at_its_place_is_never_shown(key: str, junk: object) -> None:
    said = {key: junk, "token" if key == "key" else "key": SECRET}
    problems = problems_of(said)

    assert "hunter2" not in (repr(read_plain(Rich, said)) if problems is None else str(problems))
