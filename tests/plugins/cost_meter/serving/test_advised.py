"""Advice as the costs API shows it."""

from decimal import Decimal

import pytest

from plugins.cost_meter.serving.advised import AdvisedBy
from plugins.cost_meter.serving.optimization import NotAppliedError
from tests.plugins.cost_meter.advising.followed import followed


async def test_what_is_open_is_shown_with_its_evidence_and_applied_by_its_id() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        shown = AdvisedBy(advice)
        name = await found.model_id(advice)
        [one] = [one for one in await shown.advised() if one.id == name]
        record = await advice.record(name)
        assert (one.days, one.sample) == (10, 400)
        assert (one.p10, one.p50, one.p90) == record.advice[7:10]
        assert one.confidence == Decimal("0.99")
        assert await shown.apply(name, "ada") == 5
        assert name not in [one.id for one in await shown.advised()]
        with pytest.raises(NotAppliedError, match="followed already"):
            await shown.apply(name, "ada")
        assert await shown.apply("none-such", "ada") is None
