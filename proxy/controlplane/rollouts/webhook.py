"""The gate that asks an HTTP service whether the next step may be taken.

Asking happens in a task beside the loop, at most every ten seconds for each rollout. A yes is
remembered as long as the rollout stands at that gate. Where the leader changes, the next one asks
again with the same idempotency key.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from proxy.core.rollout_state import RolloutState, Webhook

__all__ = ["ASK_EVERY", "Webhooks", "client"]

ASK_EVERY = 10.0
"""Seconds between two questions."""

_LATER = frozenset([409, 425])
_ANSWER_MOST = 64 * 1024


def client() -> aiohttp.ClientSession:
    """Return a client that remembers nothing of those that it asks."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


class _Gate:
    """One rollout at one gate."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.open = False
        self.said = "it has not answered yet"
        self.asked = float("-inf")
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Webhooks:
    """See the module."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession]) -> None:
        """`session` makes the client, once it is needed."""
        self._make = session
        self._session: aiohttp.ClientSession | None = None
        self._gates: dict[str, _Gate] = {}

    def closed(
        self, state: RolloutState, webhook: Webhook, evidence: Mapping[str, Any], now: float
    ) -> str:
        """Return why the gate is closed, in words; empty when the service said yes.

        Asks if it is time to. Does not wait. `now` in Unix seconds.
        """
        gate = self._at(state)
        if gate.open:
            return ""
        idle = gate.task is None or gate.task.done()
        if idle and not 0 <= now - gate.asked < ASK_EVERY:
            gate.asked = now
            body = _body(state, evidence)
            gate.task = asyncio.create_task(self._ask(gate, webhook, body))
        return f"webhook: {gate.said}"

    async def answered(self) -> None:
        """Wait until nothing is under way."""
        tasks = [gate.task for gate in self._gates.values() if gate.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self, name: str) -> None:
        """Forget what was asked for a rollout: it stands at no gate."""
        gate = self._gates.pop(name, None)
        if gate is not None:
            gate.cancel()

    async def close(self) -> None:
        """Give up what is under way."""
        for gate in self._gates.values():
            gate.cancel()
        await self.answered()
        self._gates.clear()
        if self._session is not None:
            await self._session.close()

    def _at(self, state: RolloutState) -> _Gate:
        key = f"{state.name}-{int(state.since * 1000)}-{state.step}"
        gate = self._gates.get(state.name)
        if gate is None or gate.key != key:
            self.forget(state.name)
            gate = self._gates[state.name] = _Gate(key)
        return gate

    async def _ask(self, gate: _Gate, webhook: Webhook, body: Mapping[str, Any]) -> None:
        if self._session is None:
            self._session = self._make()
        try:
            async with self._session.post(
                webhook.url,
                json=body,
                headers={"Idempotency-Key": gate.key},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=webhook.timeout),
            ) as response:
                status = response.status
                # The answer's body says nothing; a connection is kept only where it is short.
                await response.content.read(_ANSWER_MOST)
        except TimeoutError:
            gate.said = f"no answer within {webhook.timeout:g} s; it is asked again"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The text may quote the URL, which may hold what is nobody's business.
            gate.said = f"it cannot be asked ({type(error).__name__}); it is asked again"
        else:
            gate.open = 200 <= status < 300
            gate.said = _words(status)


def _body(state: RolloutState, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the service is told; no user's id is in it."""
    return {
        "rollout": state.name,
        "step": state.step,
        "percentage": state.percentage,
        "version": state.version,
        "evidence": dict(evidence),
    }


def _words(status: int) -> str:
    if status in _LATER:
        return f"it says wait ({status}); it is asked again"
    return f"it answered {status} instead of 2xx; it is asked again"
