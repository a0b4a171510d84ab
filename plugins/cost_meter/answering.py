"""What operators are told who ask for something that cannot be done."""

from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from proxy.api import Reply, Request, StoreError, problem_reply
from proxy.api.endpoints import problems_of

__all__ = ["Answering", "Answers", "NotDoneError"]

Answers = Callable[[Request, bytes], Awaitable[Reply]]


class NotDoneError(Exception):
    """It was not done, and all is as it was; the text says why."""

    def __init__(self, status: int, says: str) -> None:
        """`status` is that of the answer, such as 404 or 409."""
        super().__init__(says)
        self.status = status


class Answering:
    """Answers, and says in words what is wrong with a request or with a store."""

    def __init__(self, answer: Answers) -> None:
        self._answer = answer

    async def __call__(self, request: Request, body: bytes) -> Reply:
        """Answer."""
        try:
            return await self._answer(request, body)
        except NotDoneError as error:
            return problem_reply(error.status, str(error))
        except ValidationError as error:
            return problem_reply(400, "; ".join(problems_of(error)))
        except ValueError as error:
            return problem_reply(400, str(error))
        except StoreError as error:
            return problem_reply(503, f"The ledger of costs does not answer: {error}")
