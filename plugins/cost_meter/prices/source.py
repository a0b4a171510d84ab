"""The list of genai-prices: the one that is installed with it, or a file in its format."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
from genai_prices import types

__all__ = ["PriceSource", "installed", "out_of_file"]

MOST_BYTES = 32 * 2**20
MOST_MODELS = 50_000

_LIBRARY = "genai-prices"
_Providers = list[types.Provider]
_PROVIDERS: pydantic.TypeAdapter[_Providers] = pydantic.TypeAdapter(
    _Providers, config=pydantic.ConfigDict(arbitrary_types_allowed=True, defer_build=True)
)
_PRICES: pydantic.TypeAdapter[dict[str, Decimal | types.TieredPrices | None]] = (
    pydantic.TypeAdapter(dict[str, Decimal | types.TieredPrices | None])
)


class PriceSource(NamedTuple):
    """A list of prices, and which one it is."""

    providers: Sequence[types.Provider]
    name: str
    """Such as ``genai-prices 0.2.3``."""
    digest: str
    """Of all that is in it."""
    made: float
    """Unix seconds of the newest change that is in it and was not to come: it is no older."""


def installed(now: float) -> PriceSource:
    """Return the list that comes with the library."""
    from genai_prices import data  # 30,000 lines: 0.2 s, and only here

    path = Path(data.__file__)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = f"{_LIBRARY} {version(_LIBRARY)}"
    return PriceSource(data.providers, name, digest, _made(data.providers, path, now))


def out_of_file(path: Path, now: float) -> PriceSource:
    """Return the list of a file. Raises ValueError that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(_says(path, f"cannot be read ({error.strerror})")) from None
    if len(content) > MOST_BYTES:
        raise ValueError(_says(path, f"has more than {MOST_BYTES // 2**20} MiB"))
    try:
        providers = _PROVIDERS.validate_python(_plain(content))
    except (ValueError, TypeError, RecursionError, ArithmeticError) as error:
        raise ValueError(_says(path, f"is none: {_in_short(error)}")) from None
    if sum(len(provider.models) for provider in providers) > MOST_MODELS:
        raise ValueError(_says(path, f"has more than {MOST_MODELS:,} models"))
    digest = hashlib.sha256(content).hexdigest()
    name = f"{path.name} for {_LIBRARY} {version(_LIBRARY)}"
    return PriceSource(providers, name, digest, _made(providers, path, now))


def _in_short(error: Exception) -> str:
    """The first of all problems, without the file's content around it."""
    if isinstance(error, pydantic.ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}"[:300]
    return str(error)[:300]


def _says(path: Path, what: str) -> str:
    return (
        f"prices.file: {path} {what}; wanted a data.json of genai-prices "
        "(prices/new_data/v2/data.json of its repository), or leave prices.file out"
    )


def _plain(content: bytes) -> Any:
    """The file's values, with exact numbers, and with prices in the library's own type."""
    said = json.loads(content, parse_float=Decimal)
    if not isinstance(said, list):
        raise ValueError("a list of providers is wanted")
    return [_without_extractors(_priced(provider)) for provider in said]


def _without_extractors(provider: Any) -> Any:
    """What they read, the proxy reads by itself."""
    if not isinstance(provider, dict):
        return provider
    return {key: value for key, value in provider.items() if key != "extractors"}


def _priced(value: Any) -> Any:
    if isinstance(value, list):
        return [_priced(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _prices(item) if key == "prices" else _priced(item) for key, item in value.items()}


def _prices(value: Any) -> Any:
    """Under `prices` there is a mapping of prices, or a list of them with dates."""
    if isinstance(value, list):
        return [_priced(item) for item in value]
    return types.ModelPrice(**_PRICES.validate_python(value))


def _made(providers: Sequence[types.Provider], path: Path, now: float) -> float:
    """Changes to come may be announced in a list: only those before it was put here count."""
    days = sorted(_days(providers))
    for bound in (min(now, path.stat().st_mtime), now):
        before = [day for day in days if _seconds(day) <= bound]
        if before:
            return _seconds(before[-1])
    return 0.0


def _days(providers: Sequence[types.Provider]) -> Iterator[date]:
    for provider in providers:
        for model in provider.models:
            dated = model.prices if isinstance(model.prices, list) else []
            for one in (*dated, *(model.price_variants or ())):
                if isinstance(one.constraint, types.StartDateConstraint):
                    yield one.constraint.start_date


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
