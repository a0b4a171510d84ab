"""Advice as the costs API shows it."""

from collections.abc import Sequence
from decimal import Decimal

from ..advising.advice import Advice, AdviceError
from ..advising.records import Record
from .optimization import Advised, NotAppliedError

__all__ = ["AdvisedBy"]

_DAY = 86_400


class AdvisedBy:
    """See `Advising`."""

    def __init__(self, advice: Advice) -> None:
        self._advice = advice

    async def advised(self) -> Sequence[Advised]:
        """See `Advising.advised`."""
        return [_shown(one) for one in await self._advice.records() if one.state == "open"]

    async def apply(self, advice_id: str, by: str) -> Decimal | None:
        """See `Advising.apply`."""
        try:
            record = await self._advice.approve(advice_id, by)
        except AdviceError as error:
            if error.status == 404:
                return None
            raise NotAppliedError(str(error)) from None
        return Decimal(str(record.share))


def _shown(record: Record) -> Advised:
    one = record.advice
    return Advised(
        id=one.id,
        type=one.rule,
        description=one.says,
        p10=one.p10,
        p50=one.p50,
        p90=one.p90,
        confidence=Decimal(one.confidence).scaleb(-2),
        risk=one.risk,
        steps=(one.plan,) if one.plan else (),
        days=round((one.until - one.since) / _DAY),
        sample=one.sample,
        state=record.state,
    )
