"""What the stand-in does with one request: answer, refuse, hang or cut, as a script says."""

import random
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Then = Literal["", "hang", "close", "reset"]
Waits = Literal["", "executing", "answering"]

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    408: "TIMEOUT",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one request is treated. The functions below make the usual ones."""

    name: str = "answered"
    """What the record says of it."""
    executed: bool = True
    """Whether the message is sent on, whatever the client is told."""
    before: float = 0.0
    """Seconds until it is executed."""
    after: float = 0.0
    """Seconds from then to the answer."""
    waits: Waits = ""
    """Before what it waits, besides, until the test says `OnlyFans.go`."""
    then: Then = ""
    """Instead of an answer: wait for the client to leave, or end the connection."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None
    """The body to answer with, instead of what fits the status."""
    code: str = ""

    @property
    def error(self) -> dict[str, Any]:
        """The body that goes with a refusal."""
        code = self.code or CODES.get(self.status, "UNKNOWN")
        return {"error": {"code": code, "message": f"The request was answered {self.status}."}}

    def to_json(self) -> dict[str, Any]:
        """The step in words of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Step":
        """The step of such words. Raises ValueError for words that it does not know."""
        if unknown := said.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"a step does not know {', '.join(sorted(unknown))}")
        return cls(**said)


ANSWERS = Step()


def answer(*, before: float = 0.0, after: float = 0.0) -> Step:
    """Execute and say so, slowly."""
    return Step(before=before, after=after)


def waits(before: Waits) -> Step:
    """Execute and say so, one of them not before the test's word; it is for one process alone."""
    return Step(waits=before)


def status(
    number: int, *, code: str = "", retry_after: float | None = None, executed: bool = False
) -> Step:
    """Answer with this status; `executed`: it was sent on nevertheless."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return Step(
        name=code or str(number), status=number, code=code, headers=headers, executed=executed
    )


def hang(*, executed: bool) -> Step:
    """Never answer, having executed it or not."""
    return Step(name="hang", then="hang", executed=executed)


def close(*, executed: bool) -> Step:
    """End the connection instead of answering, having executed it or not."""
    return Step(name="close", then="close", executed=executed)


def reset(*, executed: bool) -> Step:
    """Break the connection off instead of answering, having executed it or not."""
    return Step(name="reset", then="reset", executed=executed)


def garbage(raw: str = '{"id": ', *, executed: bool = True) -> Step:
    """Answer 200 with something else than was agreed."""
    return Step(name="garbage", raw=raw, executed=executed)


class Trouble:
    """So large a share of requests, by chance, meets one of these steps."""

    def __init__(self, share: float, steps: tuple[Step, ...], seed: int = 0) -> None:
        if not 0 <= share <= 1 or not steps:
            raise ValueError("a share is in [0, 1], and there is at least one step")
        self._share = share
        self._steps = steps
        self._random = random.Random(seed)

    def next(self) -> Step:
        """How the next request is treated."""
        if self._random.random() >= self._share:
            return ANSWERS
        return self._random.choice(self._steps)
