"""Every hook that a plugin can have: what it is given, when it is called, what it may do.

A hook's name tells its rights: an imperative may decide, a past participle may only
watch. Mark a method with `hook`; it may take any of the arguments shown here, by their
names, and leave out those that it does not need.

This file is the reference: the page that users read is made of these docstrings.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeVar

import pluggy

from proxy.api.events import Alert, Move, Note, Outcome
from proxy.api.judging import Question, Verdict
from proxy.api.reply import Reply, ReplyHead
from proxy.api.request import Body, Outgoing, Request
from proxy.api.services import AdminRouter, Commands, EndpointRouter, Services
from proxy.api.spending import PlannedSpend, SettledSpend, SpendAnswer

__all__ = ["HOOKS", "PROJECT", "Colour", "Hook", "OnFault", "Scope", "hook", "is_marked"]

PROJECT = "crossfade"
"""The name under which pluggy keeps the marks."""

Scope = Literal["use", "application", "both"]
"""Which class of a plugin has the hook: `Use`, `Application`, or either."""

Colour = Literal["def", "async def", "either"]
"""Whether the hook is a plain function or a coroutine function."""

OnFault = Literal["skip", "refuse", "legacy", "stop"]
"""What a fault of the hook means for the request, unless the use says otherwise.

`skip`: go on as if the hook were not there. `refuse`: answer with an error. `legacy`: go
to legacy. `stop`: there is no request; what the docstring says.
"""


class Hook(NamedTuple):
    """What is known of a hook besides its signature and docstring."""

    name: str
    scope: Scope
    colour: Colour
    on_fault: OnFault
    function: Callable[..., Any]


HOOKS: dict[str, Hook] = {}
"""All hooks by name, in the order of a request's life."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_implements = pluggy.HookimplMarker(PROJECT)
_specifies = pluggy.HookspecMarker(PROJECT)


def hook(function: _Function) -> _Function:
    """Mark a method of a plugin as the hook that it is called like."""
    return _implements(function)


def is_marked(function: object) -> bool:
    """Tell whether `hook` has marked a function."""
    return hasattr(function, f"{PROJECT}_impl")


def _hook(
    scope: Scope, colour: Colour, on_fault: OnFault = "stop"
) -> Callable[[_Function], _Function]:
    def declare(function: _Function) -> _Function:
        HOOKS[function.__name__] = Hook(function.__name__, scope, colour, on_fault, function)
        return _specifies(function)

    return declare


# The life of a request, in order. These hooks belong to a use.


@_hook("use", "either", "refuse")
def admit(request: Request) -> Reply | Awaitable[Reply | None] | None:
    """Let a request in, or answer it at once.

    Called before the decision, in the order of the route's plugins; the first answer
    is sent and nobody else is asked. May be a coroutine function where it has to
    wait: that costs every request of the route a task (about 20 µs). A plain one may
    return a coroutine for those requests alone for which it has to wait. The request's
    body is not there and is not read.
    """


@_hook("use", "def", "legacy")
def assign(request: Request, arms: tuple[str, ...]) -> str | None:
    """Pin the request to one of `arms`, or leave it to the rollout.

    Called inside the decision: after kill, hold and blacklist, before whitelist,
    conditions and percentage; only on routes with a rollout. The first arm that is
    returned counts. Must neither wait nor do I/O. A fault sends the request to legacy.
    """


@_hook("use", "def", "skip")
def edit_request(request: Request, outgoing: Outgoing) -> None:
    """Change headers, path or query of what goes upstream.

    Called before each attempt, always on a fresh `outgoing`, in the order of the route's
    plugins. Not called where a plugin answers instead of an upstream. Framing and
    hop-by-hop headers cannot be touched. Must neither wait nor do I/O.
    """


@_hook("use", "async def", "refuse")
def rewrite_request(request: Request, body: Body) -> Body:
    """Return the request's body, and its method and path, as they shall go upstream.

    Called once, after the decision, with the whole body (empty where there is none), in
    the order of the route's plugins; where a plugin answers instead of an upstream it is
    given the data. It makes the route a buffered one: bodies above `limits.buffered_body`
    are refused with 413. May raise `Unserved`: legacy answers then.
    """


@_hook("use", "async def", "refuse")
def dispatch(request: Request, body: bytes) -> Reply:
    """Answer the request instead of an upstream.

    Called where a route or an arm names the plugin as its destination, with the whole
    body as `rewrite_request` left it. May answer as a stream. Cancelled when the client
    leaves or the arm's `timeout` is over (`request.time_limit`). May raise `Unserved`:
    legacy answers then.
    """


