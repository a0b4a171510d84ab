"""Makes the rows that correct the ledger to what was billed. Pure."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from proxy.api.spending import NanoUSD, Usage

from ..row import Row
from .comparing import Differing, Drift

__all__ = ["corrections"]

_SOURCE = "bill"


def corrections(
    differing: Iterable[Differing],
    drifts: Iterable[Drift],
    *,
    now: float,
    replica: str,
    note: str,
) -> Iterator[Row]:
    """Yield one row for each attempt that differs, and for each day and model that drifts.

    Ids follow from what is corrected, how it stood and what it comes to: the same correction is
    the same row, whoever makes it, however often.
    """
    for one in differing:
        if one.nano_usd:
            yield _of_attempt(one, now, replica, note)
    for drift in drifts:
        if drift.nano_usd:
            yield _of_day(drift, drift.nano_usd, now, replica, note)


def _of_attempt(one: Differing, now: float, replica: str, note: str) -> Row:
    """It counts where the attempt counts; one that the ledger does not know, when it was billed."""
    times = 0 if one.attempt is None else one.attempt.corrections
    row = _blank(now, replica, note)._replace(
        id=_id("attempt", one.id, str(times), str(one.billed)),
        ref=one.id,
        nano_usd=NanoUSD(one.nano_usd),
    )
    if one.attempt is None:
        at = 0.0 if one.line is None else one.line.at
        model = "" if one.line is None else one.line.model
        return row._replace(at=at, model=model, outcome="unknown")
    of = one.attempt.row
    return row._replace(
        at=of.at,
        user=of.user,
        plan=of.plan,
        route=of.route,
        arm=of.arm,
        provider=of.provider,
        model=of.model,
        deployment=of.deployment,
        zone=of.zone,
        intent=of.intent,
        workflow_id=of.workflow_id,
        request_id=of.request_id,
        provider_id=of.provider_id,
        again=of.again,
        outcome=of.outcome,
        tier=of.tier,
        answered_as=of.answered_as,
    )


def _of_day(drift: Drift, nano_usd: int, now: float, replica: str, note: str) -> Row:
    booked = 0 if drift.booked is None else drift.booked.nano_usd or 0
    place = (str(drift.day), drift.provider, drift.model)
    return _blank(now, replica, note)._replace(
        id=_id("day", *place, str(booked), str(booked + nano_usd)),
        at=float(drift.day),
        provider=drift.provider,
        model=drift.model,
        nano_usd=NanoUSD(nano_usd),
    )


def _id(*parts: str) -> str:
    return f"adjust-{sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"


def _blank(now: float, replica: str, note: str) -> Row:
    """A correction of nothing: it has neither usage nor duration, so it counts for money alone."""
    return Row(
        id="",
        kind="adjust",
        ref="",
        at=now,
        settled=now,
        replica=replica,
        user="",
        plan="",
        route="",
        arm="none",
        provider="",
        model="",
        deployment="",
        zone="",
        intent="",
        workflow_id="",
        request_id="",
        provider_id="",
        again="",
        outcome="answered",
        failure="",
        seconds=0.0,
        usage=Usage(),
        usage_source="provider",
        estimated=False,
        nano_usd=NanoUSD(0),
        price_source=_SOURCE,
        confidence="exact",
        book="",
        tier="",
        answered_as="",
        note=note,
    )
