"""Settings as they may be shown to people and programs: bounded, and without secrets."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretBytes, SecretStr

from proxy.settings.problems import printable, shown
from proxy.settings.section import Section
from proxy.settings.shape import Shape, fields_of

__all__ = ["HIDDEN", "secrets_of", "shown_settings", "without_secrets"]

HIDDEN = "**********"
"""Stands in the place of a secret."""

_MOST_ENTRIES = 50
_LONGEST_MESSAGE = 400
_SHORTEST_SECRET = 4
_LARGEST_NUMBER = 2**63


def shown_settings(settings: Section) -> dict[str, Any]:
    """Return the settings as JSON could say them; long texts and lists are cut short."""
    return {key: _shown(value, hidden=shape.hidden) for key, value, shape in _values(settings)}


def without_secrets(text: str, settings: Section | None) -> str:
    """Return a plugin's message as one line of bounded length, the settings' secrets hidden."""
    secrets = set() if settings is None else set(secrets_of(settings))
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    line = printable(" ".join(text[: 2 * _LONGEST_MESSAGE].split()))
    return f"{line[:_LONGEST_MESSAGE]}..." if len(line) > _LONGEST_MESSAGE else line


def secrets_of(settings: Section) -> Iterator[str]:
    """Yield the texts of all secrets; very short ones are left out, as they are in any text."""
    for _, value, shape in _values(settings):
        for text in _hidden_texts(value, hidden=shape.hidden):
            if len(text) >= _SHORTEST_SECRET:
                yield text


def _values(settings: Section) -> Iterator[tuple[str, object, Shape]]:
    """Yield each key as it is written (an alias is no attribute), its value, what is wanted."""
    attributes = {id(info): name for name, info in type(settings).model_fields.items()}
    for key, info, shape in fields_of(type(settings)):
        yield key, getattr(settings, attributes[id(info)], None), shape


def _shown(value: object, *, hidden: bool) -> Any:
    if isinstance(value, Section):
        return shown_settings(value)
    if isinstance(value, Mapping):
        entries = list(value.items())[:_MOST_ENTRIES]
        return {shown(str(key)): _shown(item, hidden=hidden) for key, item in entries}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item, hidden=hidden) for item in list(value)[:_MOST_ENTRIES]]
    if value is None or isinstance(value, bool):
        return value
    if hidden or isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER:
        return value
    return shown(str(value))


def _hidden_texts(value: object, *, hidden: bool) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("utf-8", "replace")
    elif isinstance(value, Section):
        yield from secrets_of(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _hidden_texts(item, hidden=hidden)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _hidden_texts(item, hidden=hidden)
    elif hidden and isinstance(value, str):
        yield value
