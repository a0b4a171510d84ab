"""Advice on the admin listener, below ``/plugins/cost_meter/advice``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from proxy.api import AdminRouter, Reply, Request, Services, json_reply
from proxy.api.endpoints import query_of

from ..answering import Answering, Answers
from .advice import Advice
from .views import listed, shown

__all__ = ["AdviceAnswers"]

_Id = Annotated[str, Field(min_length=1, max_length=64)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: _Id


class _Approved(_Asked):
    share: Annotated[float, Field(gt=0, le=100)] | None = None


class AdviceAnswers:
    """The answers; what is changed is logged with who did it."""

    def __init__(self, advice: Advice, services: Services) -> None:
        self._advice = advice
        self._log = services.log

    def offer(self, router: AdminRouter) -> None:
        """Say what is answered, to whom at least."""
        offered: dict[tuple[str, str, str], Answers] = {
            ("GET", "/advice", "viewer"): self._list,
            ("GET", "/advice/one", "viewer"): self._show,
            ("POST", "/advice/look", "operator"): self._look,
            ("POST", "/advice/approve", "operator"): self._approve,
            ("POST", "/advice/undo", "operator"): self._undo,
        }
        for (method, path, role), answer in offered.items():
            router.add(method, path, Answering(answer), role=role)

    async def _list(self, _: Request, __: bytes) -> Reply:
        return json_reply(listed(await self._advice.records(), self._advice.looked))

    async def _show(self, request: Request, _: bytes) -> Reply:
        advice_id = query_of(request.query, ("id",)).get("id", "")
        return json_reply(shown(await self._advice.record(advice_id)))

    async def _look(self, _: Request, __: bytes) -> Reply:
        looked = await self._advice.look()
        await self._advice.measure()
        return json_reply(listed(await self._advice.records(), looked))

    async def _approve(self, request: Request, body: bytes) -> Reply:
        asked = _Approved.model_validate_json(body)
        by = request.key or "operator"
        record = await self._advice.approve(asked.id, by, asked.share)
        self._log.warning("advice_approved", advice=asked.id, by=by, share=record.share)
        return json_reply(shown(record))

    async def _undo(self, request: Request, body: bytes) -> Reply:
        asked = _Asked.model_validate_json(body)
        by = request.key or "operator"
        record = await self._advice.undo(asked.id, by)
        self._log.warning("advice_undone", advice=asked.id, by=by)
        return json_reply(shown(record))
