"""What operators see and do, on the admin listener below ``/plugins/cost_meter``."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from proxy.api import AdminRouter, Reply, Request, Services, json_reply
from proxy.api.endpoints import query_of

from ..answering import Answering, Answers, NotDoneError
from ..books import Asked, Ledger
from ..covering import Span
from ..reconciling.reconciling import Reconciling
from ..row import UNVERIFIED, Sums, plus
from ..tallying import Tallying
from .questions import ReportAsked, asked_report, asked_rows, covered
from .reconciled import posted_of, reconciliation_of
from .reporting import Report, report_of
from .uploads import Uploads
from .views import row_of

__all__ = ["Offered", "Operating", "Period"]

Period = Literal["daily", "weekly", "monthly"]

Plain = Mapping[str, Any]
_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9a-f]+$")]
_Short = Annotated[str, Field(max_length=1000)]
_SEE_USERS = ("operator", "admin")


class Offered(NamedTuple):
    """What other parts of the meter tell.

    The functions return plain data, money as exact text, and may raise StoreError.
    """

    prices: Callable[[], Awaitable[Plain]]
    budgets: Callable[[str | None], Awaitable[Sequence[Plain]]]
    """Of one user, or of all."""
    verify: Callable[[], Awaitable[Sequence[str]]]
    """Returns where totals are not the sums of their rows, in words."""
    compared: Callable[[], Awaitable[Sequence[Plain]]] | None
    """Returns where the table of the fleet has not what the journal brought there: ``what``,
    ``where``, ``journal``, ``table``. None without a fleet."""
    forecast: Callable[[str | None, Period], Awaitable[Plain | None]]
    reconciling: Reconciling


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    file: _Id
    number: Annotated[int, Field(ge=0, le=10_000)]
    data: str


class _Bill(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    file: _Id
    preset: _Short = "crossfade"
    columns: _Short = ""
    provider: _Short = ""
    names: Annotated[dict[_Short, _Short], Field(max_length=1000)] = {}
    why: _Short = ""
    since: _Short = ""
    until: _Short = ""


class Operating:
    """The answers; what changes anything is logged with who did it."""

    def __init__(
        self,
        tallying: Tallying,
        ledger: Ledger,
        baseline: Mapping[str, int],
        offered: Offered,
        services: Services,
    ) -> None:
        """`baseline`: by route what a request costs on legacy, in nano-USD."""
        self._tallying = tallying
        self._ledger = ledger
        self._baseline = baseline
        self._offered = offered
        self._services = services
        self._uploads = Uploads(services.clock)

    def offer(self, router: AdminRouter) -> None:
        """Say what is answered, to whom at least."""
        offered: dict[tuple[str, str, str], Answers] = {
            ("GET", "/report", "viewer"): self._report,
            ("GET", "/rows", "operator"): self._rows,
            ("GET", "/prices", "viewer"): self._prices,
            ("GET", "/budgets", "operator"): self._budgets,
            ("GET", "/forecast", "viewer"): self._forecast,
            ("POST", "/verify", "operator"): self._verify,
            ("POST", "/reconcile/part", "operator"): self._part,
            ("POST", "/reconcile", "operator"): self._reconcile,
            ("POST", "/reconcile/post", "admin"): self._post,
        }
        for (method, path, role), answer in offered.items():
            router.add(method, path, Answering(answer), role=role)

    async def _report(self, request: Request, _: bytes) -> Reply:
        now = self._services.now()
        asked = asked_report(request.query, self._tallying.calendar, now)
        _refuse_viewers(request, users="user" in (*asked.by, *asked.where))
        (rows, counted), routes = await asyncio.gather(
            self._grouped(asked, now),
            self._tallying.over(asked.span, now, ("route", "arm"), asked.where),
        )
        report = Report(
            span=asked.span,
            counted=counted,
            by=asked.by,
            grain=asked.grain,
            rows=rows,
            routes=routes.by,
            baseline=self._baseline,
            zone=self._tallying.calendar.zone,
            limit=asked.limit,
            skip=asked.skip,
        )
        return json_reply(await asyncio.to_thread(report_of, report))

    async def _grouped(
        self, asked: ReportAsked, now: float
    ) -> tuple[Mapping[tuple[str, ...], Sums], Span]:
        """Return sums by the beginning of their bucket, if there are buckets, and dimensions."""
        tallying = self._tallying
        if asked.grain is None:
            tally = await tallying.over(asked.span, now, asked.by, asked.where)
        elif asked.grain in ("day", "month"):
            tally = await tallying.daily(asked.span, now, asked.by, asked.where)
        else:
            tally = await tallying.by_bucket(asked.span, now, asked.grain, asked.by, asked.where)
        if asked.grain != "month":
            return tally.by, tally.counted
        months: dict[tuple[str, ...], Sums] = {}
        for parts, sums in tally.by.items():
            month = (parts[0][:7], *parts[1:])
            months[month] = plus(months.get(month, Sums()), sums)
        return months, tally.counted

    async def _rows(self, request: Request, _: bytes) -> Reply:
        calendar, now = self._tallying.calendar, self._services.now()
        asked = asked_rows(request.query, calendar, now)
        wanted = Asked(asked.span.since, asked.span.until, asked.where)
        page = await self._ledger.rows(wanted, limit=asked.limit, after=asked.after)
        rows = [row_of(row) for row in page.rows]
        return json_reply({"rows": rows, "next": page.after or None})

    async def _prices(self, request: Request, _: bytes) -> Reply:
        query_of(request.query, ())
        return json_reply(await self._offered.prices())

    async def _budgets(self, request: Request, _: bytes) -> Reply:
        user = _user(query_of(request.query, ("user",)))
        found = await self._offered.budgets(user)
        return json_reply({"budgets": list(found)})

    async def _forecast(self, request: Request, _: bytes) -> Reply:
        said = query_of(request.query, ("period", "user"))
        period = said.get("period", "monthly")
        periods: dict[str, Period] = {one: one for one in get_args(Period)}
        if period not in periods:
            raise ValueError(f"period: one of {', '.join(periods)}")
        _refuse_viewers(request, users="user" in said)
        found = await self._offered.forecast(_user(said), periods[period])
        return json_reply({"period": period, "forecast": found})

    async def _verify(self, _: Request, __: bytes) -> Reply:
        found = await self._offered.verify()
        said: dict[str, Any] = {"agrees": not found, "differences": list(found)[:1000]}
        if self._offered.compared is not None:
            said["fleet"] = list(await self._offered.compared())
            said["agrees"] = not found and not said["fleet"]
        return json_reply(said)

    async def _part(self, _: Request, body: bytes) -> Reply:
        part = _Part.model_validate_json(body, strict=True)
        self._uploads.add(part.file, part.number, part.data)
        return json_reply({"taken": part.number})

    async def _reconcile(self, _: Request, body: bytes) -> Reply:
        bill = _Bill.model_validate_json(body, strict=True)
        text = self._uploads.take(bill.file)  # first: what is refused then is not kept
        since, until = covered(bill.since, bill.until, self._services.now())
        found = await self._offered.reconciling.report(
            text,
            bill.preset,
            columns=bill.columns,
            provider=bill.provider,
            names=bill.names,
            since=since,
            until=until,
        )
        return json_reply(reconciliation_of(found))

    async def _post(self, request: Request, body: bytes) -> Reply:
        bill = _Bill.model_validate_json(body, strict=True)
        text = self._uploads.take(bill.file)
        since, until = covered(bill.since, bill.until, self._services.now())
        by = request.key or "an operator"
        posted = await self._offered.reconciling.post(
            text,
            bill.preset,
            by=by,
            why=bill.why,
            columns=bill.columns,
            provider=bill.provider,
            names=bill.names,
            since=since,
            until=until,
        )
        self._services.log.info(
            "costs_reconciled", by=by, corrections=posted.rows, written=posted.written
        )
        return json_reply(posted_of(posted))


def _refuse_viewers(request: Request, *, users: bool) -> None:
    """Who users are is for operators alone, as with rows and budgets. Raises NotDoneError."""
    if users and request.attributes.get("role") not in _SEE_USERS:
        raise NotDoneError(
            403,
            "What single users have spent needs the role operator: use another token, or ask "
            "without user.",
        )


def _user(said: Mapping[str, str]) -> str | None:
    user = said.get("user")
    return "" if user == UNVERIFIED else user
