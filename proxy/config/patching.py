"""Changes of the configuration file's text: what is changed, and nothing else, is written anew.

The file is never written from values: pieces of its text are replaced, by the places of YAML's
nodes. What comes of it is read again and compared with what was wanted; whatever cannot be done
so that both agree is refused, and so is what would reach further than it looks: anchors, merged
mappings, values that come out of the environment.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml

from proxy.api.changes import Change, ChangeRefusedError
from proxy.config import nodes
from proxy.config.nodes import Step, UnsafeError
from proxy.config.source import MAX_BYTES, read_tree
from proxy.config.tree import UNREAD
from proxy.config.written import below_key, key_of, on_one_line
from proxy.settings.fields import Expanded

__all__ = ["MOST_CHANGES", "Patched", "patched"]

MOST_CHANGES: Final = 100
"""In one go."""

_CHANGED: Final = "it is not what it was when this was proposed; somebody has changed it since"
_ENVIRONMENT: Final = "it comes out of the environment (${…}); change it by hand"
_BOM: Final = "\ufeff"


class Patched(NamedTuple):
    """A file after changes."""

    content: bytes
    undo: tuple[Change, ...]
    """What makes it what it was, in this order."""


class _Names(Mapping[str, str]):
    """An environment in which each variable is its own name: what holds one can be seen."""

    def __getitem__(self, name: str) -> str:
        return f"${{{name}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Read(NamedTuple):
    """A file's text, and what it says."""

    text: str
    data: Any
    root: yaml.Node


def patched(content: bytes, changes: Sequence[Change]) -> Patched:
    """Return the file after all changes, one after another. Raises ChangeRefusedError."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise ChangeRefusedError([f"{len(changes)} changes at once; 1 to {MOST_CHANGES} are"])
    undo: list[Change] = []
    for change in changes:
        try:
            content, back = _changed(content, change)
        except (UnsafeError, ValueError) as error:
            raise ChangeRefusedError([f"{change.place}: {error}"]) from None
        undo.insert(0, back)
    if len(content) > MAX_BYTES:
        raise ChangeRefusedError([f"the file would be larger than {MAX_BYTES} bytes"])
    return Patched(content, tuple(undo))


def _changed(content: bytes, change: Change) -> tuple[bytes, Change]:
    file = _read(content)
    steps = nodes.walk(file.root, change.path)
    whole = _from_what_is_there(change, steps)
    before = _guarded(file, whole, steps)
    if whole.value is None and whole.written is None:
        splice, back = nodes.removal(file.text, steps[-1]), Change(whole.path, before)
    elif steps[-1].is_insertion(whole.before):
        splice = nodes.insertion(file.text, steps[-1], _entry(whole, steps[-1], file.text))
        back = Change(whole.path, None, whole.value)
    else:
        text, verbatim = _written(whole, steps[-1], file.text), whole.written is not None
        splice = nodes.replacement(file.text, steps[-1], text, verbatim=verbatim)
        back = Change(whole.path, before, whole.value, splice.old)
    begun = _BOM if content.startswith(_BOM.encode()) else ""
    after = splice.into(file.text)
    _verify(after, _with(file.data, whole, steps[-1]))
    return (begun + after).encode(), back


def _read(content: bytes) -> _Read:
    tree = read_tree(content, _Names())
    if tree.findings or tree.unread:
        first = next(iter(tree.findings), None)
        where = "" if first is None or not first.line else f" (line {first.line})"
        raise UnsafeError(
            f"the file as it stands cannot be read{where}; `crossfade check` says why"
        )
    text = content.decode("utf-8-sig")
    root = yaml.compose(text, Loader=yaml.SafeLoader)  # its marks tell ends as well
    if root is None:
        raise UnsafeError("the file is empty")
    return _Read(text, tree.data, root)


def _from_what_is_there(change: Change, steps: Sequence[Step]) -> Change:
    """Return the change with the mappings and lists that it lacks, at the first place without."""
    lacking = change.path[len(steps) :]
    if not lacking:
        return change
    if change.value is None or change.before is not None:
        raise UnsafeError(_CHANGED)
    value = change.value
    for step in reversed(lacking):
        if isinstance(step, int) and step:
            raise UnsafeError("there is no list that long")
        value = [value] if isinstance(step, int) else {step: value}
    return Change(change.path[: len(steps)], value)


def _guarded(file: _Read, change: Change, steps: Sequence[Step]) -> Any:
    """Return what stands there; refuse what is not as it was thought to be."""
    last = steps[-1]
    there = None if last.is_insertion(change.before) else _at(file.data, change.path)
    if not _same(there, _plain(change.before)):
        raise UnsafeError(_ENVIRONMENT if _is_from_outside(there) else _CHANGED)
    if _is_from_outside(there):
        raise UnsafeError(_ENVIRONMENT)
    if change.value is None and change.before is None:
        raise UnsafeError("nothing stands there that could be removed")
    return there


def _entry(change: Change, step: Step, text: str) -> str:
    """Return how a new entry is written: its key, if it has one, and its value."""
    if isinstance(step.name, int):
        return on_one_line(change.value)
    if step.is_below_key:
        below = f"{key_of(step.name)}:{below_key(change.value, step.column)}"
        return below.replace("\n", "\r\n") if "\r\n" in text else below
    return on_one_line(change.value, step.name)


def _written(change: Change, step: Step, text: str) -> str:
    if change.written is not None:
        return change.written
    if step.is_below_key:
        below = below_key(change.value, step.column)
        return below.replace("\n", "\r\n") if "\r\n" in text else below
    return on_one_line(change.value)


def _with(data: Any, change: Change, step: Step) -> Any:
    """Return the data as it shall be: the meaning of a change, apart from any text."""
    *way, last = change.path
    copy = _copied(data)
    place = _at(copy, tuple(way))
    if change.value is not None or change.written is not None:
        value = _plain(change.value)
        if isinstance(place, list) and step.is_insertion(change.before):
            place.insert(int(last), value)
        else:
            place[last] = value
    else:
        del place[last]
    return copy


def _verify(text: str, wanted: Any) -> None:
    tree = read_tree(text.encode(), _Names())
    if tree.findings or tree.unread or not _same(tree.data, wanted):
        raise UnsafeError("it cannot be changed without changing something else; do it by hand")


def _at(data: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else data[step]
    return data


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copied(one) for key, one in data.items()}
    return [_copied(one) for one in data] if isinstance(data, list) else data


def _plain(value: Any) -> Any:
    """Return a value with the lists and mappings that a file's reading makes."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1 is neither 1.0 nor true."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(_same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _is_from_outside(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_from_outside, value.values()))
    if isinstance(value, list):
        return any(map(_is_from_outside, value))
    return value is UNREAD or isinstance(value, Expanded)
