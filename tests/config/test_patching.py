"""A change writes its own place anew and nothing else; what cannot be changed so is refused."""

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.api import Change, ChangeRefusedError
from proxy.config.patching import MOST_CHANGES, patched

FILE = """\
# The whole.
listen: 127.0.0.1:8080              # where clients come in

plugins:
  orchestrator:
    # Yours.
    providers:
      openai: {kind: openai, key: "${OPENAI_API_KEY:-none}"}
    deployments:                    # those of one model
      azure-4o: {provider: azure, model: gpt-4o, price: {input: "2.50", output: "10.00"}}
      openai-4o: {provider: openai, weight: 1}   # dear
    max_tokens: 1024  # long
    rules:
      # the first
      - types: [content_planning]
        models: [gpt-4o]
      - {types: [message_generation]}
    # in the end
  headers:

limits: {drain: 30s}
"""
ORCHESTRATOR = ("plugins", "orchestrator")


def lines_changed(before: str, after: str) -> list[str]:
    found = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\n") for line in found if line[0] in "+-"]


def changed(*changes: Change, file: str = FILE) -> list[str]:
    """Which lines are other than before; undone, the file is what it was, byte for byte."""
    made = patched(file.encode(), changes)
    assert patched(made.content, made.undo).content == file.encode()
    return lines_changed(file, made.content.decode())


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        pytest.param(
            Change((*ORCHESTRATOR, "max_tokens"), 300, 1024),
            ["-     max_tokens: 1024  # long", "+     max_tokens: 300  # long"],
            id="a value, whose comment stays",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "cache", "use"), "always"),
            ["+     cache: {use: always}"],
            id="a value with the mapping that it lacks",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "deployments", "openai-4o", "weight"), 0, 1),
            [
                "-       openai-4o: {provider: openai, weight: 1}   # dear",
                "+       openai-4o: {provider: openai, weight: 0}   # dear",
            ],
            id="a value between braces",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "deployments", "openai-4o", "zone"), "eu: #1"),
            [
                "-       openai-4o: {provider: openai, weight: 1}   # dear",
                '+       openai-4o: {provider: openai, weight: 1, zone: "eu: #1"}   # dear',
            ],
            id="a key between braces",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "rules", 0), {"types": ["message_generation"], "share": 5}),
            ["+       - {types: [message_generation], share: 5}"],
            id="the first item of a list",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "rules", 1), {"share": 5}),
            ["+       - {share: 5}"],
            id="an item amid a list",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "rules", 2), {"share": 5}),
            ["+       - {share: 5}"],
            id="the last item of a list",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "rules", 1, "types", 1), "content_planning"),
            [
                "-       - {types: [message_generation]}",
                "+       - {types: [message_generation, content_planning]}",
            ],
            id="an item between brackets",
        ),
        pytest.param(
            Change((*ORCHESTRATOR, "rules", 0, "models", 0), "gpt-4o-mini", "gpt-4o"),
            ["-         models: [gpt-4o]", "+         models: [gpt-4o-mini]"],
            id="an item of an item",
        ),
        pytest.param(
            Change(("plugins", "headers", "response", "remove"), ["X-Powered-By"]),
            ["-   headers:", "+   headers: {response: {remove: [X-Powered-By]}}"],
            id="where nothing stands after the colon",
        ),
        pytest.param(
            Change(("limits", "text"), "$HOME ${HOME} $$"),
            [
                "- limits: {drain: 30s}",
                '+ limits: {drain: 30s, text: "$$HOME $${HOME} $$$$"}',
            ],
            id="text that is no variable",
        ),
    ],
)
def test_only_what_is_changed_is_written_anew(change: Change, lines: list[str]) -> None:
    assert changed(change) == lines


def test_several_changes_are_made_one_after_another_and_undone_backwards() -> None:
    found = changed(
        Change((*ORCHESTRATOR, "rules", 0), {"share": 1}),
        Change((*ORCHESTRATOR, "rules", 0), {"share": 2}),
        Change((*ORCHESTRATOR, "rules", 0), {"share": 3}, {"share": 2}),
    )
    assert found == ["+       - {share: 3}", "+       - {share: 1}"]


