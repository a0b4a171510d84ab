"""All rules look at the same, and what they find has names of its own."""

import pytest

from plugins.cost_meter.advising.recommendation import NoAdvice, Recommendation
from plugins.cost_meter.advising.rules.all import RULES, findings
from tests.plugins.cost_meter.advising.advised import attempts, view


def test_every_rule_has_its_say_and_the_same_is_found_again() -> None:
    rows = attempts(1000)
    found = findings(view(rows))
    assert findings(view(rows)) == found
    names = [one.id for one in found if isinstance(one, Recommendation)]
    assert len(names) == len(set(names)) >= 2
    assert any(isinstance(one, NoAdvice) for one in found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_without_evidence_nothing_is_advised(rule: object) -> None:
    found = rule(view([]))  # type: ignore[operator]
    assert not [one for one in found if isinstance(one, Recommendation)]
