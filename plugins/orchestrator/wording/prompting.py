"""What a model is asked: the messages for an intent, and the schema of its answer.

Whatever a caller says stands in one place of the prompt, the block `data`: JSON between
``<data>`` and ``</data>``, in which no ``<`` occurs, so that nothing inside can end it. The system
message is made of our own words alone.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import orjson

from proxy.api import WorkflowIntent
from proxy.api.workflows import WorkflowType

from .output import keys_of, schema_of
from .platforms import PLATFORMS, is_strict, limits_of
from .templates import TemplateFaultError, Templates, TemplatesOnDisk

__all__ = ["LARGEST_PROMPT", "Prompts", "Rendered", "UnfitIntentError"]

LARGEST_PROMPT: Final = 256 * 1024
"""Bytes that the messages may have together."""

_ROLES: Final = ("system", "user")
_TYPES: Final = get_args(WorkflowType)
_WHO: Final = frozenset(("userId", "user_id", "recipientId", "recipient_id"))
"""Keys of the data that say who asks, or for whom: no model has to know."""
_MESSAGE_TYPES: Final = ("", "welcome", "follow_up", "promotional", "custom")


class UnfitIntentError(ValueError):
    """Something is no intent for us; the text is for its caller and quotes nothing of it."""

    def __init__(self, says: str, status: int = 400) -> None:
        super().__init__(says)
        self.status = status


class Rendered(NamedTuple):
    """What a model is asked."""

    messages: tuple[Mapping[str, str], ...]
    """``role`` and ``content``."""
    schema: Mapping[str, Any] | None
    """The JSON schema of the answer; None where the text alone is wanted."""


class Prompts:
    """Makes prompts of the templates on the disk, as they are at the moment."""

    def __init__(self, folder: Path | None) -> None:
        """Compile and try all templates; `folder` has those that replace single ones.

        Raises ValueError, which names file and line, for one that cannot be used.
        """
        self._templates = TemplatesOnDisk(folder, _try_all)
        self._own: TemplatesOnDisk | None = None
        self._failed: tuple[Templates, str] | None = None

    def render(self, intent: WorkflowIntent) -> Rendered:
        """Return the prompt for an intent.

        Raises UnfitIntentError where none can be made of it; TemplateFaultError where a template
        fails at just this intent, and that of the plugin does, too.
        """
        values = {**_values(intent), "data": _block(intent)}
        templates = self._templates.current()
        try:
            messages = _messages(templates, intent, values)
        except TemplateFaultError as error:  # only at just these data, or it would not be used
            self._failed = (templates, f"{error}; the plugin's own template was used")
            self._own = self._own or TemplatesOnDisk(None, _try_all)
            messages = _messages(self._own.current(), intent, values)
        if sum(len(message["content"].encode()) for message in messages) > LARGEST_PROMPT:
            raise UnfitIntentError(_TOO_LARGE)
        return Rendered(messages, None if intent.stream else schema_of(intent.type))

    def problems(self) -> tuple[str, ...]:
        """Return which templates on the disk are not used, or have failed, and why."""
        found = [self._templates.problem]
        if self._failed and self._failed[0] is self._templates.current():
            found.append(self._failed[1])
        return tuple(one for one in found if one)


def _messages(
    templates: Templates, intent: WorkflowIntent, values: Mapping[str, Any]
) -> tuple[Mapping[str, str], ...]:
    """Return both messages. Raises TemplateFaultError."""
    return tuple(
        {"role": role, "content": templates.render(f"{intent.type}/{role}.md", values).strip()}
        for role in _ROLES
    )


_TOO_LARGE: Final = f"The data is too large: a prompt has at most {LARGEST_PROMPT // 1024} KiB."


def _block(intent: WorkflowIntent) -> str:
    """Return what the caller said, but not who, as JSON without any ``<``; keys are sorted."""
    said: dict[str, Any] = {
        "platforms": intent.platforms,
        "contentType": intent.content_type,
        "data": {key: value for key, value in intent.data.items() if key not in _WHO},
    }
    try:
        written = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise UnfitIntentError(
            "The data cannot be written as JSON: it is nested too deeply, or has a number of more "
            "than 64 bits or half a character in it."
        ) from None
    if len(written) > LARGEST_PROMPT:
        raise UnfitIntentError(_TOO_LARGE)
    return written.decode().replace("<", "\\u003c")


def _values(intent: WorkflowIntent) -> dict[str, Any]:
    """Return what templates know besides the data: nothing in it is a caller's text."""
    only_fans = intent.only_fans_context
    return {
        "type": intent.type,
        "structured": not intent.stream,
        "answer": keys_of(intent.type),
        "limits": [(platform, str(limit)) for platform, limit in limits_of(intent).items()],
        "message_type": (only_fans.message_type or "") if only_fans else "",
        "strict": is_strict(intent),
    }


def _try_all(templates: Templates) -> None:
    """Render every template with all that `_values` can say. Raises TemplateFaultError."""
    some = [(platform, str(limit)) for platform, limit in PLATFORMS.items()]
    choices = product(_TYPES, (True, False), ([], some), _MESSAGE_TYPES, (True, False))
    for intent_type, structured, limits, message_type, strict in choices:
        values = {
            "type": intent_type,
            "structured": structured,
            "answer": keys_of(intent_type),
            "limits": limits,
            "message_type": message_type,
            "strict": strict,
            "data": "{}",
        }
        for role in _ROLES:
            templates.render(f"{intent_type}/{role}.md", values)
