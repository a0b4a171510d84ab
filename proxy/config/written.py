"""Plain values become YAML that reads as them: on one line, or below a key where that is long."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import yaml

__all__ = ["below_key", "key_of", "on_one_line"]

_WIDTH: Final = 96
_DEEPEST: Final = 16
_MOST: Final = 10_000
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_ODD: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]|[^\x00-\uffff]")
_RESOLVER: Final[Any] = yaml.SafeLoader("")


def on_one_line(value: object, key: str = "") -> str:
    """Return a value in flow style, after ``key: `` if there is a key. Raises ValueError.

    Texts are written so that no variable is looked up in them.
    """
    if sum(1 for _ in _all(value, 0)) > _MOST:
        raise ValueError(f"a value with at most {_MOST} parts")
    return f"{_text(key)}: {_flow(value)}" if key else _flow(value)


def key_of(name: str) -> str:
    """Return how a key is written."""
    return _text(name)


def below_key(value: object, column: int) -> str:
    """Return what stands after the colon of a block mapping's key that is at `column`.

    A long list or mapping has a line for each of its parts. Raises ValueError.
    """
    line = on_one_line(value)
    if column + len(line) <= _WIDTH or not isinstance(value, list | tuple | Mapping) or not value:
        return f" {line}"
    begin = "\n" + " " * (column + 2)
    if isinstance(value, Mapping):
        return "".join(
            f"{begin}{_text(name)}:{below_key(item, column + 2)}" for name, item in value.items()
        )
    return "".join(f"{begin}- {_flow(item)}" for item in value)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return _text(value.replace("$", "$$"))
    return _atom(value)


def _atom(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        text = format(Decimal(repr(value)), "f")  # YAML 1.1 takes 1e+16 for text
        return text if "." in text else f"{text}.0"
    raise ValueError(
        f"text, a number, true, false, a list or a mapping, not {type(value).__name__}"
    )


def _text(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) is not None
    if is_plain and _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)).endswith(":str"):
        return text
    return _ODD.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("text that can be written as UTF-8")
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"


def _all(value: object, depth: int) -> Iterable[object]:
    """Yield all parts. Raises ValueError for what is too deep, and for keys that are no text."""
    if depth > _DEEPEST:
        raise ValueError(f"a value that is at most {_DEEPEST} levels deep")
    yield value
    parts: Iterable[object] = ()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("keys that are text")
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    for part in parts:
        yield from _all(part, depth + 1)
