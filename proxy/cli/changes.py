"""How the commands ask for a change of a rollout, and what they say when it is refused."""

import sys
import uuid
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import quote

from yarl import URL

from proxy.cli.admin_client import FAILED, USAGE, Answer, UnreachableError, attempt, fail
from proxy.cli.rollout_text import Rollout, headline, printable
from proxy.core.rollout_limits import MOST_REASON

__all__ = ["act", "edit", "path_of", "refusal", "rollout_of", "shown", "stated"]

_FOR_PROGRAMS = ("GET ", "Send ", "Ask as in ")
"""How a hint begins that says which request to send: of no use to who typed a command."""

_WHAT_THERE_IS = "`crossfade rollouts list` shows the rollouts with their routes."


def path_of(name: str, rest: str = "") -> str:
    """Return the path of a rollout, or of something below it."""
    return f"v1/rollouts/{quote(name, safe='')}{rest}"


def shown(base: URL, path: str) -> dict[str, Any]:
    """Return what the proxy shows at `path`. Exits with 1 when it shows nothing."""
    answer = _answer("GET", base, path)
    if answer.status != 200:
        fail(FAILED, refusal(answer))
    return answer.body


def rollout_of(base: URL, name: str) -> Rollout:
    """Return how a rollout stands. Exits with 1 when there is none or nobody answers."""
    return shown(base, path_of(name))


def stated(reason: str) -> str:
    """Return the reason of a change; a terminal is asked for one that is missing.

    Exits with 2 when there is none, or when it is too long.
    """
    if not reason.strip() and sys.stdin.isatty():
        # Not on standard output, which may be JSON for a machine.
        print("Why? (kept in the audit) ", end="", file=sys.stderr, flush=True)
        reason = sys.stdin.readline()
    if not reason.strip():
        fail(USAGE, 'say why, for the audit: --reason "what has happened"')
    if len(reason.strip()) > MOST_REASON:
        fail(USAGE, f"--reason is kept in the audit; at most {MOST_REASON} characters")
    return reason.strip()


def act(
    base: URL,
    name: str,
    action: str,
    reason: str,
    fields: Mapping[str, object] | None = None,
    *,
    version: int | None = None,
) -> Rollout:
    """Do one of a rollout's actions, with its fields, and return how it stands afterwards.

    With `version` only if the rollout still stands as it was shown then. A lost
    connection is tried once more: the idempotency key makes one change of both.
    Exits with 1 when it is refused or nobody answers.
    """
    return _change("POST", base, name, f"/{action}", {"reason": reason, **(fields or {})}, version)


def edit(
    base: URL,
    name: str,
    rest: str,
    reason: str,
    fields: Mapping[str, object],
    *,
    version: int | None = None,
) -> dict[str, Any]:
    """Change a rollout, or what is below it at `rest`, and return it; otherwise as `act`."""
    return _change("PATCH", base, name, rest, {"reason": reason, **fields}, version)


def _change(
    method: str, base: URL, name: str, rest: str, body: Mapping[str, object], version: int | None
) -> dict[str, Any]:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if version is not None:
        headers["If-Match"] = f'"{version}"'
    answer = _answer(method, base, path_of(name, rest), body=body, headers=headers, again=True)
    if answer.status == 412:
        _overtaken(base, name, answer)
    if answer.status != 200:
        fail(FAILED, refusal(answer))
    return answer.body


def _answer(method: str, base: URL, path: str, *, again: bool = False, **more: Any) -> Answer:
    try:
        return attempt(method, base, path, **more)
    except UnreachableError as first:
        if not again:
            fail(FAILED, str(first))
    try:
        return attempt(method, base, path, **more)
    except UnreachableError as error:
        fail(FAILED, f"{error}\nNothing is known to have changed: `crossfade rollouts list` tells.")


def _overtaken(base: URL, name: str, answer: Answer) -> NoReturn:
    """Say who has changed the rollout since it was shown, and how it stands now."""
    said = [f"{printable(name)} has been changed since it was shown; nothing was done."]
    latest = _latest(base, name)
    if latest is not None:
        who, action, why = (printable(latest.get(part)) for part in ("actor", "action", "reason"))
        said.append(f"  last: {action} by {who}: {why}")
    current = answer.body.get("current")
    if isinstance(current, dict) and "standing" in current and "share" in current:
        said.append(f"  now: {headline(current)}")
    said.append(f"Look at it (`crossfade rollouts show {printable(name)}`), then ask again.")
    fail(FAILED, "\n".join(said))


def _latest(base: URL, name: str) -> Mapping[str, Any] | None:
    try:
        answer = attempt("GET", base, f"v1/audit?rollout={quote(name, safe='')}&limit=1")
    except UnreachableError:
        return None
    entries = answer.body.get("entries") or [None]
    return entries[0] if answer.status == 200 else None


def refusal(answer: Answer) -> str:
    """Say what was refused and why, and on the next line what can be done."""
    detail, hint = (printable(answer.body.get(part)) for part in ("detail", "hint"))
    if hint.startswith(_FOR_PROGRAMS):
        hint = _WHAT_THERE_IS if answer.status == 404 or hint.startswith("GET") else ""
    lines = [detail or f"The proxy answered {answer.status}.", hint[:1].upper() + hint[1:]]
    return "\n".join(line for line in lines if line)
