"""From facts to claims: which rules apply, which bucket each of them counts in, and what it costs.

Pure: the same facts make the same claims.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import ceil, isnan
from typing import Any, Final
from unicodedata import normalize

import orjson
import yaml

from proxy.api import evaluate
from proxy.api.limits import Action, Facts

from .claims import EXACT, Claim, Kind, Window
from .durations import micros
from .misfits import RULE_SETS, policies, words_in
from .settings import RateLimitSettings, RuleSettings, When, WindowSettings

__all__ = ["EVERYTHING", "Book", "Rule", "asks_of", "book_of", "text_of"]

EVERYTHING: Final = "*"
"""In `Rule.depends`: an expression decided, which may have looked at anything."""

_REMEMBERED: Final = 1024
"""So many claims of each rule are remembered, since digests take longer than to find them again.
Not those of values that are longer, together, than `_SHORT`."""

_SHORT: Final = 256
_DIGEST: Final = 16
_UNSPEAKABLE: Final = "[[]]"
_UNITS: Final = {
    Kind.LOG: "requests",
    Kind.LEVEL: "requests",
    Kind.LEASE: "concurrent-requests",
}


class Rule:
    """A rule, made ready.

    - `name`; `kind`, `windows`, `unit`, `action`, `delay` (seconds)
    - `asks`: the names of the facts that it looks at; `depends`: the same, as
      `proxy.api.limits.WindowStanding` has them
    """

    def __init__(self, name: str, said: RuleSettings) -> None:
        self.name = name
        self.said = said
        self.kind = _kind(said)
        self.windows = tuple(_windows(name, said))
        default = f"distinct-{said.distinct}".replace("_", "-")
        self.unit = said.unit or _UNITS.get(self.kind, default)
        self.action: Action = said.action
        self.delay = said.delay
        self.depends = _depends(said)
        self.asks = (self.depends - {EVERYTHING}) | words_in(said.cost) | words_in(said.when.match)
        self._always = said.when == When()
        self._names = (*said.scope, said.distinct) if said.distinct else said.scope
        self._remembered = lru_cache(_REMEMBERED)(self._claim)
        # What is counted, and by what, is in the digest: changed settings begin anew.
        self._salt = orjson.dumps([self.kind.value, said.scope])
        self._most = max(max(window.burst, _debt(self.kind, window)) for window in self.windows) + 1

    def applies(self, facts: Facts) -> bool:
        """Tell whether the rule is for what has these facts."""
        return self._always or self._fits(facts)

    def claim(self, facts: Facts) -> Claim:
        """Return what the rule counts for these facts; it applies to them."""
        values = tuple([text_of(facts.get(name)) or "" for name in self._names])
        short = len("".join(values)) <= _SHORT
        claim = (self._remembered if short else self._claim)(values)
        return claim if self.said.cost is None else claim._replace(cost=self._cost(facts))

    def _claim(self, values: tuple[str, ...]) -> Claim:
        """Return a claim on one unit for the values of `_names`; nobody's id is in it."""
        scope = len(self.said.scope)
        return Claim(
            self.kind,
            f"{self.name}:{_digest(values[:scope], self._salt)}",
            self.windows,
            1,
            _digest(values[scope:]) if values[scope:] else "",
            self.said.on_store_error,
        )

    def _fits(self, facts: Facts) -> bool:
        when = self.said.when
        if when.routes and facts.get("route") not in when.routes:
            return False
        if when.methods and facts.get("method") not in when.methods:
            return False
        for name, texts in when.facts.items():
            if text_of(facts.get(name)) not in texts:
                return False
        for name, texts in when.other_than.items():
            if text_of(facts.get(name)) in texts:
                return False
        return when.match is None or bool(evaluate(when.match, facts))

    def _cost(self, facts: Facts) -> int:
        found = evaluate(self.said.cost or "", facts)
        usable = isinstance(found, int | float) and not isinstance(found, bool)
        if not usable or (isinstance(found, float) and isnan(found)):
            return 1
        # More than can ever be owed makes no difference, and stays exact: a sum may be infinite.
        return ceil(min(found, self._most)) if found > 0 else 0


