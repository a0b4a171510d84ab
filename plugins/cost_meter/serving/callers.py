"""Who is calling."""

from proxy.api import Caller, Request

from .declining import unauthenticated

__all__ = ["caller_of"]


async def caller_of(request: Request) -> Caller:
    """Return who is calling. Raises DeclinedError where nobody vouches for them."""
    caller = await request.caller()
    if caller is None:
        raise unauthenticated()
    return caller