@_hook("use", "async def", "refuse")
def rewrite_response(request: Request, reply: Reply) -> Reply:
    """Return the whole answer as the client shall get it.

    Called with the whole body, in reverse order of the route's plugins, for answers of
    upstreams and of plugins; not for answers without a body, not for streams of plugins, and
    not for errors of the proxy's own. The upstream is asked for a
    body without content coding, and not for ranges. Answers above
    `limits.buffered_body` are refused with 502.
    """


@_hook("use", "def", "skip")
def edit_response(request: Request, reply: ReplyHead) -> None:
    """Change status or headers of an answer before its first byte goes out.

    Called in reverse order of the route's plugins, for answers of upstreams and of
    plugins; not for errors of the proxy's own. Framing and body cannot be touched.
    Must neither wait nor do I/O.
    """


@_hook("both", "def", "skip")
def finished(request: Request, outcome: Outcome) -> None:
    """Note that a request is over.

    Called always and exactly once, whatever happened, when the last byte is out. In a
    `Use` for the requests of its route, in an `Application` for every request. Must
    neither wait nor do I/O: count, or hand to a queue.
    """


# The life of the process. These hooks belong to the application.


@_hook("application", "async def")
def startup(services: Services) -> None:
    """Open what the plugin needs, before its first request.

    Called before the generation that wants it serves. What it raises, or not being ready
    within ten seconds, refuses the configuration: the one before goes on serving.
    """


@_hook("application", "async def")
def shutdown() -> None:
    """Close what `startup` opened.

    Called when the last request that could use the plugin is over; background tasks are
    cancelled afterwards. Also called after a `startup` that failed. Gets five
    seconds. A fault is logged.
    """


@_hook("application", "def")
def provide_endpoints(router: EndpointRouter) -> None:
    """Say what the plugin itself answers to clients.

    Called with each new generation, before it serves. The endpoints come before all
    routes of the configuration.
    """


@_hook("application", "def")
def provide_admin(router: AdminRouter) -> None:
    """Say what the plugin answers on the admin listener, below ``/plugins/<name>``.

    Called with each new generation, before it serves.
    """


@_hook("application", "def")
def provide_commands(cli: Commands) -> None:
    """Say what the plugin adds to the command line, as ``crossfade <plugin> <command>``.

    Called in the process of the command, on an instance that was never started.
    """


@_hook("application", "async def")
def migrate(services: Services, dry_run: bool) -> tuple[str, ...]:  # noqa: FBT001 (a hook)
    """Create or upgrade the tables that the plugin keeps things in; return what was done.

    Called by ``crossfade migrate``, in the process of the command, on an instance that is
    never started; with `dry_run` nothing is changed, and what would be done is returned. Each text
    is one sentence; none where all is as it should be. Must lose nothing, and change nothing when
    it runs again, or in two processes at once. Has five minutes. Raise what an operator can read.
    """


@_hook("application", "def")
def health() -> str:
    """Return what is wrong in a sentence, or an empty text when all is well.

    Called when somebody looks at the status. Must neither wait nor do I/O.
    """


@_hook("application", "async def")
def explain(request_id: str) -> tuple[Note, ...]:
    """Return what the plugin knows of how a request was answered, for ``crossfade why``.

    Called when an operator asks; nothing where it knows nothing. Has two seconds, and may
    look into its store.
    """


@_hook("application", "def")
def judge(question: Question) -> Verdict | None:
    """Say how a rollout's new arm does; None where the plugin has no opinion.

    Called each second for every rollout that has callers on new, by the one replica that
    leads; also by every replica for itself while the shared store is lost. Must neither
    wait nor do I/O. The worst verdict of all judges counts; a fault holds the ramp.
    """


@_hook("application", "def")
def rollout_moved(move: Move) -> None:
    """Note that a rollout has changed who goes where.

    Called after the change has taken effect. Must neither wait nor do I/O.
    """


@_hook("application", "def")
def alert_raised(alert: Alert) -> None:
    """Note something that a person should know of.

    Called once for each alert. Must neither wait nor do I/O: hand it to a background
    task to send it somewhere.
    """


# The life of an attempt: a call to a provider that is paid for. Whoever makes such calls tells
# of them by `Services.plan_spend` and `Services.settle_spend`.


@_hook("application", "async def")
def spend_planned(attempt: PlannedSpend) -> SpendAnswer | None:
    """Allow or refuse a call to a provider that is about to be sent; None allows it.

    Called before each attempt, in the order of the configuration; the first refusal counts
    and nobody else is asked. Whoever has allowed an attempt hears of its end by `spend_settled`,
    also if somebody else has refused it then. The attempt waits for it. A fault refuses
    the attempt, and so does a quarantine: nothing is spent that nobody has metered.
    """


@_hook("application", "def")
def spend_settled(entry: SettledSpend) -> None:
    """Note what a call to a provider has used.

    Called exactly once for each attempt that `spend_planned` has allowed, whatever became
    of it. Must neither wait nor do I/O: count, or hand to a queue.
    """
