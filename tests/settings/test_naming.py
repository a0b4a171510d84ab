"""Settings say which of their texts are names of something declared, wherever they stand."""

from typing import Annotated

import pytest

from proxy.api import Period, RolloutName, RouteName, Settings, setting
from proxy.settings.naming import Named, named_in, undeclared
from proxy.settings.reading import read_plain


class Bound(Settings):
    """What one rollout may cost."""

    routes: tuple[RouteName, ...] = ()
    window: Period = 60.0


class Everywhere(Settings):
    """Names at each place where there may be some."""

    one: RouteName | None = None
    called: RouteName = setting(default="a", alias="as")
    several: Annotated[tuple[RouteName, ...], setting(max_length=3)] = ()
    listed: list[RolloutName] = setting(default=[])
    pair: tuple[RouteName, str] = ("a", "text")
    costs: dict[RouteName, str] = setting(default={})
    bounds: dict[RolloutName, Bound] = setting(default={})
    either: Bound | bool = False
    many: bool | tuple[RouteName, ...] = False
    text: str = "no name"


def names(**said: object) -> list[Named]:
    """What is named beside `as` and `pair`, which have defaults."""
    found = named_in(read_plain(Everywhere, said), ("plugins", "p"))
    return [one for one in found if one.name != "a"]


PLACES: dict[str, tuple[dict[str, object], list[tuple[str | int, ...]]]] = {
    "by itself": ({"one": "x"}, [("one",)]),
    "by another key": ({"as": "x"}, [("as",)]),
    "in a list": ({"several": ["a", "x"]}, [("several", 1)]),
    "in a pair": ({"pair": ["x", "y"]}, [("pair", 0)]),
    "in one of several kinds": ({"many": ["x"]}, [("many", 0)]),
    "further down": ({"either": {"routes": ["x"]}}, [("either", "routes", 0)]),
    "nowhere": ({"text": "x", "either": True, "many": True}, []),
}


@pytest.mark.parametrize("case", PLACES)
def test_names_are_found_where_they_stand(case: str) -> None:
    said, places = PLACES[case]
    found = names(**said)
    assert [one.loc for one in found] == [("plugins", "p", *place) for place in places]
    assert {(one.kind, one.name, one.at_key) for one in found} <= {("route", "x", False)}


def test_keys_are_names_too() -> None:
    [cost] = names(costs={"x": "text"})
    assert cost == Named(("plugins", "p", "costs", "x"), "route", "x", at_key=True)
    bound, route = names(bounds={"fade": {"routes": ["x"]}})
    assert (bound.kind, bound.name, bound.at_key) == ("rollout", "fade", True)
    assert route.loc == ("plugins", "p", "bounds", "fade", "routes", 0)


def test_each_kind_is_told_apart() -> None:
    assert [one.kind for one in names(listed=["x"], one="x")] == ["route", "rollout"]


def test_what_is_undeclared_is_told_with_what_there_is_and_the_nearest() -> None:
    found = undeclared(("one",), "route", "campain", ["campaigns", "other"])
    assert (found.wanted, found.hint, found.said) == (
        "the name of a declared route: campaigns, other",
        "did you mean campaigns?",
        "",
    )
    nothing = undeclared(("one",), "rollout", "x", [], at_key=True)
    assert (nothing.wanted, nothing.hint) == ("a declared rollout", "declare it under rollouts")
    assert (nothing.said, nothing.at_key) == ("the name x", True)
