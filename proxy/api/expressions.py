"""JMESPath expressions (https://jmespath.org/specification.html) in settings."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import ArityError, JMESPathTypeError, UnknownFunctionError
from jmespath.functions import Functions
from jmespath.parser import ParsedResult

from proxy.settings import fields
from proxy.settings.problems import nearest
from proxy.settings.values import UnfitError

__all__ = ["Expression", "evaluate"]

_KIND = "a JMESPath expression"
_UNFIT = (ArithmeticError, AttributeError, JMESPathTypeError, RecursionError, TypeError)
"""What the library raises for a document that an expression was not written for."""


def evaluate(expression: str, document: Mapping[str, Any]) -> Any:
    """Return what an expression finds in a document, or None. It never raises.

    An expression that does not fit the document, such as ``length(n)`` where ``n`` is a
    number, finds nothing. Parts of the document may be parts of what is returned.
    """
    with suppress(ValueError, *_UNFIT):
        return _compiled(expression).search(document)
    return None


@lru_cache(4096)
def _compiled(text: str) -> ParsedResult:
    return jmespath.compile(text)


def _checked(text: str) -> str:
    """Return the expression if it compiles, and can be asked for what an empty document has."""
    try:
        parsed = _compiled(text)
        with suppress(*_UNFIT):
            parsed.search({})
    except (RecursionError, ValueError) as error:
        raise UnfitError(_KIND, _hint(error)) from None
    return text


def _hint(error: RecursionError | ValueError) -> str:
    position = getattr(error, "lex_position", None)
    if position is not None:
        return f"look at column {position + 1}"
    if isinstance(error, UnknownFunctionError):
        name = str(error).removeprefix("Unknown function: ").removesuffix("()")
        return nearest(name, Functions.FUNCTION_TABLE) or "there is no function of that name"
    if isinstance(error, ArityError):
        return f"{error.function_name} takes {error.expected_arity} arguments"
    return "it is nested too deeply"


Expression = Annotated[str, fields.text(_KIND, _checked, longest=2048)]
"""A JMESPath expression, which is compiled when the settings are read; see `evaluate`."""
