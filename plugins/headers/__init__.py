"""Sets, adds, removes and derives headers, of what goes upstream and of what the client gets."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from operator import attrgetter
from string import Formatter
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import AfterValidator, SecretStr, model_validator

from proxy.api import (
    EditableHeaders,
    HeaderError,
    Outgoing,
    Reply,
    ReplyHead,
    Request,
    Settings,
    Use,
    hook,
    setting,
)

_PLAIN = ("trace_id", "client", "host", "scheme", "method", "path", "route", "arm", "reason")

PLACEHOLDERS: dict[str, Callable[[Request], str]] = {
    "request_id": attrgetter("id"),
    **{name: attrgetter(name) for name in _PLAIN},
    # Nobody vouches for an unverified key, and upstream it would look as if we did.
    "key": lambda request: quote(request.key or "", "!@:|+,;=/") if request.verified else "",
}
"""What may stand in braces in a value; where it is empty, there is no value at all."""


@lru_cache(1024)
def compiled(text: str) -> tuple[tuple[str, Callable[[Request], str] | None], ...]:
    """Take a value apart at its placeholders. Raises ValueError for one that there is not."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        raise ValueError("a brace stands alone; write {{ or }} for a brace itself") from None
    for _, name, form, conversion in pieces:
        if name is not None and (form or conversion or name not in PLACEHOLDERS):
            close = get_close_matches(name, PLACEHOLDERS, 1)  # the name itself may be a secret
            hint = f"did you mean {{{close[0]}}}?" if close else "write {{ and }} for braces"
            raise ValueError(f"unknown placeholder; known are {', '.join(PLACEHOLDERS)}; {hint}")
    return tuple((literal, PLACEHOLDERS[name] if name else None) for literal, name, *_ in pieces)


def filled(text: SecretStr, request: Request) -> str | None:
    """Return the value that a text makes; None where a placeholder of it is empty."""
    said = ""
    for literal, read in compiled(text.get_secret_value()):
        value = read(request) if read else ""
        if read and not value:
            return None
        said += literal + value
    return said


def _writable(name: str) -> str:
    Reply(headers={name: ""})  # a HeaderError says what is wrong with it
    return name


def _value(text: SecretStr) -> SecretStr:
    compiled(text.get_secret_value())
    try:
        Reply(headers={"X-Sample": text.get_secret_value()})
    except HeaderError:
        limits = "no control character, none beyond Latin-1 and no white space at an end"
        raise ValueError(f"a header's value has {limits}") from None
    return text


Name = Annotated[str, AfterValidator(_writable)]
Value = Annotated[SecretStr, AfterValidator(_value)]


class Derived(Settings):
    """Where a header's value comes from."""

    header: Name = setting(description="The header to read.")
    values: dict[str, Value] = setting(default={}, description="Its values and what they become.")
    default: Value | None = setting(default=None, description="What anything else becomes.")

    def value(self, request: Request, headers: EditableHeaders) -> str | None:
        """Return what is derived; without `values` the value as it is."""
        said = headers.get(self.header)
        if said is not None and not self.values:
            return said.strip(" \t")  # several empty ones are joined to a comma and a space
        text = self.default if said is None else self.values.get(said, self.default)
        return None if text is None else filled(text, request)


class Edits(Settings):
    """What is done on one way: `map` reads; then `remove`, `map`, `set` and `add` write."""

    map: dict[Name, Derived] = setting(default={}, description="Headers derived from others.")
    remove: tuple[Name, ...] = setting(default=(), description="Headers to remove.")
    set: dict[Name, Value] = setting(default={}, description="Headers to give this one value.")
    add: dict[Name, Value] = setting(default={}, description="Headers to add a field of.")

    @model_validator(mode="after")
    def _each_header_once(self) -> Self:
        for names in ((*self.map, *self.set), tuple(self.add)):
            lower = [name.lower() for name in names]
            if twice := [name for name in names if lower.count(name.lower()) > 1]:
                raise ValueError(f"the header {twice[0]!r} is given two values; keep one of them")
        return self

    def edit(self, request: Request, headers: EditableHeaders) -> None:
        """Do the edits. What is not named is left alone; a header without a value goes."""
        values = [(name, rule.value(request, headers)) for name, rule in self.map.items()]
        values += [(name, filled(text, request)) for name, text in self.set.items()]
        for name in (*self.remove, *(name for name, value in values if value is None)):
            headers.remove(name)
        for name, value in values:
            if value is not None:
                headers.set(name, value)
        for name, text in self.add.items():
            if (more := filled(text, request)) is not None:
                headers.add(name, more)


class HeadersSettings(Settings):
    """Both ways."""

    request: Edits = setting(default=Edits(), description="What goes upstream.")
    response: Edits = setting(default=Edits(), description="What the client gets.")


class EditHeaders(Use):
    """One use on a route."""

    settings: HeadersSettings

    @hook
    def edit_request(self, request: Request, outgoing: Outgoing) -> None:
        """Edit what goes upstream."""
        self.settings.request.edit(request, outgoing.headers)

    @hook
    def edit_response(self, request: Request, reply: ReplyHead) -> None:
        """Edit what the client gets."""
        self.settings.response.edit(request, reply.headers)
