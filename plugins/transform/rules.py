"""The declared rules: another path for a path, another document for a document."""

import re
import string
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, quote, unquote

from pydantic import model_validator

from proxy.api import Expression, Headers, Request, Settings, evaluate, setting

Method = Annotated[str, setting(pattern="^[A-Z]{1,32}$")]
Place = Annotated[str, setting(pattern=r"^[^.]+(\.[^.]+){0,15}$")]


class PathRewrite(Settings):
    """Another path for those that match as a whole; ``{name}`` in `to` is a group of `match`."""

    match: str = setting(max_length=1024)
    to: str = setting(pattern=r"^/[!-\"$->@-~]*$")

    @model_validator(mode="after")
    def _groups_are_there(self) -> Self:
        try:
            self.to.format_map(dict.fromkeys(re.compile(self.match).groupindex, ""))
        except re.error as error:
            raise ValueError(f"match is no regular expression: {error}") from None
        except (AttributeError, LookupError, ValueError):
            raise ValueError("to has only such {name} as match has groups (?P<name>...)") from None
        return self

    def rewritten(self, path: str) -> tuple[str, dict[str, str]]:
        """Return the new path, and the groups, decoded; the old path if it does not match."""
        found = re.fullmatch(self.match, path)
        if found is None:
            return path, {}
        groups = found.groupdict("")
        new = quote(self.to.format_map(groups), string.punctuation, "latin-1")
        return new, {name: unquote(value) for name, value in groups.items()}


class Mapping(Settings):
    """A new document: what is kept of the old one, less what is removed, and fields."""

    keep: Expression = "`{}`"
    remove: tuple[Place, ...] = ()
    fields: dict[Place, Expression] = setting(default={})

    def mapped(self, source: dict[str, Any]) -> Any:
        """Return the new document; `source` holds the old one as ``body``, and is not changed."""
        kept = evaluate(self.keep, source)
        if kept is not None and not isinstance(kept, dict):
            return kept
        new = kept or {}
        for place in self.remove:
            new = _placed(new, place, None)
        for place, expression in self.fields.items():
            value = evaluate(expression, source)
            new = new if value is None else _placed(new, place, value)
        return new


def _placed(document: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return the document with a value at a place; with None, without what is there."""
    name, _, rest = place.partition(".")
    below = document.get(name)
    if rest and value is None and not isinstance(below, dict):
        return document
    if rest:
        value = _placed(below if isinstance(below, dict) else {}, rest, value)
    if value is None:
        return {other: item for other, item in document.items() if other != name}
    return {**document, name: value}


def visible(request: Request, headers: Headers) -> dict[str, Any]:
    """Return what expressions find besides the body; `headers` are those of its message."""
    return {
        "method": request.method,
        "path": request.path,
        "query": dict(reversed(parse_qsl(request.query, keep_blank_values=True))),
        "headers": {name.lower(): headers.get(name) for name in headers},
    }
