"""Money: what calls to paid services use, what that costs, and who may spend it.

A plugin that calls a provider tells of each attempt twice: before it is sent
(`Services.plan_spend`), when it may still be refused, and when it has ended
(`Services.settle_spend`). A plugin that meters hears of both by the hooks `spend_planned` and
`spend_settled`. They speak of it in the types of this module.

Money is `NanoUSD`, a whole number; no float ever is. It is rounded once, for each attempt, from
products that are exact.
"""

from collections.abc import Sequence
from operator import mul
from typing import Any, Literal, NamedTuple, NewType, Protocol

__all__ = [
    "ALLOWED",
    "Again",
    "Budgeting",
    "NanoUSD",
    "PlannedSpend",
    "PriceKey",
    "Prices",
    "Quote",
    "Rates",
    "SettledSpend",
    "SpendAnswer",
    "SpendOutcome",
    "Usage",
    "UsageSource",
    "cost_of",
]

NanoUSD = NewType("NanoUSD", int)
"""10^-9 US dollars. In JSON a text where it may pass 2^53 (9.0 million USD), else a number."""

_MILLION = 10**6

Again = Literal["", "retry", "fallback", "hedge"]
"""Why there is an attempt: the first one, again at the same place, at another, or beside one."""

SpendOutcome = Literal["answered", "failed", "unknown"]
"""``unknown``: it was sent, and nobody can say what came of it."""

UsageSource = Literal["provider", "stream", "guess", "estimate", "none"]
"""Where a usage comes from: the provider's answer, the end of its stream, the delivered text, what
was planned, or nothing was used for certain."""


class Usage(NamedTuple):
    """What one attempt has used, in parts that are disjoint: each token is in exactly one.

    Providers count cached tokens inside those of the prompt, and reasoning inside those of the
    answer; here they are apart. All in tokens but the last two.
    """

    input_uncached: int = 0
    input_cached: int = 0
    """Read from the provider's prompt cache."""
    output_text: int = 0
    output_reasoning: int = 0
    input_cache_write: int = 0
    """Written to the provider's prompt cache, where that is paid for."""
    input_audio: int = 0
    input_image: int = 0
    output_audio: int = 0
    requests: int = 0
    """Where each call has a price of its own."""
    searches: int = 0
    """Searches of the web and other tools of the provider that are paid for by use."""

    @property
    def prompt(self) -> int:
        """All tokens that went in."""
        return (
            self.input_uncached
            + self.input_cached
            + self.input_cache_write
            + self.input_audio
            + self.input_image
        )

    @property
    def completion(self) -> int:
        """All tokens that came out."""
        return self.output_text + self.output_reasoning + self.output_audio

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion


class Rates(NamedTuple):
    """What a million of each part of `Usage` costs, in nano-USD; the same names and order."""

    input_uncached: int = 0
    input_cached: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    input_cache_write: int = 0
    input_audio: int = 0
    input_image: int = 0
    output_audio: int = 0
    requests: int = 0
    searches: int = 0


def cost_of(usage: Usage, rates: Rates) -> NanoUSD:
    """Return the cost, exact but for one rounding to a whole nano-USD, half to even."""
    millionths = sum(map(mul, usage, rates))  # both have all parts, in the same order
    nano, rest = divmod(millionths, _MILLION)
    is_more = 2 * rest > _MILLION or (2 * rest == _MILLION and nano % 2 == 1)
    return NanoUSD(nano + is_more)


class PriceKey(NamedTuple):
    """All that a price depends on."""

    provider: str
    """``azure`` or ``openai``."""
    model: str
    """The base model's name, as the configuration has it, such as ``gpt-4o-mini``."""
    deployment: str = ""
    """The deployment's name in the configuration."""
    zone: str = "global"
    """The data zone; prices of zones differ."""
    tier: str = ""
    """The service tier that the provider has named in its answer; empty: none was named."""
    batch: bool = False
    """Whether it went through the provider's batch API."""
    declared: Rates | None = None
    """What the calling plugin's own settings say that it costs."""
    at: float = 0.0
    """When it is used, in Unix seconds: prices change. 0: now."""


