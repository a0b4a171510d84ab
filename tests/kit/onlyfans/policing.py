"""How the platform sees its own limits: sliding windows over the times at which messages arrive.

Written by itself, from the limits' wording and as plainly as can be, to be compared with.
"""

from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

from tests.kit.onlyfans.record import Execution


class Rule(NamedTuple):
    """At most `limit` in any `seconds`, for each value of the fields that `scope` names."""

    name: str
    scope: tuple[str, ...]
    limit: int
    seconds: float
    message_type: str = ""
    """Of this type alone; empty: of any."""
    distinct: bool = False
    """It is different recipients that are counted."""


ACCOUNT = ("account",)
RECIPIENT = ("recipient",)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

ONLYFANS = (
    Rule("minute", ACCOUNT, 10, MINUTE),
    Rule("hour", ACCOUNT, 100, HOUR),
    Rule("day", ACCOUNT, 500, DAY),
    Rule("recipient minute", RECIPIENT, 2, MINUTE),
    Rule("recipient hour", RECIPIENT, 10, HOUR),
    Rule("welcome", ACCOUNT, 20, HOUR, "welcome"),
    Rule("follow up", ACCOUNT, 30, HOUR, "follow_up"),
    Rule("promotional", ACCOUNT, 50, DAY, "promotional"),
    Rule("custom", ACCOUNT, 5, MINUTE, "custom"),
    Rule("spacing", ACCOUNT, 3, 18.0),
    Rule("recipients", ACCOUNT, 50, HOUR, distinct=True),
    Rule("global", (), 5, 1.0),
)


class Police:
    """Counts how often an arrival made a window too full.

    `slack`: windows are shorter by so many seconds: the way to the platform takes some messages
    longer than others, so that they arrive closer together than they left.
    """

    def __init__(self, rules: tuple[Rule, ...] = ONLYFANS, slack: float = 0.0) -> None:
        self._rules = rules
        self._slack = slack
        self._seen: dict[tuple[str, ...], list[tuple[float, str]]] = {}
        self.violations: Counter[str] = Counter()
        """By the rule's name."""

    def sees(self, one: Execution) -> None:
        """Count one arrival; they come in the order of time."""
        for rule in self._rules:
            if rule.message_type in ("", one.message_type) and self._too_many(rule, one):
                self.violations[rule.name] += 1

    def _too_many(self, rule: Rule, one: Execution) -> bool:
        key = (rule.name, *(str(getattr(one, name)) for name in rule.scope))
        seen = self._seen.setdefault(key, [])
        seen.append((one.at, one.recipient))
        del seen[: bisect_right(seen, one.at - rule.seconds + self._slack, key=lambda it: it[0])]
        count = len({recipient for _, recipient in seen}) if rule.distinct else len(seen)
        return count > rule.limit
