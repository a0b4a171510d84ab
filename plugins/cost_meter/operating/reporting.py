"""Reports: what was spent, for what, on which arm, and what it was not worth. Pure arithmetic."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.api.documents import usd_text
from proxy.api.endpoints import iso

from ..covering import Span
from ..ratios import mean, saved, share
from ..row import NOT_SAID, UNVERIFIED, Dimension, Grain, Sums, plus
from ..tallying import added

__all__ = ["Report", "figures_of", "grouped", "report_of", "row_named"]

Parts = tuple[str, ...]


class Report(NamedTuple):
    """What a report is made of."""

    span: Span
    counted: Span
    by: Sequence[Dimension]
    grain: Grain | None
    """None: all of the time together."""
    rows: Mapping[Parts, Sums]
    """By the beginning of the bucket if there is a grain, then by the dimensions."""
    routes: Mapping[Parts, Sums]
    """By route and arm."""
    baseline: Mapping[str, int]
    """By route: nano-USD of a request on legacy."""
    zone: str
    limit: int
    skip: int


def report_of(report: Report) -> dict[str, Any]:
    """Return it as plain data; amounts are exact US dollars, as text."""
    whole = added(report.routes.values())
    shown = _ordered(report)[report.skip : report.skip + report.limit]
    following = report.skip + len(shown)
    return {
        "since": iso(report.span.since),
        "until": iso(report.span.until),
        "counted": {"since": iso(report.counted.since), "until": iso(report.counted.until)},
        "timeZone": report.zone,
        "by": list(report.by),
        "grain": report.grain,
        "total": figures_of(whole),
        "rows": [_row(report, parts, sums) for parts, sums in shown],
        "rowsInAll": len(report.rows),
        "next": following if following < len(report.rows) else None,
        "arms": _arms(report.routes),
        "savings": _savings(report),
        "waste": _waste(report.routes),
    }


def figures_of(sums: Sums) -> dict[str, Any]:
    """Return what sums say; null where there is nothing to divide by."""
    return {
        "requests": sums.requests,
        "attempts": sums.attempts,
        "answered": sums.answered,
        "failed": sums.failed,
        "unknown": sums.unknown,
        "hedges": sums.hedges,
        "inputTokens": sums.input_tokens,
        "cachedTokens": sums.cached_tokens,
        "outputTokens": sums.output_tokens,
        "reasoningTokens": sums.reasoning_tokens,
        "usd": usd_text(sums.nano_usd),
        "nanoUsd": str(sums.nano_usd),
        "usdPerRequest": _text(mean(sums.nano_usd, sums.requests)),
        "usdPerAnswer": _text(mean(sums.nano_usd, sums.answered)),
        "estimated": sums.estimated,
        "estimatedUsd": usd_text(sums.estimated_nano_usd),
        "estimatedShare": _share(sums.estimated_nano_usd, sums.nano_usd),
        "failedUsd": usd_text(sums.failed_nano_usd),
        "hedgeUsd": usd_text(sums.hedge_nano_usd),
        "adjustedUsd": usd_text(sums.adjusted_nano_usd),
        "meanMilliseconds": mean(sums.milliseconds, sums.attempts),
    }


def grouped(
    sums: Iterable[tuple[Parts, Sums]], name: Callable[[Parts], Parts]
) -> dict[Parts, Sums]:
    """Return sums by what `name` makes of what they were told apart by."""
    found: defaultdict[Parts, Sums] = defaultdict(Sums)
    for parts, one in sums:
        found[name(parts)] = plus(found[name(parts)], one)
    return dict(found)


def row_named(dimension: Dimension, value: str) -> str:
    """Return what a value of a dimension is called; nothing is left empty."""
    return value or (UNVERIFIED if dimension == "user" else NOT_SAID)


def _ordered(report: Report) -> list[tuple[Parts, Sums]]:
    """Return rows by time; within one, the dearest first."""
    places = 0 if report.grain is None else 1
    return sorted(report.rows.items(), key=lambda one: (one[0][:places], -one[1].nano_usd, one[0]))


def _row(report: Report, parts: Parts, sums: Sums) -> dict[str, Any]:
    places = 0 if report.grain is None else 1
    named = zip(report.by, parts[places:], strict=True)
    return {
        **({"begins": parts[0]} if places else {}),
        **{name: row_named(name, value) for name, value in named},
        **figures_of(sums),
    }


def _arms(routes: Mapping[Parts, Sums]) -> list[dict[str, Any]]:
    arms = grouped(routes.items(), lambda parts: parts[1:])
    return [
        {"arm": row_named("arm", arm), **figures_of(sums)} for (arm,), sums in sorted(arms.items())
    ]


def _savings(report: Report) -> dict[str, Any]:
    new = {
        route: (sums.requests, sums.nano_usd)
        for (route, arm), sums in report.routes.items()
        if arm == "new"
    }
    return {
        "usd": _text(saved(new, report.baseline)),
        "routes": [
            {
                "route": row_named("route", route),
                "requests": requests,
                "newUsd": usd_text(cost),
                "legacyUsd": _text(
                    requests * report.baseline[route] if route in report.baseline else None
                ),
                "savedUsd": _text(saved({route: (requests, cost)}, report.baseline)),
            }
            for route, (requests, cost) in sorted(new.items())
        ],
    }


def _waste(routes: Mapping[Parts, Sums]) -> list[dict[str, Any]]:
    by_route = grouped(routes.items(), lambda parts: parts[:1])
    return [
        {
            "route": row_named("route", route),
            "failedUsd": usd_text(sums.failed_nano_usd),
            "failedShare": _share(sums.failed_nano_usd, sums.nano_usd),
            "hedgeUsd": usd_text(sums.hedge_nano_usd),
            "hedgeShare": _share(sums.hedge_nano_usd, sums.nano_usd),
        }
        for (route,), sums in sorted(by_route.items())
    ]


def _share(part: int, whole: int) -> str | None:
    found = share(part, whole)
    return None if found is None else f"{found:f}"


def _text(nano: int | None) -> str | None:
    return None if nano is None else usd_text(nano)
