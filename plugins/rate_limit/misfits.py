"""What in the settings does not fit together: each with its place, and what is wanted there."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from proxy.api import evaluate
from proxy.api.settings import Misfit

from .claims import EXACT
from .durations import micros, shortly

if TYPE_CHECKING:
    from .settings import RateLimitSettings, RuleSettings, UseSettings

__all__ = ["RESERVED", "RULE_SETS", "misfits", "policies", "use_misfits", "words_in"]

RULE_SETS: Final = Path(__file__).with_name("rule_sets")
"""Where the rules are that come with the plugin."""

RESERVED: Final = ("user", "role", "tier", "ip", "route", "method", "body")
"""Facts that nobody may define anew: somebody vouches for them."""

LOG_MOST: Final = 10_000
"""The largest limit of which each unit is remembered."""


def misfits(settings: "RateLimitSettings") -> Iterator[Misfit]:
    """Yield all that does not fit, in the order of the settings."""
    known = sorted(path.stem for path in RULE_SETS.glob("*.yaml"))
    for place, name in enumerate(settings.rule_sets):
        if name not in known:
            yield ("rule_sets", place), f"one of {', '.join(known)}"
        elif name in settings.rule_sets[:place]:
            yield ("rule_sets", place), "each rule set once"
    taken: dict[str, str] = {}
    for name, rule in settings.rules.items():
        if any(name == one or name.startswith(f"{one}-") for one in known):
            yield ("rules", name), "another name: this one is kept for a rule set"
        yield from ((("rules", name, *place), says) for place, says in _rule(rule))
        for policy in policies(name, rule):
            if taken.setdefault(policy, name) != name:
                yield ("rules", name), f"another name: {taken[policy]} has a window {policy}"


def use_misfits(settings: "UseSettings") -> Iterator[Misfit]:
    """Yield all that does not fit in the settings of a use."""
    for name in settings.facts:
        if name in RESERVED:
            yield ("facts", name), "another name: this fact is known without a body"
    if len(set(settings.styles)) < len(settings.styles):
        yield ("headers",), "each kind once"


def policies(name: str, rule: "RuleSettings") -> tuple[str, ...]:
    """Return the names of a rule's windows: its own, where there are several with their time."""
    if len(rule.windows) < 2:
        return (name,)
    return tuple(f"{name}-{shortly(window.per)}" for window in rule.windows)


def words_in(expression: str | None) -> frozenset[str]:
    """Return all words of an expression: what it may ask for is among them."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", expression or ""))


def _rule(rule: "RuleSettings") -> Iterator[Misfit]:
    if rule.concurrency is None and not rule.windows:
        yield ("windows",), "at least one window, such as {limit: 10, per: 1m}; or concurrency"
    if len(set(rule.scope)) < len(rule.scope) or "body" in rule.scope:
        yield ("scope",), "names of facts, each once"
    for key, facts in (("facts", rule.when.facts), ("other_than", rule.when.other_than)):
        for name in (name for name, values in facts.items() if not values):
            yield ("when", key, name), "at least one text"
    yield from _kind(rule)
    for place, window in enumerate(rule.windows):
        where = ("windows", place)
        if rule.algorithm == "gcra":
            burst = window.burst or window.limit
            if burst * micros(window.per + rule.margin) >= EXACT:
                yield (*where, "limit"), "fewer units or a shorter time: it cannot be counted"
        elif window.burst is not None:
            yield (
                (*where, "burst"),
                (
                    "algorithm: gcra for it; here it is a window of its own: a burst of 3 every "
                    "6 s is {limit: 3, per: 18s}"
                ),
            )
        elif window.limit > LOG_MOST:
            yield (*where, "limit"), f"at most {LOG_MOST}, or algorithm: gcra for large numbers"
    yield from _nesting(rule)


def _kind(rule: "RuleSettings") -> Iterator[Misfit]:
    """What cannot stand beside each other."""
    counted = "the limit of distinct" if rule.distinct is not None else "concurrency"
    if rule.distinct is not None or rule.concurrency is not None:
        if rule.algorithm == "gcra":
            yield ("algorithm",), f"sliding_log: gcra cannot count {counted}"
        if rule.cost is not None:
            yield ("cost",), f"no cost beside {counted}: each counts as one"
    if rule.concurrency is not None and rule.windows:
        yield ("concurrency",), "windows or concurrency: write two rules"
    if rule.concurrency is not None and rule.distinct is not None:
        yield ("distinct",), "windows for it, no concurrency: write two rules"
    fixed = None if rule.cost is None else evaluate(rule.cost, {})
    if isinstance(fixed, int | float) and rule.windows:
        most = min(window.burst or window.limit for window in rule.windows)
        if fixed > most:
            yield ("cost",), f"at most {most}, or nothing would ever be let through"


def _nesting(rule: "RuleSettings") -> Iterator[Misfit]:
    """Windows of which one can never be full, since another one is full before."""
    ordered = sorted(enumerate(rule.windows), key=lambda one: one[1].per)
    for (_, short), (place, long) in pairwise(ordered):
        if short.per == long.per:
            yield ("windows", place, "per"), "another time than another window of the rule has"
        elif short.limit >= long.limit:
            yield (
                ("windows", place, "limit"),
                f"more than {short.limit}, which another window allows in {shortly(short.per)}",
            )
