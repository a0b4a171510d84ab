"""Where things stand."""

from proxy.settings.fields import Expanded
from proxy.settings.places import Places, Spot, said_at, where
from proxy.settings.problems import Finding

SAID = {"a": [{"b": "x"}], "c": Expanded("hunter2"), "d": None}


def test_a_place_is_written_with_dots_and_brackets() -> None:
    assert where(("routes", 0, "match", "path")) == "routes[0].match.path"
    assert where(()) == ""


def test_a_step_that_is_missing_in_a_mapping_ends_the_walk() -> None:
    assert Places.of(SAID).locate(("a", 0, "z", "y")) == (("a", 0), ("z", "y"))


def test_a_step_that_does_not_fit_is_stepped_over() -> None:
    assert Places.of(SAID).locate(("a", 0, "b", "text")) == (("a", 0, "b"), ())
    assert Places.of({"a": "x"}).locate(("a", 0)) == (("a",), ())


def test_nothing_directly_below_the_base_is_stepped_over() -> None:
    assert Places.of("hello", ("use",)).locate(("use", "a"), 1) == (("use",), ("a",))


def test_a_value_is_said_as_it_was_written_and_a_hidden_one_by_its_kind() -> None:
    places = Places.of(SAID)
    spots = [places.spot(loc) for loc in (("a",), ("a", 0, "b"), ("c",), ("d",))]

    assert [said_at(spot, hidden=False) for spot in spots] == [
        "a list",
        '"x"',
        '"${...}" (from the environment)',
        "nothing",
    ]
    assert said_at(spots[1], hidden=True) == "text"


def test_a_problem_points_at_the_value_or_at_its_key() -> None:
    places = Places("file", {(): Spot(1, 1, 1, 1, "mapping", ""), ("a",): Spot(2, 5, 2, 1, "", "")})
    problems = [places.problem(Finding(("a",), "b", at_key=at_key)) for at_key in (False, True)]

    assert [(problem.line, problem.column) for problem in problems] == [(2, 5), (2, 1)]


def test_what_stands_in_the_file_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Places.of({"a": "hunter2"}))
