"""YAML text becomes a `Tree`, within bounds and with nothing but plain values.

Bounded: size, nesting, and the number of values after aliases are followed.
Plain: no tags, one document, each key once, no number that YAML 1.1 would read
differently from how it looks (`010`, `1:30`, `0x1F`, `1_000`).
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from proxy.config.environment import expand, without_defaults
from proxy.config.tree import UNREAD, Tree
from proxy.settings.fields import Expanded
from proxy.settings.places import Spot
from proxy.settings.problems import Finding, Loc, shown

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 200_000

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}merge", "!"})
_KINDS = {f"{_TAG}null": "nothing", f"{_TAG}bool": "boolean"} | dict.fromkeys(
    (f"{_TAG}int", f"{_TAG}float"), "number"
)
_TRUE = frozenset({"true", "yes", "on"})
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,399})")
_DECIMAL = re.compile(
    r"[-+]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][-+]?[0-9]{1,3})?"
)
_FLOW_HINT = 'between brackets or braces, quote text with any of : , [ ] { }, such as "${VAR}"'
_SYNTAX_HINTS = {
    "mapping values are not allowed in this context": "check the indentation; quote text with ': '",
    "did not find expected key": "check the indentation; close quotes at the end of a value",
    "did not find expected node content": _FLOW_HINT,
    "did not find expected ',' or ']'": _FLOW_HINT,
    "did not find expected ',' or '}'": _FLOW_HINT,
    "found undefined alias": "quote text that begins with *",
    "found undefined tag handle": "quote text that begins with !",
}


class _TooMuchError(Exception):
    """The file is beyond a bound; the finding is already noted."""


def read_tree(content: bytes, env: Mapping[str, str]) -> Tree:
    """Parse the file's content; what is wrong with it as YAML is in the tree's findings."""
    tree = Tree()
    try:
        if len(content) > MAX_BYTES:
            _refuse(tree, f"a file of at most {MAX_BYTES} bytes", "more than that")
        text = _decode(tree, content)
        _check_depth(tree, text)
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            tree.data = _Builder(tree, env).value(node, (), None)
    except yaml.YAMLError as error:
        tree.findings.append(_syntax(error, content))
        tree.unread.add(())
    except _TooMuchError:
        tree.unread.add(())
    return tree


def _refuse(tree: Tree, wanted: str, said: str, mark: Any = None) -> None:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    tree.findings.append(Finding((), wanted, said=said, line=line, column=column))
    raise _TooMuchError


def _decode(tree: Tree, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        tree.findings.append(
            Finding((), "a file in UTF-8", said="bytes that are not UTF-8", line=line, column=1)
        )
        raise _TooMuchError from None


def _check_depth(tree: Tree, text: str) -> None:
    """Refuse deep nesting before anything recursive (or slow) sees it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            said = "lists and mappings nested deeper than that"
            _refuse(tree, f"at most {MAX_DEPTH} levels", said, event.start_mark)


def _syntax(error: yaml.YAMLError, content: bytes) -> Finding:
    """A syntax error without any text of the file, which may be a secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = _SYNTAX_HINTS.get(error.problem or "", "")
        if not hint and _tab_at(content, line, column):
            hint = "indent with spaces, not with tabs"
        said = re.sub(r" '[^']{2,}'", "", said)
        return Finding((), "valid YAML", hint, f"a syntax error ({said})", line=line, column=column)
    position = getattr(error, "position", 0)
    before = content.decode("utf-8-sig", "replace")[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return Finding((), "valid YAML", "remove it", "a control character", line=line, column=column)


def _tab_at(content: bytes, line: int, column: int) -> bool:
    lines = content.decode("utf-8-sig", "replace").split("\n")
    return line <= len(lines) and lines[line - 1][column - 1 : column] == "\t"


class _Builder:
    """Turns YAML nodes into plain values, noting spots and findings in the tree."""

    def __init__(self, tree: Tree, env: Mapping[str, str]) -> None:
        self.tree = tree
        self.env = env
        self.count = 0

    def value(self, node: yaml.Node, loc: Loc, key: yaml.Node | None) -> object:
        """The value of a node at a place, under a key."""
        self._spend(node, len(loc))
        self.tree.spots[loc] = _spot(node, key or node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, loc)
        if node.tag not in (f"{_TAG}seq", f"{_TAG}map"):
            return self._tagged(loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*loc, i), None) for i, item in enumerate(node.value)]
        return self._mapping(node, loc)

    def _spend(self, node: yaml.Node, depth: int) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            said = "more than that, with its aliases followed"
            _refuse(self.tree, f"at most {MAX_VALUES} values", said, node.start_mark)
        if depth > MAX_DEPTH:
            said = "aliases nested deeper than that"
            _refuse(self.tree, f"at most {MAX_DEPTH} levels", said, node.start_mark)

    def _mapping(self, node: yaml.Node, loc: Loc) -> dict[str, object]:
        built: dict[str, object] = {}
        for key, child, merged in self._pairs(node, loc, len(loc)):
            name = self._key(key, loc)
            if name is None or (merged and name in built):
                continue
            if name in built:
                self._twice(key, (*loc, name))
                continue
            built[name] = self.value(child, (*loc, name), key)
        return built

    def _pairs(
        self, node: yaml.Node, loc: Loc, depth: int, *, merged: bool = False
    ) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """The mapping's own pairs, then those that `<<` merges into it."""
        self._spend(node, depth)
        sources: list[yaml.Node] = []
        for key, child in node.value:
            if key.tag == f"{_TAG}merge":
                sources += child.value if isinstance(child, yaml.SequenceNode) else [child]
            else:
                yield key, child, merged
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                yield from self._pairs(source, loc, depth + 1, merged=True)
            else:
                self._note(
                    loc, "a mapping, or a list of mappings, after <<", source, "something else"
                )

    def _key(self, key: yaml.Node, loc: Loc) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._note(loc, "text as a key", key, "a list or a mapping as a key")
            return None
        kind = _KINDS.get(key.tag, "text")
        if kind in ("nothing", "boolean"):
            text = shown(key.value)
            hint = f'quote it: "{text}"' if text else ""
            self._note(loc, "text as a key", key, f"the key {text or 'nothing'}", hint)
            return None
        return str(key.value)

    def _twice(self, key: yaml.Node, loc: Loc) -> None:
        first = self.tree.spots[loc].key_line
        said = f"the key {shown(str(loc[-1]))} a second time"
        self._note(loc, "each key once", key, said, f"the first is on line {first}")

    def _note(self, loc: Loc, wanted: str, node: yaml.Node, said: str, hint: str = "") -> None:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.tree.findings.append(Finding(loc, wanted, hint, said, line=line, column=column))

    def _unread(self, loc: Loc, wanted: str, hint: str = "", said: str = "") -> object:
        self.tree.findings.append(Finding(loc, wanted, hint, said))
        self.tree.unread.add(loc)
        return UNREAD

    def _tagged(self, loc: Loc) -> object:
        hint = "if it is text that begins with !, quote it"
        return self._unread(loc, "a value without a tag", hint, "a YAML tag")

    def _scalar(self, node: yaml.ScalarNode, loc: Loc) -> object:
        if node.tag not in _TEXT_TAGS and node.tag not in _KINDS:
            return self._tagged(loc)
        text = str(node.value)
        if "$" in text:
            return self._expanded(text, loc)
        kind = _KINDS.get(node.tag, "text")
        if kind == "nothing":
            return None
        if kind == "boolean":
            return text.lower() in _TRUE
        return self._number(text, loc) if kind == "number" else text

    def _number(self, text: str, loc: Loc) -> object:
        if _WHOLE.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text) and not text.lstrip("+-").isdigit():
            return float(text)
        if text.lower().lstrip("+-") in (".inf", ".nan"):
            return math.nan
        hint = "YAML reads it as another number than it looks; for text, quote it"
        return self._unread(loc, "a number in plain decimal digits", hint)

    def _expanded(self, text: str, loc: Loc) -> object:
        expansion = expand(text, self.env)
        self.tree.used.update(expansion.used)
        if expansion.malformed:
            hint = "write $$ for a dollar sign"
            return self._unread(
                loc, "${VAR} or ${VAR:-default}", hint, "a ${ that names no variable"
            )
        if expansion.unset:
            name = expansion.unset[0]
            said = f"${{{name}}}, an environment variable that is not set"
            return self._unread(loc, "a value", f"set it, or write ${{{name}:-default}}", said)
        if not _is_unicode(expansion.text):
            name = next(iter(expansion.used), "")
            return self._unread(loc, "text in UTF-8", "", f"${{{name}}}, which is not UTF-8")
        return Expanded(expansion.text) if expansion.used else expansion.text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spot(node: yaml.Node, key: yaml.Node) -> Spot:
    kind, text = "mapping", ""
    if isinstance(node, yaml.ScalarNode):
        kind, text = _KINDS.get(node.tag, "text"), without_defaults(str(node.value))
    elif isinstance(node, yaml.SequenceNode):
        kind = "list"
    mark, key_mark = node.start_mark, key.start_mark
    return Spot(mark.line + 1, mark.column + 1, key_mark.line + 1, key_mark.column + 1, kind, text)
