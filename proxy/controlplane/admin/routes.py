"""How a part of the admin listener says what it answers.

Each part is a module with a tuple of `AdminRoute` and a class with their handlers:

    X_ROUTES = (AdminRoute("GET", "/x/{name}", Role.VIEWER, "Says x.", "x_show"),)

    class XAnswers:
        def __init__(self, view: AdminView) -> None: ...
        async def x_show(self, request: web.Request) -> web.StreamResponse: ...

`proxy.controlplane.admin.server` joins them. The documentation and the OpenAPI document
are made of these lists, so that neither can say something else.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from proxy.controlplane.admin.auth import Caller, Refusal, Role

__all__ = [
    "CALLER",
    "AdminRoute",
    "Parameter",
    "Refusing",
    "add_routes",
    "caller_of",
    "path_names",
    "query_parameters",
]

CALLER = web.RequestKey("caller", Caller)
"""Where the gate leaves who asks."""


class Parameter(NamedTuple):
    """A value outside of the body: its `kind` is a type that pydantic can describe."""

    name: str
    place: Literal["path", "query", "header"]
    says: str
    kind: Any = str
    required: bool = False


class Refusing(NamedTuple):
    """How a protocol of somebody else's tells that something was not done, in its own JSON."""

    kind: Any
    """The type of that JSON."""
    tell: Callable[[Refusal], Mapping[str, object]]


class AdminRoute(NamedTuple):
    """One thing the admin listener answers."""

    method: str
    path: str
    """Starts with a slash; ``{name}`` stands for one piece of it."""
    needs: Role | None
    """The least role; None for everybody."""
    says: str
    """What it does, for people; Markdown without tables."""
    answer: str
    """The name of the method that answers, and the operation's name: unique."""
    tag: str = "proxy"
    """What the operation is about, to sort by."""
    body: type[BaseModel] | None = None
    """What is sent; None for nothing."""
    body_required: bool = True
    answers: Any = None
    """The type of the JSON of an answer 200; None where it is no JSON."""
    media: str = "application/json"
    """What an answer 200 is."""
    parameters: tuple[Parameter, ...] = ()
    """Queries and headers; those of the path are known by its braces, and may be described."""
    problems: tuple[int, ...] = ()
    """Statuses of problems, beside those that every route may have (401, 403, 500)."""
    others: Mapping[int, Any] = {}
    """Status -> the type of the JSON of answers that are neither 200 nor problems."""
    answer_headers: Mapping[str, str] = {}
    """Header of an answer 200 -> what it says."""
    refusing: Refusing | None = None
    """How problems are told where that is not as RFC 9457 describes them."""


def query_parameters(model: type[BaseModel]) -> tuple[Parameter, ...]:
    """Return the parameters of a query that is read as `model`."""
    return tuple(
        Parameter(
            name,
            "query",
            field.description or "",
            field.rebuild_annotation(),
            required=field.is_required(),
        )
        for name, field in model.model_fields.items()
    )


def path_names(path: str) -> tuple[str, ...]:
    """Return what the braces of a route's path are called."""
    return tuple(piece[1:-1] for piece in path.split("/") if piece.startswith("{"))


def caller_of(request: web.Request) -> Caller:
    """Return who asks. Only for a route that needs a role."""
    return request[CALLER]


def add_routes(router: web.UrlDispatcher, routes: Iterable[AdminRoute], answers: object) -> None:
    """Let the methods of `answers` answer `routes`; HEAD is answered like GET."""
    for route in routes:
        handler: Handler = getattr(answers, route.answer)
        if route.method == hdrs.METH_GET:
            router.add_get(route.path, handler)
        else:
            router.add_route(route.method, route.path, handler)
