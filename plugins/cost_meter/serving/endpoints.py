"""The costs API: who may ask what, and what is answered where."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from proxy.api import EndpointRouter, Reply, Request, Services, StoreError
from proxy.api.documents import document_reply
from proxy.api.endpoints import every_method

from .callers import caller_of
from .declining import DeclinedError, no_method, store_fails, too_many
from .foreseeing import Ahead
from .looking import Looking
from .openapi import document
from .paths import ALERTS, BREAKDOWN, FORECAST, OPENAPI, OPTIMIZATION, STATS, THRESHOLDS
from .telling import Telling
from .wanting import Wanting

__all__ = ["AT_ONCE", "Endpoints"]

AT_ONCE = 8
"""So many requests of one caller are answered at once: each may take a while of the ledger."""

_HEADERS = "Content-Type, Authorization, Idempotency-Key"
"""What browsers may send from pages of other origins."""

_Answers = Callable[[Request, bytes], Awaitable[Reply]]


class Endpoints:
    """What is answered to clients beside the routes."""

    def __init__(
        self,
        looking: Looking,
        ahead: Ahead,
        telling: Telling,
        wanting: Wanting,
        services: Services,
    ) -> None:
        self._looking = looking
        self._ahead = ahead
        self._telling = telling
        self._wanting = wanting
        self._services = services
        self._under_way = Counter[str]()

    def offer(self, router: EndpointRouter) -> None:
        """Say what is answered, to every method on these paths."""
        telling, wanting = self._telling, self._wanting
        answers: dict[str, dict[str, _Answers]] = {
            BREAKDOWN: {"GET": self._looking.breakdown},
            STATS: {"GET": self._looking.stats},
            FORECAST: {"GET": self._ahead.forecast},
            OPTIMIZATION: {"GET": self._ahead.optimization, "POST": self._ahead.apply},
            ALERTS: {
                "GET": telling.alerts,
                "POST": telling.raise_alert,
                "PUT": telling.acknowledge,
            },
            THRESHOLDS: {
                "GET": wanting.thresholds,
                "POST": wanting.add_threshold,
                "PUT": wanting.change_threshold,
                "DELETE": wanting.delete_threshold,
            },
            OPENAPI: {"GET": _document},
        }
        for path, by_method in answers.items():
            bounded = {
                method: partial(
                    self._declining, answer if path == OPENAPI else partial(self._in_turn, answer)
                )
                for method, answer in by_method.items()
            }
            for method, handler in every_method(bounded, _refused, _HEADERS).items():
                router.add(method, path, handler)

    async def _declining(self, answer: _Answers, request: Request, body: bytes) -> Reply:
        try:
            return await answer(request, body)
        except DeclinedError as declined:
            return declined.reply
        except StoreError as error:
            self._services.log.error("cost_store_failed", error=str(error))
            return store_fails().reply

    async def _in_turn(self, answer: _Answers, request: Request, body: bytes) -> Reply:
        caller = (await caller_of(request)).id
        if self._under_way[caller] >= AT_ONCE:
            raise too_many(AT_ONCE)
        self._under_way[caller] += 1
        try:
            return await answer(request, body)
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]


def _refused(allow: str) -> Reply:
    return no_method(allow).reply


async def _document(_: Request, __: bytes) -> Reply:
    return document_reply(document())
