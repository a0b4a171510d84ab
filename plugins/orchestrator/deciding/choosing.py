"""Which deployments may serve an intent, and in which order they are asked.

The rule decides first (kinds, then models), then what is cheaper or faster, then weights.
Whatever is left out is left out for a reason that is told. Health is not looked at here: it is
what changes between two attempts, so `chain` asks for it before each of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from proxy.api import WorkflowIntent

from ..settings import Kind, OrchestratorSettings
from .calls import Failure, FailureClass
from .deployment import Deployment, deployments_of
from .rules import Ruling, rules_of, ruling

__all__ = ["EVERYWHERE", "Choice", "Chooser", "Latency", "Wish"]

Latency = Callable[[str], float | None]
"""Name of a deployment -> seconds to its first byte that are expected; None: not known."""

NEAR = 1.2
"""Those that are at most so many times as bad as the best count as its equals."""

EVERYWHERE = "global"
"""The data zone of deployments that may be anywhere: what begins there may go on anywhere."""


class Wish(NamedTuple):
    """What is asked of a deployment."""

    intent: WorkflowIntent
    tokens: int = 0
    """About how many it has to take, in and out, and rather too few than too many:
    who is left out for being too small must be too small."""
    structured: bool = False
    """Whether the answer has to satisfy a JSON schema."""
    zone: str = ""
    """The data zone that it has to stay in; empty: that of the first deployment."""
    user: str = ""
    """Whose it is, where somebody vouches for that; see `Rule.share`."""


class Choice(NamedTuple):
    """Who may be asked."""

    order: tuple[Deployment, ...]
    """All that may be in the end, of whatever model, the preferred ones first."""
    wanted: str
    """The model that is asked first."""
    stand_ins: tuple[str, ...]
    """Models that may be asked instead, the preferred ones first."""
    allowed: tuple[str, ...]
    """Further models that the rule allows, and nobody has named."""
    why: str
    """How this came about, in words."""
    left_out: Mapping[str, tuple[str, ...]]
    """Why deployments are not in `order`, in words -> their names."""
    failure: Failure | None = None
    """Why there is nobody at all to be asked."""


class _Terms(NamedTuple):
    """What the rule comes to for one wish."""

    kinds: tuple[Kind, ...]
    """Empty: any."""
    models: tuple[str, ...]
    """Empty: any."""
    says: str

    def kind_rank(self, one: Deployment) -> int:
        return self.kinds.index(one.kind) if self.kinds else 0

    def model_rank(self, one: Deployment) -> int:
        known = one.model in self.models
        return self.models.index(one.model) if known else len(self.models)

    def allows(self, model: str) -> bool:
        return not self.models or model in self.models


def _terms(ruled: Ruling, forced: Kind | None) -> _Terms:
    kinds = (forced,) if forced else ruled.rule.providers
    says = f"{forced} is forced" if forced else f"{ruled.name} wants {' or '.join(kinds) or 'any'}"
    return _Terms(kinds, ruled.rule.models, says)


class Chooser:
    """Chooses by one configuration."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        """Read what does not change from request to request."""
        self._settings = settings
        self._rules = rules_of(settings)
        self.deployments = deployments_of(settings)
        """All that can be asked at all."""
        asked = {one.name for one in self.deployments}
        self._locked = tuple(name for name in settings.deployments if name not in asked)
        prices = {one.name: float(one.rough_price or 0) for one in self.deployments}
        self._prices = {name: price or max(prices.values()) for name, price in prices.items()}

    def choose(self, wish: Wish, latency: Latency, draw: float) -> Choice:
        """Return who may be asked; `draw`, 0 <= r < 1, shares the load among equals."""
        terms = _terms(ruling(wish.intent, self._rules, wish.user), wish.intent.force_provider)
        left_out: dict[str, list[str]] = {}
        if self._locked:
            left_out["billing_lock is on"] = list(self._locked)
        fitting = _without(self.deployments, lambda one: _unfit(one, wish, terms), left_out)
        order = self._ordered(fitting, wish, terms, latency, draw)
        wanted = self._wanted(order, wish, terms)
        if wanted is None:
            _without(order, lambda _: _not_wanted(terms), left_out)
            return _nobody(wish, terms, left_out)
        stand_ins = self._stand_ins(wanted.model, terms)
        reachable = self._reachable(order, (wanted.model, *stand_ins), terms)
        order = _without(
            order, lambda one: _misplaced(one, wish, wanted, reachable, terms), left_out
        )
        return Choice(
            order,
            wanted.model,
            stand_ins,
            tuple({one.model: None for one in order if terms.allows(one.model)}),
            f"{terms.says}; {self._preferred(wanted, order)}",
            _frozen(left_out),
        )

    def _wanted(self, order: Sequence[Deployment], wish: Wish, terms: _Terms) -> Deployment | None:
        """Return the first that the rule allows, or a larger one where these are too small."""
        for one in order:
            if terms.allows(one.model):
                return one
        larger = {
            self._settings.larger_model.get(one.model)
            for one in self.deployments
            if terms.allows(one.model) and one.settings.context < wish.tokens
        }
        return next((one for one in order if one.model in larger), None)

    def _stand_ins(self, wanted: str, terms: _Terms) -> tuple[str, ...]:
        named = (*terms.models, *self._settings.other_model.get(wanted, ()))
        return tuple(dict.fromkeys(one for one in named if one != wanted))

    def _reachable(
        self, order: Sequence[Deployment], models: Sequence[str], terms: _Terms
    ) -> frozenset[str]:
        """Return all models that some failure may lead to."""
        found = {*models, *(one.model for one in order if terms.allows(one.model))}
        for _ in order:
            more = {
                named.get(model, model)
                for named in (self._settings.larger_model, self._settings.cheaper_model)
                for model in found
            }
            if more <= found:
                break
            found |= more
        return frozenset(found)

    def _ordered(
        self,
        fitting: Iterable[Deployment],
        wish: Wish,
        terms: _Terms,
        latency: Latency,
        draw: float,
    ) -> tuple[Deployment, ...]:
        def rank(one: Deployment) -> tuple[bool, int, int, bool]:
            return (
                one.settings.weight == 0,
                terms.kind_rank(one),
                terms.model_rank(one),
                wish.structured and not one.settings.json_schema,
            )

        order: list[Deployment] = []
        for _, group in groupby(sorted(fitting, key=rank), key=rank):
            equals = list(group)
            order += equals if len(equals) == 1 else self._shared(equals, latency, draw)
        return tuple(order)

    def _shared(self, group: list[Deployment], latency: Latency, draw: float) -> list[Deployment]:
        """Return the best first; among its equals, the one that is drawn by their weights."""
        badness = self._badness(group, latency)
        group.sort(key=lambda one: badness[one.name])
        best = badness[group[0].name]
        equals = [one for one in group if badness[one.name] <= best * NEAR]
        mark = draw * sum(one.settings.weight for one in equals)
        for one in equals:
            mark -= one.settings.weight
            if mark < 0:
                group.remove(one)
                group.insert(0, one)
                break
        return group

    def _badness(self, group: Sequence[Deployment], latency: Latency) -> dict[str, float]:
        """Return how much worse each is than the best, from 1; what is not known is the best."""
        score = self._settings.score
        found = dict.fromkeys((one.name for one in group), 1.0)
        if score != "latency":
            _worsen(found, {one.name: self._prices[one.name] for one in group})
        if score != "cost":
            _worsen(found, {one.name: latency(one.name) or 0.0 for one in group})
        return found

    def _preferred(self, wanted: Deployment, order: Sequence[Deployment]) -> str:
        like = sum(one.model == wanted.model for one in order)
        among = f", by {self._settings.score} and weight out of {like}" if like > 1 else ""
        return f"{wanted.model} at {wanted.name}{among}"


def _worsen(found: dict[str, float], by: Mapping[str, float]) -> None:
    """Multiply each by its part of the smallest that is known."""
    least = min((value for value in by.values() if value > 0), default=0.0)
    for name, value in by.items():
        if value > 0:
            found[name] *= value / least


def _without(
    deployments: Iterable[Deployment],
    reason_of: Callable[[Deployment], str],
    left_out: dict[str, list[str]],
) -> tuple[Deployment, ...]:
    """Return those that there is no reason against; note the others."""
    kept = []
    for one in deployments:
        reason = reason_of(one)
        if reason:
            left_out.setdefault(reason, []).append(one.name)
        else:
            kept.append(one)
    return tuple(kept)


def _unfit(one: Deployment, wish: Wish, terms: _Terms) -> str:
    if terms.kinds and one.kind not in terms.kinds:
        return terms.says
    if wish.zone and one.settings.zone != wish.zone:
        return f"the request stays in zone {wish.zone}"
    if one.settings.context < wish.tokens:
        return f"too small: about {wish.tokens} tokens are wanted"
    return ""


def _misplaced(
    one: Deployment, wish: Wish, wanted: Deployment, reachable: frozenset[str], terms: _Terms
) -> str:
    """Return why a fallback would widen what the first attempt may do; empty: it would not."""
    zone = wanted.settings.zone
    if not wish.zone and zone not in (EVERYWHERE, one.settings.zone):
        return f"the request stays in zone {zone}"
    return "" if one.model in reachable else _not_wanted(terms)


def _not_wanted(terms: _Terms) -> str:
    return f"the model is none that is wanted ({' or '.join(terms.models)}) or stands in for one"


def _nobody(wish: Wish, terms: _Terms, left_out: dict[str, list[str]]) -> Choice:
    """Return the choice among nobody, and whose fault that is."""
    why = "nobody can be asked: " + "; ".join(
        f"{reason} ({len(names)})" for reason, names in left_out.items()
    )
    small = any(reason.startswith("too small") for reason in left_out)
    if small:
        kind = FailureClass.CONTEXT_LENGTH
    elif wish.intent.force_provider:
        kind = FailureClass.INVALID
    else:
        kind = FailureClass.AUTH
    return Choice((), "", (), (), terms.says, _frozen(left_out), Failure(kind, why))


def _frozen(left_out: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {reason: tuple(names) for reason, names in left_out.items()}
