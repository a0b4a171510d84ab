"""What reserving has to come to, by going through all that ever happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plugins.cost_meter.budgets.claims import Answer, Claim, Correction, Entry, Reading, Share


@dataclass
class Recount:
    """Keeps all that was asked as lists, and counts anew each time. Slow, and plain."""

    now: float
    holds: list[tuple[str, str, int, float]] = field(default_factory=list)
    """Attempt, bucket, amount, end."""
    booked: list[tuple[str, int, int]] = field(default_factory=list)
    """Bucket, slice, amount."""
    ended: set[str] = field(default_factory=set)
    corrected: list[str] = field(default_factory=list)

    def reading(self, bucket: str, first: int, last: int) -> Reading:
        live = [one for one in self.holds if one[1] == bucket and one[3] > self.now]
        spent: dict[int, int] = {}
        for where, at, amount in self.booked:
            if where == bucket and first <= at <= last:
                spent[at] = spent.get(at, 0) + amount
        reserved = sum(one[2] for one in live)
        return Reading(reserved, spent, self.corrected.count(bucket), len(live))

    def reserve(self, attempt: str, claims: Sequence[Claim], seconds: float) -> Answer:
        readings = tuple(self.reading(one.bucket, one.first, one.slice) for one in claims)
        if attempt in self.ended:
            return Answer(False, readings)
        buckets = [one.bucket for one in claims]
        if any(a == attempt and b in buckets and end > self.now for a, b, _, end in self.holds):
            return Answer(True, readings)
        fits = all(
            one.cap < 0 or reading.total + reading.reserved + one.amount <= one.cap
            for one, reading in zip(claims, readings, strict=True)
        )
        if fits:
            end = self.now + seconds
            self.holds += [(attempt, one.bucket, one.amount, end) for one in claims]
        return Answer(fits, readings)

    def settle(self, entry: Entry) -> None:
        if entry.attempt in self.ended:
            return
        self.ended.add(entry.attempt)
        buckets = [one.bucket for one in entry.shares]
        self.holds = [
            one for one in self.holds if not (one[0] == entry.attempt and one[1] in buckets)
        ]
        if entry.spent is not None:
            self.booked += [(one.bucket, one.slice, entry.spent) for one in entry.shares]

    def correct(self, correction: Correction) -> bool:
        if self.corrected.count(correction.bucket) != correction.version:
            return False
        self.corrected.append(correction.bucket)
        self.booked += [(correction.bucket, at, more) for at, more in correction.deltas.items()]
        return True

    def read(self, share: Share) -> Reading:
        return self.reading(share.bucket, share.first, share.slice)
