"""What an operator says that a deployment costs: US dollars as text, so that they are exact."""

import re
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from proxy.api import Settings, setting
from proxy.api.spending import Rates

__all__ = ["Price", "Prices"]

_PRICE = re.compile(r"\d{1,6}(\.\d{1,9})?")
_MILLION = 10**6


def _digits(value: Any) -> Any:
    """A price that YAML has read as a number, as it was written: 2.5 is exactly 2.5."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _price(text: str) -> str:
    if not _PRICE.fullmatch(text):
        raise ValueError("US dollars with at most nine decimals, such as 2.50")
    return str(text)


Price = Annotated[str, BeforeValidator(_digits), AfterValidator(_price)]
"""US dollars, as text."""


class Prices(Settings):
    """US dollars per million tokens, exactly: `2.50`."""

    input: Price = setting(description="Tokens of the prompt.")
    cached_input: Price | None = setting(
        default=None,
        description="Tokens of the prompt that the provider had cached. Default: `input`.",
    )
    cache_write: Price | None = setting(
        default=None,
        description="Tokens of the prompt that the provider has put into its cache. Default: "
        "`input`.",
    )
    audio_input: Price | None = setting(
        default=None, description="Tokens of sound in the prompt. Default: `input`."
    )
    image_input: Price | None = setting(
        default=None, description="Tokens of pictures in the prompt. Default: `input`."
    )
    output: Price = setting(description="Tokens of the answer.")
    reasoning: Price | None = setting(
        default=None, description="Tokens that it has thought in. Default: `output`."
    )
    audio_output: Price | None = setting(
        default=None, description="Tokens of sound in the answer. Default: `output`."
    )
    request: Price = setting(default="0", description="Each call; for one, not for a million.")
    search: Price = setting(
        default="0", description="Each search of the provider's; for one, not for a million."
    )

    @cached_property
    def rates(self) -> Rates:
        """The same in whole nano-USD per million of each part of a usage."""
        return Rates(
            input_uncached=_nano(self.input),
            input_cached=_nano(self.cached_input or self.input),
            output_text=_nano(self.output),
            output_reasoning=_nano(self.reasoning or self.output),
            input_cache_write=_nano(self.cache_write or self.input),
            input_audio=_nano(self.audio_input or self.input),
            input_image=_nano(self.image_input or self.input),
            output_audio=_nano(self.audio_output or self.output),
            requests=_nano(self.request) * _MILLION,
            searches=_nano(self.search) * _MILLION,
        )


def _nano(price: str) -> int:
    """Return a price in 10^-9 dollars; it has at most nine decimals, so this is exact."""
    return int(Decimal(price).scaleb(9))