def test_a_key_that_is_removed_takes_its_line_with_it() -> None:
    made = patched(FILE.encode(), [Change((*ORCHESTRATOR, "max_tokens"), None, 1024)])
    assert lines_changed(FILE, made.content.decode()) == ["-     max_tokens: 1024  # long"]
    again = patched(made.content, made.undo).content
    assert yaml.safe_load(again) == yaml.safe_load(FILE)


def test_a_long_list_has_a_line_for_each_item() -> None:
    rules = [{"types": ["content_planning", "message_generation"], "models": ["m"]}] * 3
    short = FILE.replace("    rules:", "    roles:")
    found = changed(Change((*ORCHESTRATOR, "rules"), rules), file=short)
    item = "+       - {types: [content_planning, message_generation], models: [m]}"
    assert found == ["+     rules:", item, item, item]


def test_a_file_with_other_ends_of_lines_keeps_them() -> None:
    file = FILE.replace("\n", "\r\n")
    rules = [{"types": ["content_planning", "message_generation"], "models": ["m"]}] * 3
    made = patched(file.encode(), [Change((*ORCHESTRATOR, "others"), rules)])
    assert b"\n" not in made.content.replace(b"\r\n", b"")
    assert patched(made.content, made.undo).content == file.encode()


@pytest.mark.parametrize("file", ["a: 1", "\ufeffa: 1\n", "a: {}", "a: [ ]\n", "- 1\n- 2"])
def test_the_ends_of_a_file_are_kept(file: str) -> None:
    path: tuple[str | int, ...] = (2,) if file.startswith("-") else ("b", "c")
    made = patched(file.encode(), [Change(path, True)])
    assert patched(made.content, made.undo).content == file.encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(("listen",), "x", "y"), "somebody has changed it since"),
        (Change(("listen",), "x"), "somebody has changed it since"),
        (Change((*ORCHESTRATOR, "cache", "use"), "x", "y"), "somebody has changed it since"),
        (Change((*ORCHESTRATOR, "max_tokens"), 1, 1024.0), "somebody has changed it since"),
        (
            Change((*ORCHESTRATOR, "providers", "openai", "key"), "x", "none"),
            "comes out of the environment",
        ),
        (Change((*ORCHESTRATOR, "providers"), {}, {"openai": {}}), "out of the environment"),
        (Change((*ORCHESTRATOR, "rules", 9), {}), "no list that long"),
        (Change((*ORCHESTRATOR, "rules", "x"), {}), "a list stands where"),
        (Change(("plugins", 0), {}), "a mapping stands where"),
        (Change(("listen", "x"), {}), "a single value stands where"),
        (Change(("nothing",), None), "nothing stands there"),
        (Change((), 1), "the whole file is no place"),
        (Change(("x",), object()), "text, a number"),
        (Change(("x",), float("nan")), "text, a number"),
        (Change(("x",), {1: 2}), "keys that are text"),
        (Change(("x",), "\ud800"), "UTF-8"),
        (Change(("x",), [[]] * 20_000), "at most 10000 parts"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_a_reason(change: Change, said: str) -> None:
    with pytest.raises(ChangeRefusedError) as refused:
        patched(FILE.encode(), [change])
    assert said in str(refused.value)
    assert "none" not in str(refused.value), "no value is told: it may be a secret"


@pytest.mark.parametrize(
    ("file", "path", "said"),
    [
        ("a: &x {b: 1}\nc: *x\n", ("a", "b"), "an anchor shares it"),
        ("a: &x {b: 1}\nc: *x\n", ("c", "b"), "an anchor shares it"),
        ("a: &x 1\nc: *x\n", ("c",), "an anchor shares it"),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1}\n", ("c", "b"), "<< merges"),
        ("a: [\n", ("b",), "cannot be read (line"),
        ("", ("b",), "the file is empty"),
    ],
)
def test_what_reaches_further_than_it_looks_is_left_to_the_operator(
    file: str, path: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ChangeRefusedError) as refused:
        patched(file.encode(), [Change(path, 2, 1)])
    assert said in str(refused.value)


def test_the_number_of_changes_and_the_size_of_the_file_have_bounds() -> None:
    with pytest.raises(ChangeRefusedError, match="0 changes at once"):
        patched(b"a: 1\n", [])
    with pytest.raises(ChangeRefusedError, match="changes at once"):
        patched(b"a: 1\n", [Change(("a",), 1, 1)] * (MOST_CHANGES + 1))
    with pytest.raises(ChangeRefusedError):
        patched(b"a: 1\n", [Change(("b",), "x" * 2**20)])


