"""A change tells its place as people write it."""

from proxy.api import Change, ChangeRefusedError


def test_a_place_is_written_with_dots_and_numbers() -> None:
    change = Change(("plugins", "orchestrator", "rules", 0, "models", 1), "x")
    assert change.place == "plugins.orchestrator.rules[0].models[1]"
    assert Change((2, "a"), 1).place == "[2].a"


def test_a_refusal_tells_all_that_is_wrong() -> None:
    error = ChangeRefusedError(["one", "two"])
    assert str(error) == "one; two"
    assert error.problems == ("one", "two")
