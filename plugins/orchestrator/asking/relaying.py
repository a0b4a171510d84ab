"""A stream that has begun to be passed on: from here on nobody else can be asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

from ..deciding.calls import Answer, Failure, FailureClass
from ..deciding.deployment import Deployment
from ..deciding.tasks import Answered
from ..providers.streaming import ProviderStream
from ..workflows.record import Attempt
from .attempting import Attempting

__all__ = ["StreamAnswered"]


class StreamAnswered:
    """A stream with its first content; see `Runner.stream`."""

    def __init__(
        self,
        deployment: Deployment,
        stream: ProviderStream,
        attempting: Attempting,
        closing: AsyncExitStack,
        attempts: Callable[[], tuple[Attempt, ...]],
    ) -> None:
        """`closing` closes the connection; `attempts` returns all of the chain."""
        self.deployment = deployment
        self.first = stream.first
        """All bytes up to and including the first event with content."""
        self._stream = stream
        self._attempting = attempting
        self._closing = closing
        self._attempts = attempts
        self._begun = asyncio.get_running_loop().time() - stream.first_byte

    @property
    def drains(self) -> bool:
        """Whether it is to be read to its end though nobody listens any more."""
        return self.deployment.at.on_leave == "drain"

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts of the chain, as they stand."""
        return self._attempts()

    def parts(self) -> AsyncIterator[bytes]:
        """Return what follows `first`, whole events. Raises CallFailedError where it broke off.

        An iteration that is cancelled loses nothing, and can be gone on with.
        """
        return self._stream.parts()

    def answered(self) -> Answered:
        """Return the answer as a whole, when all parts have been read."""
        return Answered(self._answer(), self.deployment, self._attempts())

    async def close(self) -> None:
        """Close the connection, and have the attempt end as it did."""
        try:
            await self._closing.aclose()
        finally:
            failure = self._stream.failure
            if self._stream.whole:
                await self._attempting.answered(self._answer())
            elif failure is not None:
                await self._attempting.failed(failure)
            else:
                says = "it was left before its end"
                left = Failure(
                    FailureClass.CANCELLED,
                    says,
                    usage=self._stream.usage,
                    uncertain=True,
                    provider_id=self._stream.provider_id,
                    tier=self._stream.tier,
                )
                await self._attempting.given_up(left)

    def _answer(self) -> Answer:
        stream = self._stream
        return Answer(
            content=stream.content,
            document=None,
            finish_reason=stream.finish_reason,
            model=stream.model,
            usage=stream.usage,
            provider_id=stream.provider_id,
            first_byte=stream.first_byte,
            seconds=asyncio.get_running_loop().time() - self._begun,
            tier=stream.tier,
            doubt=stream.doubt,
        )
