"""Which column of a provider's export says what."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["FIELDS", "PRESETS", "Layout", "layout_of", "places_of"]

FIELDS: Mapping[str, str] = {
    "time": "when: a date, or a time in ISO 8601 (UTC unless it says otherwise) or Unix seconds",
    "id": "the id of the attempt, or the provider's own of the call",
    "model": "the model",
    "item": "a text in which model and kind of token stand, such as `gpt-4o, cached input`",
    "quantity": "how much of the item",
    "unit": "of which unit the quantity is: `1K`, `1M` or `tokens`",
    "input": "all tokens of prompts, those of the cache too",
    "cached": "tokens of prompts out of the cache",
    "output": "all tokens of answers, those of reasoning too",
    "reasoning": "tokens of reasoning",
    "requests": "how many calls a line is about",
    "cost_usd": "the cost in US dollars",
    "cost_nano_usd": "the cost in nano-USD",
    "currency": "the currency of the cost",
    "category": "what a line is about, where an export has other lines, too",
}
"""What can be found in an export."""

_USAGE = ("input", "cached", "output", "reasoning", "quantity")
_COST = ("cost_usd", "cost_nano_usd")
_MOST_COLUMNS = 500
_MOST_TEXT = 2000


class Layout(NamedTuple):
    """How an export is read."""

    columns: Mapping[str, tuple[str, ...]]
    """By field: names of columns, of which the first that is there counts."""
    provider: str = ""
    """Whose it is; empty: anybody's."""
    categories: frozenset[str] = frozenset()
    """Lines of other categories are about something else; in lower case. Empty: all are wanted."""


PRESETS: Mapping[str, Layout] = {
    "crossfade": Layout(
        {
            "time": ("time",),
            "id": ("attempt_id", "id"),
            "model": ("model",),
            "input": ("input",),
            "cached": ("cached",),
            "output": ("output",),
            "reasoning": ("reasoning",),
            "cost_nano_usd": ("cost_nano_usd",),
        }
    ),
    "openai": Layout(
        {
            "time": ("start_time_iso", "start_time"),
            "model": ("model",),
            "input": ("input_tokens",),
            "cached": ("input_cached_tokens",),
            "output": ("output_tokens",),
            "requests": ("num_model_requests",),
        },
        "openai",
    ),
    "openai-costs": Layout(
        {
            "time": ("start_time_iso", "start_time"),
            "item": ("line_item",),
            "quantity": ("quantity",),
            "unit": ("quantity_unit",),
            "cost_usd": ("amount_value",),
            "currency": ("amount_currency",),
        },
        "openai",
    ),
    "azure": Layout(
        {
            "time": ("date", "usagedate", "usagedatetime"),
            "item": ("metername", "meter"),
            "quantity": ("quantity", "usagequantity"),
            "unit": ("unitofmeasure",),
            "cost_usd": ("costinusd", "costinbillingcurrency", "pretaxcost", "cost"),
            "currency": ("billingcurrency", "billingcurrencycode", "currency"),
            "category": ("metercategory", "servicename"),
        },
        "azure",
        frozenset(("cognitive services", "foundry models", "azure openai", "azure openai service")),
    ),
}
"""Exports that are known: the columns that they have by themselves."""

_IN_USD = "costinusd"


def layout_of(preset: str, columns: str = "") -> Layout:
    """Return how an export is read.

    `columns` is text such as ``time=Date,model=Model,cost_usd=Cost``, which goes before what the
    preset says. Raises ValueError for a preset or a field that there is not.
    """
    known = PRESETS.get(preset)
    if known is None:
        raise ValueError(f"no preset {preset[:40]!r}; there are {', '.join(PRESETS)}")
    if len(columns) > _MOST_TEXT:
        raise ValueError(f"columns: at most {_MOST_TEXT} characters")
    said = {}
    for pair in filter(None, (text.strip() for text in columns.split(","))):
        field, equals, name = pair.partition("=")
        if not equals or field.strip() not in FIELDS or not name.strip():
            raise ValueError(
                f"columns: {pair[:80]!r} is no field and its column; wanted such as "
                f"time=Date; fields are {', '.join(FIELDS)}"
            )
        said[field.strip()] = (name.strip().lower(),)
    return known._replace(columns=dict(known.columns) | said)


def places_of(layout: Layout, header: Sequence[str]) -> Mapping[str, int]:
    """Return in which column each field is. Raises ValueError if one is missing that it takes."""
    if len(header) > _MOST_COLUMNS:
        raise ValueError(f"line 1: more than {_MOST_COLUMNS} columns")
    names = [name.strip().lower().replace(" ", "_") for name in header]
    found = {
        field: next(names.index(name) for name in wanted if name in names)
        for field, wanted in layout.columns.items()
        if any(name in names for name in wanted)
    }
    if _IN_USD in names and found.get("cost_usd") == names.index(_IN_USD):
        found.pop("currency", None)  # that is of another column
    for alternatives in (("time",), ("id", "model", "item"), (*_COST, *_USAGE)):
        if not any(field in found for field in alternatives):
            wanted = " or ".join(f"{field} ({FIELDS[field]})" for field in alternatives)
            raise ValueError(
                f"line 1: no column for {wanted}; say which it is with --columns, such as "
                f"{alternatives[0]}=NAME; there are {', '.join(names)[:500]}"
            )
    return found