class Book:
    """All rules, by their names and those of the rule sets."""

    def __init__(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        """`rules` by name: one for a rule's own, several for that of a rule set."""
        self._named = {name: tuple(several) for name, several in rules.items()}
        single = {rule.name: rule for several in rules.values() for rule in several}
        self.rules = tuple(single.values())
        self._named |= {name: (rule,) for name, rule in single.items()}
        self.names = frozenset(self._named)
        self._selected: dict[tuple[str, ...], tuple[Rule, ...]] = {(): self.rules}

    def selected(self, names: Sequence[str]) -> tuple[Rule, ...]:
        """Return the rules that names stand for, all without names; unknown ones for none."""
        wanted = tuple(names)
        found = self._selected.get(wanted)
        if found is None:
            # Each once, in the order of the settings.
            meant = {rule.name for name in wanted for rule in self._named.get(name, ())}
            found = tuple(rule for rule in self.rules if rule.name in meant)
            if len(self._selected) < _SELECTIONS:
                self._selected[wanted] = found
        return found


_SELECTIONS: Final = 1000
"""So many selections are remembered; settings have far fewer."""


def book_of(settings: RateLimitSettings) -> Book:
    """Return the rules of the rule sets and then those of the settings."""
    named: dict[str, list[Rule]] = {
        name: [Rule(f"{name}-{one}", said) for one, said in _rule_set(name).items()]
        for name in settings.rule_sets
    }
    named |= {name: [Rule(name, said)] for name, said in settings.rules.items()}
    return Book(named)


def asks_of(rules: Iterable[Rule]) -> frozenset[str]:
    """Return the names of all facts that rules look at."""
    return frozenset[str]().union(*(rule.asks for rule in rules))


def text_of(value: Any) -> str | None:
    """Return the one spelling of a fact's value; None for what is not known.

    However a client writes a number, or puts spaces around a name, it is the same one.
    """
    if isinstance(value, str):
        if not value.isascii():
            value = normalize("NFC", value.encode("utf-8", "replace").decode())
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # nested too deeply to be written: such values are one
        return _UNSPEAKABLE


def _rule_set(name: str) -> dict[str, RuleSettings]:
    text = (RULE_SETS / f"{name}.yaml").read_text("utf-8")
    said = RateLimitSettings.model_validate({"rules": yaml.safe_load(text)})
    return said.rules


def _kind(said: RuleSettings) -> Kind:
    if said.concurrency is not None:
        return Kind.LEASE
    if said.distinct is not None:
        return Kind.DISTINCT
    return Kind.LEVEL if said.algorithm == "gcra" else Kind.LOG


def _windows(name: str, said: RuleSettings) -> Iterable[Window]:
    if said.concurrency is not None:
        yield Window(name, said.concurrency, micros(said.lease), said.concurrency)
    for policy, window in zip(policies(name, said), said.windows, strict=False):
        yield _window(policy, window, said.margin)


def _window(policy: str, said: WindowSettings, margin: float) -> Window:
    return Window(policy, said.limit, micros(said.per + margin), said.burst or said.limit)


def _debt(kind: Kind, window: Window) -> int:
    """Return the units that can be owed: only a level is worked off, all others just pass."""
    return EXACT // (2 * window.period) if kind is Kind.LEVEL else 0


def _depends(said: RuleSettings) -> frozenset[str]:
    found = {*said.scope, *said.when.facts, *said.when.other_than}
    if said.distinct is not None:
        found.add(said.distinct)
    if said.when.routes:
        found.add("route")
    if said.when.methods:
        found.add("method")
    if said.cost is not None or said.when.match is not None:
        found.add(EVERYTHING)
    return frozenset(found)


def _digest(values: Sequence[Any], salt: bytes = b"") -> str:
    return blake2b(salt + orjson.dumps(values), digest_size=_DIGEST).hexdigest()
