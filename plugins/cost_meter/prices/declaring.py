"""What an operator can say of prices."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from proxy.api import Period, Settings, setting
from proxy.api.settings import Misfit, refuse_misfits

from ..dollars import amount, as_written

__all__ = ["PARTS", "OverlayEntry", "PricesSettings"]

_FACTOR = re.compile(r"\d{1,2}(\.\d{1,4})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


def _factor(text: str) -> str:
    if not _FACTOR.fullmatch(text):
        raise ValueError("a factor with at most four decimals, such as 0.85")
    return str(text)


def _day(value: Any) -> Any:
    text = value.isoformat() if type(value) is date else value
    try:
        fits = isinstance(text, str) and _DAY.fullmatch(text) and date.fromisoformat(text)
    except ValueError:
        fits = None
    if not fits:
        raise ValueError("a day such as 2026-11-01")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("1 to 64 letters, digits, or . _ : / -, beginning with a letter or digit")
    return str(text)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("a file that is there: a data.json of genai-prices")
    return path


Usd = Annotated[str, BeforeValidator(as_written), amount(999_999, above_zero=False)]
"""A price in US dollars, as text."""

Factor = Annotated[str, BeforeValidator(as_written), AfterValidator(_factor)]
Day = Annotated[str, BeforeValidator(_day)]
Name = Annotated[str, AfterValidator(_name)]

PARTS = (
    "input",
    "cached_input",
    "output",
    "reasoning",
    "cache_write",
    "audio_input",
    "image_input",
    "audio_output",
    "request",
    "search",
)
"""What an entry can price, in the order of `proxy.api.Rates`."""

_SELECTORS = ("deployment", "model", "zone", "provider", "tier", "batch")
_PLACES = ("deployment", "model", "zone", "provider")


class OverlayEntry(Settings):
    """What some calls cost in truth: an agreed price, a discount, or capacity that is paid for.

    The entry counts that says most about a call: its deployment before its model, its model and
    zone before its model alone, anything before the provider.
    """

    provider: Literal["azure", "openai"] | None = setting(
        default=None, description="Of whom. Default: of any."
    )
    model: Name | None = setting(default=None, description="Of this model. Default: of any.")
    zone: Name | None = setting(
        default=None, description="In this data zone, such as `eu`. Default: in any."
    )
    deployment: Name | None = setting(
        default=None, description="Of this deployment, by its name in the configuration."
    )
    tier: Literal["standard", "flex", "priority", "fast", "scale"] | None = setting(
        default=None, description="In this service tier. Default: in any."
    )
    batch: bool | None = setting(
        default=None, description="Only by the batch API, or never. Default: either."
    )
    first: Day | None = setting(
        default=None, alias="from", description="The first day (UTC) on which it is so."
    )
    until: Day | None = setting(
        default=None, description="The day (UTC) from which it is so no more."
    )
    multiply: Factor | None = setting(
        default=None, description="The list price times this, such as `0.85`: all its parts."
    )
    provisioned: bool = setting(
        default=False, description="The capacity is paid for by the hour: tokens cost nothing."
    )
    per_hour: Usd | None = setting(
        default=None, description="What provisioned capacity costs; noted, and shown."
    )
    input: Usd | None = setting(
        default=None, description="Tokens of the prompt; US dollars per million, as all tokens."
    )
    cached_input: Usd | None = setting(
        default=None, description="Those that the provider had cached. Default: `input`."
    )
    output: Usd | None = setting(default=None, description="Tokens of the answer.")
    reasoning: Usd | None = setting(
        default=None, description="Those of its reasoning. Default: `output`."
    )
    cache_write: Usd | None = setting(
        default=None, description="Those that are written to the cache. Default: `input`."
    )
    audio_input: Usd | None = setting(default=None, description="Heard. Default: `input`.")
    image_input: Usd | None = setting(default=None, description="Seen. Default: `input`.")
    audio_output: Usd | None = setting(default=None, description="Spoken. Default: `output`.")
    request: Usd | None = setting(default=None, description="US dollars for each call.")
    search: Usd | None = setting(
        default=None, description="US dollars for each search of the web or the like."
    )

    def says(self, part: str) -> Decimal | None:
        """Return the price of a part, in US dollars; None where the entry does not say."""
        said: str | None = getattr(self, part)
        return None if said is None else Decimal(said)

    @property
    def selects(self) -> tuple[str | bool | None, ...]:
        """What calls have to be: deployment, model, zone, provider, tier, batch; None: anything."""
        return tuple(getattr(self, name) for name in _SELECTORS)


class PricesSettings(Settings):
    """Where prices come from."""

    unknown: Literal["reject", "estimate", "zero"] = setting(
        default="estimate",
        description="A model without a price: `estimate` counts it as the dearest of its family, "
        "`reject` refuses what it would be asked, `zero` counts nothing. All of them raise an "
        "alert.",
    )
    max_age: Period = setting(
        default=30 * 86400.0, ge=86400, description="When prices are so old that it is told."
    )
    checked: Day | None = setting(
        default=None,
        description="The day on which somebody last compared them with the provider's; they are "
        "no older. Default: the newest change that is in them.",
    )
    file: Annotated[Path, AfterValidator(_file)] | None = setting(
        default=None,
        description="A `data.json` of genai-prices, in the place of the one that is installed.",
    )
    overlay: tuple[OverlayEntry, ...] = setting(
        default=(), max_length=1000, description="What is known better than the list knows it."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse_misfits(_misfits(self.overlay))
        return self


def _misfits(overlay: tuple[OverlayEntry, ...]) -> Iterator[Misfit]:
    taken: dict[tuple[str | bool | None, ...], list[int]] = {}
    for place, entry in enumerate(overlay):
        for key, says in _entry(entry):
            yield ("overlay", place, *key), says
        others = taken.setdefault(entry.selects, [])
        for other in others:
            if _overlap(entry, overlay[other]):
                says = (
                    f"what overlay[{other}] does not say of the same calls on the same days; "
                    "name a deployment, model, zone, tier or batch, or end one (until) where the "
                    "other begins (from)"
                )
                yield ("overlay", place), says
                break
        others.append(place)


def _entry(entry: OverlayEntry) -> Iterator[Misfit]:
    if all(getattr(entry, name) is None for name in _PLACES):
        yield (), "at least one of provider, model, zone, deployment"
    if entry.first and entry.until and entry.first >= entry.until:
        yield ("until",), "a day after `from`"
    priced = [part for part in PARTS if entry.says(part) is not None]
    ways = [bool(priced), entry.multiply is not None, entry.provisioned]
    if sum(ways) != 1:
        yield (), "one of three: prices, multiply, or provisioned: true"
    elif priced:
        yield from (((key,), "US dollars") for key in ("input", "output") if key not in priced)
    if entry.per_hour is not None and not entry.provisioned:
        yield ("per_hour",), "provisioned: true beside it"


def _overlap(one: OverlayEntry, other: OverlayEntry) -> bool:
    def ends_before(first: OverlayEntry, second: OverlayEntry) -> bool:
        return bool(first.until and second.first and first.until <= second.first)

    return not (ends_before(one, other) or ends_before(other, one))
