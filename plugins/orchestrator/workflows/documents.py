"""Workflows as text and back, and the little that is kept beside it: the same in every store."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from proxy.api import StoreError

from .record import Workflow

__all__ = ["Reading", "costs_of", "day_of", "stored_as"]

_DAY = 86_400
_TOLD_MOST = 1_000


def stored_as(workflow: Workflow, version: int) -> str:
    """Return the workflow as JSON, as it is stored: as this version."""
    return workflow.model_copy(update={"version": version}).model_dump_json()


def costs_of(workflow: Workflow) -> Mapping[str, tuple[int, int]]:
    """Return tokens and nano-USD of the attempts that have ended, by provider."""
    costs: dict[str, tuple[int, int]] = {}
    for attempt in workflow.attempts:
        if attempt.state != "begun":
            tokens, nano_usd = costs.get(attempt.kind, (0, 0))
            costs[attempt.kind] = (tokens + attempt.usage.total, nano_usd + (attempt.nano_usd or 0))
    return costs


def day_of(number: int) -> str:
    """Return the day that is so many days after the first of 1970: ``2026-11-23``."""
    return datetime.fromtimestamp(number * _DAY, UTC).strftime("%Y-%m-%d")


class Reading:
    """Reads documents. Fields that are not known, since a newer version wrote them, are left out.

    One that cannot be read fails who asks for it alone; in a list it is left out, and logged
    once.
    """

    def __init__(self, url: str, log: FilteringBoundLogger) -> None:
        """`url` names the store."""
        self._url = url
        self._log = log
        self._told: OrderedDict[str, None] = OrderedDict()

    def one(self, workflow_id: str, text: str) -> Workflow:
        """Return a workflow. Raises StoreError."""
        try:
            return Workflow.model_validate_json(text, extra="ignore")
        except (ValidationError, ValueError) as error:
            why = _first(error)
        raise StoreError(
            f"workflow {workflow_id} of {self._url} cannot be read ({why}); run the version of "
            "Crossfade that has written it, or remove it from the store"
        )

    def all(self, rows: Iterable[tuple[str, str]], limit: int) -> tuple[Workflow, ...]:
        """Return the first `limit` of these (id, text) that can be read."""
        found: list[Workflow] = []
        for workflow_id, text in rows:
            if len(found) == limit:
                break
            try:
                found.append(self.one(workflow_id, text))
            except StoreError as error:
                self._tell(workflow_id, error)
        return tuple(found)

    def _tell(self, workflow_id: str, error: StoreError) -> None:
        if workflow_id not in self._told:
            self._log.error("workflow_unreadable", workflow_id=workflow_id, reason=str(error))
            self._told[workflow_id] = None
            if len(self._told) > _TOLD_MOST:
                self._told.popitem(last=False)


def _first(error: ValueError) -> str:
    """What is wrong first of all, without what stands there: it is a user's."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['type']}"
