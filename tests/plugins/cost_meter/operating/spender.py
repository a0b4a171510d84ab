"""A plugin that calls no provider, but tells of calls as one that does: for tests."""

from collections import Counter

from proxy.api import (
    Application,
    EndpointRouter,
    PlannedSpend,
    PriceKey,
    Reply,
    Request,
    Services,
    Settings,
    SettledSpend,
    Usage,
    hook,
    json_reply,
)


class Spender(Application):
    """``POST /spend?arm=new&model=gpt-4o-mini``: one attempt of whoever is calling."""

    settings: Settings

    @hook
    async def startup(self, services: Services) -> None:
        """Begin to count."""
        self._services = services
        self._made = Counter[str]()

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Take wishes."""
        router.add("POST", "/spend", self._spend)

    async def _spend(self, request: Request, _: bytes) -> Reply:
        said = dict(part.split("=") for part in request.query.split("&"))
        caller, now = await request.caller(), self._services.now()
        self._made["all"] += 1
        planned = PlannedSpend(
            attempt_id=f"wf_{request.id}-1",
            at=now,
            until=now + 30,
            workflow_id=f"wf_{request.id}",
            request_id=request.id,
            user="" if caller is None else caller.id,
            plan="",
            route="campaigns",
            arm=said["arm"],
            intent="message_generation",
            key=PriceKey("openai", said["model"], "mini"),
            estimate=Usage(100, 0, 100),
        )
        answer = await self._services.plan_spend(planned)
        if answer.allowed:
            usage = Usage(1000, 0, 100)
            self._services.settle_spend(SettledSpend(planned, now, "answered", usage=usage))
        return json_reply({"allowed": answer.allowed})