# any file, any place

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
ATOMS = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["yes", "1:30", "010", "~", "null", "<<", "- a", "a: b", "#", "*x", "&y"]),
)
KEYS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file in some layout, with comments."""
    data = draw(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
    data["items"] = draw(st.lists(VALUES, max_size=3))
    style = draw(st.sampled_from([None, False]))
    plain = _escaped(data)
    text = yaml.safe_dump(plain, default_flow_style=style, width=10**6, allow_unicode=True)
    lines = []
    for number, line in enumerate(text.split("\n")[:-1]):
        blank = line[: len(line) - len(line.lstrip())]
        lines.append(f"{blank}# above {number}\n" if draw(st.booleans()) else "")
        lines.append(f"{line}  # beside {number}\n" if draw(st.booleans()) else f"{line}\n")
    return "".join(lines)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    if isinstance(value, float):
        return round(value) + 0.5 if abs(value) < 1e6 else 0.5
    return value.replace("$", "$$") if isinstance(value, str) else value


def unescaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unescaped(one) for key, one in value.items()}
    if isinstance(value, list):
        return [unescaped(one) for one in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """All places of a document, but for the document itself."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for step, one in pairs:
        found.append((*path, step))
        if isinstance(one, dict | list):
            found += places(one, (*path, step))
    return found


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def comments(text: str) -> list[str]:
    return [line[line.index("# ") :] for line in text.split("\n") if "# above" in line]


@settings(max_examples=40, deadline=None)
@given(files(), VALUES, st.data())
def test_whatever_is_put_in_is_read_back_beside_all_the_rest(
    file: str, value: Any, data: st.DataObject
) -> None:
    document = unescaped(yaml.safe_load(file))
    holders = [(), *(path for path in places(document) if isinstance(at(document, path), dict))]
    path = (*data.draw(st.sampled_from(holders)), "fresh")
    made = patched(file.encode(), [Change(path, value)])
    at(document, path[:-1])["fresh"] = value
    assert unescaped(yaml.safe_load(made.content)) == document
    assert comments(made.content.decode()) == comments(file)
    assert patched(made.content, made.undo).content == file.encode()


@settings(max_examples=40, deadline=None)
@given(files(), VALUES, st.data())
def test_whatever_is_replaced_is_put_back_byte_for_byte(
    file: str, value: Any, data: st.DataObject
) -> None:
    document = unescaped(yaml.safe_load(file))
    path = data.draw(st.sampled_from(places(document)))
    before = at(document, path)
    made = patched(file.encode(), [Change(path, value, before)])
    at(document, path[:-1])[path[-1]] = value
    assert unescaped(yaml.safe_load(made.content)) == document
    assert patched(made.content, made.undo).content == file.encode()


@settings(max_examples=40, deadline=None)
@given(files(), st.data())
def test_whatever_is_removed_leaves_all_the_rest(file: str, data: st.DataObject) -> None:
    document = unescaped(yaml.safe_load(file))
    path = data.draw(st.sampled_from(places(document)))
    before = at(document, path)
    made = patched(file.encode(), [Change(path, None, before)])
    del at(document, path[:-1])[path[-1]]
    assert unescaped(yaml.safe_load(made.content)) == document
    again = patched(made.content, made.undo).content
    assert unescaped(yaml.safe_load(again)) == unescaped(yaml.safe_load(file))


@settings(max_examples=40, deadline=None)
@given(files(), VALUES, st.data())
def test_whatever_is_put_into_a_list_is_read_back_in_its_place(
    file: str, value: Any, data: st.DataObject
) -> None:
    document = unescaped(yaml.safe_load(file))
    lists = [path for path in places(document) if isinstance(at(document, path), list)]
    path = data.draw(st.sampled_from(lists))
    number = data.draw(st.integers(0, len(at(document, path))))
    made = patched(file.encode(), [Change((*path, number), value)])
    at(document, path).insert(number, value)
    assert unescaped(yaml.safe_load(made.content)) == document
    assert patched(made.content, made.undo).content == file.encode()
