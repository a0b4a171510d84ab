"""Validates a tree against the models, and puts findings into words and places."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from proxy.config.models import Config
from proxy.config.tree import Spot, Tree
from proxy.settings.fields import NotTextError
from proxy.settings.problems import Finding, Loc, Problem, listed, nearest, printable, shown
from proxy.settings.shape import shape_at
from proxy.settings.values import UnfitError

NOT_SERVED = frozenset({"state", "ramp", "rollback", "plugins", "plugin", "buffered_body"})
"""Keys that other versions know."""

_QUOTE_BOOLEAN = "an unquoted yes, no, on, off, true or false is a boolean in YAML; quote it"


def validate(tree: Tree) -> tuple[Config | None, list[Finding]]:
    """The configuration, or what the models have against it."""
    try:
        return Config.model_validate(tree.data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    findings = (_finding(tree, detail) for detail in details)
    return None, [finding for finding in findings if not _known(tree, finding.loc)]


def problem(tree: Tree, finding: Finding, file: str) -> Problem:
    """The finding with its place in the file."""
    loc, rest = tree.locate(finding.loc)
    spot = tree.spot(loc)
    line, column = spot.line, spot.column
    if finding.at_key:
        line, column = spot.key_line, spot.key_column
    if finding.line:
        line, column = finding.line, finding.column
    hidden = _hidden(finding.loc)
    said = finding.said or ("nothing" if rest else _said(spot, hidden=hidden))
    hint = printable(finding.hint)
    if finding.not_text and not hint:
        hint = _quote(spot, hidden=hidden)
    return Problem(file, line, column, where(loc + rest), said, finding.wanted, hint)


def where(loc: Loc) -> str:
    """The place as it is written in messages: `routes[0].match.path`."""
    text = "".join(f"[{s}]" if isinstance(s, int) else f".{shown(s)}" for s in loc)
    return text.removeprefix(".")


def _known(tree: Tree, loc: Loc) -> bool:
    """Whether something at this place, or at what encloses it, could not be read at all."""
    walked, _ = tree.locate(loc)
    return any(walked[:length] in tree.unread for length in range(len(walked) + 1))


def _finding(tree: Tree, detail: Any) -> Finding:
    loc: Loc = detail["loc"]
    at_key = bool(loc) and loc[-1] == "[key]"
    if at_key:
        loc = loc[:-1]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, UnfitError):
        said = cause.said or (f"the name {shown(str(loc[-1]))}" if at_key else "")
        not_text = isinstance(cause, NotTextError)
        return Finding(loc, cause.wanted, cause.hint, said, at_key, not_text)
    if detail["type"] == "extra_forbidden":
        return _unknown_key(loc)
    if detail["type"] == "missing":
        return Finding(loc, _wanted(loc), f"add the key {loc[-1]}")
    return _wrong_kind(tree, loc)


def _unknown_key(loc: Loc) -> Finding:
    key = str(loc[-1])
    parent = shape_at(Config, loc[:-1])
    known = list(parent.section.model_fields) if parent and parent.section else []
    hint = nearest(key, known)
    if key in NOT_SERVED:
        hint = "this key is not served by this version"
    said = f"the unknown key {shown(key)}"
    wanted = f"one of {listed(known)}" if len(known) > 1 else f"the key {listed(known)}"
    return Finding(loc, wanted, hint, said, at_key=True)


def _wrong_kind(tree: Tree, loc: Loc) -> Finding:
    wanted = _wanted(loc)
    spot = tree.spot(tree.locate(loc)[0])
    scalar = spot.kind in ("text", "number", "boolean")
    if spot.kind == "nothing" and loc:
        return Finding(loc, wanted, f"fill in or leave out the key {shown(str(loc[-1]))}")
    if wanted == "a list" and scalar:
        hint = "" if _hidden(loc) else f"write [{shown(spot.text)}]"
        return Finding(loc, wanted, hint or "put it in brackets")
    return Finding(loc, wanted)


def _wanted(loc: Loc) -> str:
    shape = shape_at(Config, loc)
    return shape.wanted() if shape else "something else"


def _hidden(loc: Loc) -> bool:
    shape = shape_at(Config, loc)
    return shape is None or shape.hidden


def _said(spot: Spot, *, hidden: bool) -> str:
    if spot.kind == "nothing":
        return "nothing"
    if spot.kind in ("list", "mapping"):
        return f"a {spot.kind}"
    if hidden:
        return f"{'' if spot.kind == 'text' else 'a '}{spot.kind}"
    text = shown(spot.text)
    quoted = f'"{text}"' if spot.kind == "text" else text
    return f"{quoted} (from the environment)" if "${" in spot.text else quoted


def _quote(spot: Spot, *, hidden: bool) -> str:
    if spot.kind == "boolean":
        return _QUOTE_BOOLEAN if hidden else f'{_QUOTE_BOOLEAN}: "{shown(spot.text)}"'
    if spot.kind == "number" or (spot.kind == "nothing" and spot.text):
        return "quote it" if hidden else f'quote it: "{shown(spot.text)}"'
    return ""


def problems(tree: Tree, findings: list[Finding], file: str) -> Iterator[Problem]:
    """All findings with their places."""
    return (problem(tree, finding, file) for finding in findings)
