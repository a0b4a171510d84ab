"""What operators can see and do, on the admin listener."""

from collections.abc import Iterable
from typing import Any, get_args
from urllib.parse import parse_qsl

from pydantic import ValidationError

from proxy.api import Reply, Request, Settings, json_reply, problem_reply
from proxy.api.endpoints import count_of
from proxy.api.workflows import WorkflowStatus

from ..asking.running import MODES, Runner
from .service import OfferedWorkflows

__all__ = ["Operating"]

_STATUSES = get_args(WorkflowStatus)
_LISTED_MOST = 100
_NAMED_MOST = 20


class _Forced(Settings):
    deployment: str
    mode: str


class Operating:
    """The answers on the admin listener, below ``/plugins/orchestrator``."""

    def __init__(self, runner: Runner, workflows: OfferedWorkflows) -> None:
        self._runner = runner
        self._workflows = workflows

    async def deployments(self, _: Request, __: bytes) -> Reply:
        """List the deployments and how they stand."""
        return json_reply({"deployments": [one._asdict() for one in self._runner.standing()]})

    async def force(self, _: Request, body: bytes) -> Reply:
        """Force a deployment's breaker, or let it decide by itself again."""
        known = [one.deployment for one in self._runner.standing()]
        try:
            wanted = _Forced.model_validate_json(body)
        except ValidationError:
            return problem_reply(400, 'Send {"deployment": "…", "mode": "…"}.', modes=MODES)
        if wanted.deployment not in known:
            return _none_such(404, "deployment", known)
        if wanted.mode not in MODES:
            return _none_such(400, "mode", MODES)
        self._runner.force(wanted.deployment, wanted.mode)
        return await self.deployments(_, b"")

    async def workflows(self, request: Request, _: bytes) -> Reply:
        """List workflows, or show one."""
        asked = dict(parse_qsl(request.query))
        if "id" in asked:
            found = await self._workflows.find(asked["id"])
            if found is None:
                return problem_reply(404, "There is no workflow of this id (any more).")
            return _json([found.model_dump(mode="json", by_alias=True)])
        status, limit = asked.get("status"), asked.get("limit", "20")
        if status is not None and status not in _STATUSES:
            return _none_such(400, "status", _STATUSES)
        try:
            most = count_of(limit, _LISTED_MOST)
        except ValueError as error:
            return problem_reply(400, f"limit is {error}.")
        listed = await self._workflows.list(user_id=None, status=status, limit=most)
        return _json([one.model_dump(mode="json", by_alias=True) for one in listed])


def _none_such(status: int, what: str, known: Iterable[str]) -> Reply:
    names = list(known)
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    return problem_reply(
        status, f"There is no such {what}; wanted one of {', '.join(names[:_NAMED_MOST])}{more}."
    )


def _json(workflows: list[dict[str, Any]]) -> Reply:
    return json_reply({"workflows": workflows})