class Quote(NamedTuple):
    """A cost, and where it comes from."""

    nano_usd: NanoUSD
    source: str
    """``overlay``, ``deployment`` (its declared price), ``genai-prices``, ``family`` (the dearest
    of its family), ``zero`` (nobody knows)."""
    confidence: str
    """``exact``; ``fallback`` (another provider's list); ``assumed`` (a part, tier or zone that
    the list does not tell apart); ``unknown``."""
    book: str = ""
    """Names the prices that were in force: the first digits of their hash."""


class PlannedSpend(NamedTuple):
    """An attempt that is about to be sent."""

    attempt_id: str
    """Never given twice."""
    at: float
    """When it begins, in Unix seconds."""
    until: float
    """When it has ended at the latest, in Unix seconds."""
    workflow_id: str
    request_id: str
    user: str
    """Who spends; empty where nobody vouches for who it is."""
    plan: str
    """What the user has subscribed to (the attribute ``tier``), in lower case; empty: not known."""
    route: str
    arm: str
    """``new``, ``legacy`` or ``none``."""
    intent: str
    """What kind of work, such as ``message_generation``."""
    key: PriceKey
    estimate: Usage
    """What it uses at most: the prompt, and the longest answer that is asked for."""
    again: Again = ""
    cheaper: bool = False
    """Whether a cheaper model could be asked instead."""
    digest: str = ""
    """The same for intents that are equal, by which is seen what is asked again: a short keyed
    digest, of which nobody can tell what was asked. Empty: not told."""


class SettledSpend(NamedTuple):
    """An attempt that has ended. Told once for each that was planned and not refused."""

    planned: PlannedSpend
    at: float
    """Unix seconds."""
    outcome: SpendOutcome
    failure: str = ""
    """How it failed, in one word."""
    usage: Usage | None = None
    """None: nobody knows, and what was planned counts."""
    source: UsageSource = "provider"
    tier: str = ""
    """The service tier that the provider says it was served with."""
    answered_as: str = ""
    """The model as the provider calls it, with its date."""
    provider_id: str = ""
    """The provider's own id of it."""


class SpendAnswer(NamedTuple):
    """Whether an attempt may be sent."""

    allowed: bool = True
    instead: Literal["reject", "cheaper_model", "queue"] = "reject"
    """What to do with one that may not: refuse it, ask a cheaper model, or have it wait where it
    can wait."""
    budget: str = ""
    """Whose budget binds, by its name."""
    says: str = ""
    """For the caller: why, and until when."""
    retry_after: float | None = None
    """Seconds until it is worth another request; None: nobody knows."""
    status: int = 429
    """The HTTP status of the refusal: 429, 402, or 503 where the meter itself fails."""
    warnings: tuple[str, ...] = ()
    """Budgets that are nearly spent, as they are told in ``X-Crossfade-Budget``."""


ALLOWED = SpendAnswer()


class Prices(Protocol):
    """The service of the plugin that knows prices; see `Services.shared`."""

    def quote(self, key: PriceKey, usage: Usage) -> Quote | None:
        """Return what a usage costs; None for a model that is refused for want of a price."""


class Budgeting(Protocol):
    """The service of the plugin that holds to budgets; see `Services.shared`."""

    @property
    def memory(self) -> dict[str, Any]:
        """Return what is known in this process alone, as plain values: for whoever follows.

        A reload of the plugin's code goes on with the very same dict.
        """


def worst(answers: Sequence[SpendAnswer]) -> SpendAnswer:
    """Return the first refusal, or an allowance with all warnings."""
    for one in answers:
        if not one.allowed:
            return one
    return SpendAnswer(warnings=tuple(text for one in answers for text in one.warnings))
