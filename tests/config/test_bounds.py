"""Whatever the file holds, it loads or it is refused in words, in bounded time."""

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.config import Config, ConfigError, Problem, load
from proxy.config.reference import keys
from tests.config.writing import MINIMAL, problems_of

WORDS = sorted({step.removesuffix("[]") for key in keys() for step in key.split(".")})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["legacy", "2s", "1KiB", "127.0.0.1:0", "http://a", "jwt:sub", "${A}", "/**"])
)
NAMES = st.sampled_from([*WORDS, "legacy", "a"]) | st.text(max_size=8)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
SECTIONS = st.dictionaries(st.sampled_from(sorted(Config.model_fields)), JUNK, max_size=6)


def problems_in(content: bytes) -> tuple[Problem, ...]:
    """The problems of a file with this content; none if it loads. Nothing else may be raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(content)
        try:
            load(path, {"A": "1"})
        except ConfigError as error:
            return error.problems or pytest.fail("refused without a problem")
    return ()


def are_placed(problems: tuple[Problem, ...], content: bytes) -> bool:
    """Whether each problem points into the file (or behind its end), on one printable line."""
    lines = len(content.decode("utf-8", "replace").splitlines()) + 2
    return all(
        1 <= problem.line <= lines and problem.column >= 1 and str(problem).isprintable()
        for problem in problems
    )


@settings(max_examples=150, deadline=None)
@example({"rollouts": {"\ud7fc": None}})
@example({"[key]": None})
@given(SECTIONS | JUNK)
def test_any_nested_junk_loads_or_is_refused_with_places(junk: object) -> None:
    content = yaml.safe_dump(junk, allow_unicode=True, sort_keys=False).encode()

    assert are_placed(problems_in(content), content)


@settings(max_examples=150, deadline=None)
@given(SECTIONS)
def test_any_json_loads_or_is_refused_with_places(junk: object) -> None:
    content = json.dumps(junk).encode()

    assert are_placed(problems_in(content), content)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abz01:-[]{}&*!|>'\"#%@`,? \n\t$<~.", max_size=60))
def test_any_punctuation_loads_or_is_refused_with_places(text: str) -> None:
    content = (MINIMAL + text).encode()

    assert are_placed(problems_in(content), content)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_load_or_are_refused_with_places(content: bytes) -> None:
    assert are_placed(problems_in(content), content)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_is_refused_before_anything_recursive_sees_it(tmp_path: Path, opening: str) -> None:
    problems = problems_of(tmp_path, opening * 100_000)

    assert len(problems) == 1
    assert problems[0].line == 1


def test_aliases_cannot_blow_up_through_merges(tmp_path: Path) -> None:
    levels = "".join(
        f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 9)
    )
    problems = problems_of(tmp_path, f"m0: &m0 {{k: v}}\n{levels}")

    assert [problem.wanted for problem in problems] == ["at most 200000 values"]


def test_a_mapping_that_merges_itself_is_refused(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, "a: &a {<<: *a}\n")

    assert problems[0].wanted == "at most 32 levels"


def test_many_wrong_names_are_refused_in_bounded_time(tmp_path: Path) -> None:
    upstreams = "".join(f"  u{i}: {{url: 'http://a:{i + 1}'}}\n" for i in range(3000))
    routes = "".join(
        f"  - {{name: r{i}, match: {{path: /a}}, upstream: v{i}}}\n" for i in range(3000)
    )
    text = f"listen: 127.0.0.1:0\ndefault_upstream: u0\nupstreams:\n{upstreams}routes:\n{routes}"
    problems = problems_of(tmp_path, text)

    assert len(problems) == 3000
