"""Where in a YAML text things stand, and which piece of it to replace so that one of them changes.

Offsets count characters. What cannot be told for certain raises `UnsafeError`; whoever replaces
something reads the outcome again all the same.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import yaml

__all__ = ["Spliced", "Step", "UnsafeError", "insertion", "removal", "replacement", "walk"]

_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_BLANK = " \t\r\n"


class UnsafeError(Exception):
    """The text cannot be changed there without doubt; the message says why."""


class Spliced(NamedTuple):
    """A piece of a text, and what takes its place."""

    begin: int
    old: str
    new: str

    def into(self, text: str) -> str:
        """Return the text with it."""
        return text[: self.begin] + self.new + text[self.begin + len(self.old) :]


class Step(NamedTuple):
    """One step down from a mapping or list."""

    parent: yaml.CollectionNode
    name: str | int
    number: int
    """The entry's place among the others; how many there are, if it is not there."""
    shared: frozenset[int]
    """The ids of nodes that stand in several places."""

    @property
    def is_there(self) -> bool:
        """Whether there is such an entry."""
        return self.number < len(self.parent.value)

    def is_insertion(self, before: object) -> bool:
        """Whether something new is put here, if `before` is what stands here."""
        return not self.is_there or (before is None and isinstance(self.parent, yaml.SequenceNode))

    @property
    def node(self) -> yaml.Node:
        """The entry's value."""
        return self.value_of(self.number)

    @property
    def is_below_key(self) -> bool:
        """Whether it is the value of a key in block style."""
        return isinstance(self.parent, yaml.MappingNode) and not self.parent.flow_style

    @property
    def column(self) -> int:
        """Where the entries of a collection in block style begin."""
        return int(self.parent.start_mark.column)

    def value_of(self, number: int) -> yaml.Node:
        """Return another entry's value."""
        entry = self.parent.value[number]
        found: yaml.Node = entry[1] if isinstance(entry, tuple) else entry
        return found

    def begin_of(self, number: int, text: str) -> int:
        """Return where an entry begins: at its key, its dash, or in a flow list itself."""
        entry = self.parent.value[number]
        if isinstance(entry, tuple):
            return _start(entry[0], self.shared)
        begin = _start(entry, self.shared)
        return begin if self.parent.flow_style else _dash(text, begin)

    def end_of(self, number: int, text: str) -> int:
        """Return where an entry ends."""
        return _end(self.value_of(number), text, self.shared)


def walk(root: yaml.Node, path: Sequence[str | int]) -> list[Step]:
    """Return the steps along a path, as far as there is something: the last may not be there.

    Raises UnsafeError for what is reached, or shared, by several places.
    """
    if not path:
        raise UnsafeError("the whole file is no place")
    shared = frozenset(_shared(root))
    steps: list[Step] = []
    node = root
    for name in path:
        if id(node) in shared:
            raise UnsafeError("an anchor shares it with another place; change it by hand")
        if steps and _is_nothing(node):
            break
        steps.append(_step(node, name, shared))
        if not steps[-1].is_there:
            return steps
        node = steps[-1].node
    if id(node) in shared:
        raise UnsafeError("an anchor shares it with another place; change it by hand")
    return steps


def replacement(text: str, step: Step, new: str, *, verbatim: bool = False) -> Spliced:
    """Put another value in the place of one that is there.

    In a mapping that is all after the colon; or, where a comment stands there, whole lines below
    it. `verbatim`: `new` has once stood there, and has its blanks.
    """
    node = step.node
    begin, end = _start(node, step.shared), _end(node, text, step.shared)
    if isinstance(step.parent, yaml.MappingNode):
        colon = _colon(text, step.parent.value[step.number][0])
        if not text[colon:begin].strip(_BLANK):
            begin, blank = colon, "" if new[:1] in _BLANK else " "
        else:
            begin, blank = text.rfind("\n", 0, begin) + 1, " " * (step.column + 2)
            new = new if verbatim else new.lstrip(_BLANK)
        new = new if verbatim else f"{blank}{new}"
    return Spliced(begin, text[begin:end], new)


def insertion(text: str, step: Step, new: str) -> Spliced:
    """Put a new entry, key and value, into a mapping or list."""
    if not step.parent.value:
        return Spliced(_opened(text, step.parent), "", new)
    number = step.number
    if isinstance(step.name, int):
        number = step.name
        if number > len(step.parent.value):
            raise UnsafeError("there is no list that long")
    if step.parent.flow_style:
        if number == 0:
            return Spliced(step.begin_of(0, text), "", f"{new}, ")
        return Spliced(step.end_of(number - 1, text), "", f", {new}")
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * step.column
    if isinstance(step.parent, yaml.SequenceNode):
        new = f"- {new}"
    if number == 0:
        return Spliced(step.begin_of(0, text), "", f"{new}{newline}{indent}")
    return Spliced(_line_end(text, step.end_of(number - 1, text)), "", f"{newline}{indent}{new}")


def removal(text: str, step: Step) -> Spliced:
    """Take an entry out of a mapping or list."""
    number, count = step.number, len(step.parent.value)
    begin, end = step.begin_of(number, text), step.end_of(number, text)
    if not step.parent.flow_style:
        return _removed_lines(text, step, begin, end)
    if number + 1 < count:
        end = step.begin_of(number + 1, text)
    elif number:
        begin = step.end_of(number - 1, text)
    return Spliced(begin, text[begin:end], "")


def _removed_lines(text: str, step: Step, begin: int, end: int) -> Spliced:
    number, count = step.number, len(step.parent.value)
    if count == 1:
        empty = "{}" if isinstance(step.parent, yaml.MappingNode) else "[]"
        blank = len(text[:begin]) - len(text[:begin].rstrip(_BLANK))
        at_colon = blank and text[: begin - blank].endswith(":")
        begin = begin - blank if at_colon else begin
        # Further in: a list may stand in its key's own column, brackets may not.
        return Spliced(begin, text[begin:end], f" {empty}" if at_colon else f"  {empty}")
    line = text.rfind("\n", 0, begin) + 1
    if text[line:begin].strip():  # it shares its line with what encloses it
        if number + 1 == count:
            raise UnsafeError("it shares its line with something else; change it by hand")
        after = step.begin_of(number + 1, text)
        return Spliced(begin, text[begin:after], "")
    after = text.find("\n", end) + 1
    if after == 0:  # the last line has no end: take that of the line before
        line = max(line - 1 - text[: line - 1].endswith("\r"), 0)
        after = len(text)
    return Spliced(line, text[line:after], "")


def _step(node: yaml.Node, name: str | int, shared: frozenset[int]) -> Step:
    if isinstance(node, yaml.MappingNode):
        if isinstance(name, int):
            raise UnsafeError("a mapping stands where a list was thought to be")
        if any(key.tag == _MERGE for key, _ in node.value):
            raise UnsafeError("<< merges other mappings into it; change it by hand")
        names = [key.value for key, _ in node.value]
        return Step(node, name, names.index(name) if name in names else len(names), shared)
    if isinstance(node, yaml.SequenceNode):
        if not isinstance(name, int):
            raise UnsafeError("a list stands where a mapping was thought to be")
        if not 0 <= name <= len(node.value):
            raise UnsafeError("there is no list that long")
        return Step(node, name, name, shared)
    raise UnsafeError("a single value stands where a mapping or list was thought to be")


def _shared(root: yaml.Node) -> Iterator[int]:
    """Yield the ids of nodes that stand in several places: those with an alias."""
    known: set[int] = set()
    ahead = [root]
    while ahead:
        node = ahead.pop()
        if id(node) in known:
            yield id(node)
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            ahead += node.value
        elif isinstance(node, yaml.MappingNode):
            ahead += [part for pair in node.value for part in pair]


def _start(node: yaml.Node, shared: frozenset[int]) -> int:
    if id(node) in shared:
        raise UnsafeError("an anchor's alias stands beside it; change it by hand")
    return int(node.start_mark.index)


def _end(node: yaml.Node, text: str, shared: frozenset[int]) -> int:
    """Return where a node ends: YAML's own mark of a block is where the next thing begins."""
    begin = _start(node, shared)
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last, text, shared)
    end = int(node.end_mark.index)
    return begin + len(text[begin:end].rstrip(_BLANK))


def _colon(text: str, key: yaml.Node) -> int:
    """Return what comes after a key's colon."""
    end = int(key.end_mark.index)
    colon = end + len(text[end:]) - len(text[end:].lstrip(_BLANK))
    if text[colon : colon + 1] != ":":
        raise UnsafeError("its key is written in an unusual way; change it by hand")
    return colon + 1


def _dash(text: str, begin: int) -> int:
    """Return where the dash of an item stands."""
    head = text[:begin].rstrip(_BLANK)
    if not head.endswith("-"):
        raise UnsafeError("the list is written in an unusual way; change it by hand")
    return len(head) - 1


def _opened(text: str, node: yaml.CollectionNode) -> int:
    """Return what comes after the bracket of an empty list or mapping."""
    end = int(node.end_mark.index) - 1
    begin = max(text.rfind("[", 0, end), text.rfind("{", 0, end))
    if not node.flow_style or begin < int(node.start_mark.index):
        raise UnsafeError("it is written in an unusual way; change it by hand")
    return begin + 1


def _line_end(text: str, begin: int) -> int:
    end = text.find("\n", begin)
    end = len(text) if end < 0 else end
    return end - 1 if text[begin:end].endswith("\r") else end


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL
