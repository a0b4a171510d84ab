"""How the commands ask a running proxy: over its admin listener, with errors a person can use."""

import asyncio
import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import orjson
import typer
from yarl import URL

from proxy.config import ConfigError, load_admin
from proxy.settings.values import Address

TOKEN_VARIABLE = "CROSSFADE_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with the token that is sent."""

PATIENCE_SECONDS = 30.0
"""Longest wait for an answer."""

FAILED = 1
"""Exit code: the proxy cannot be reached, or it does not do what was asked."""

USAGE = 2
"""Exit code: bad usage or configuration."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the admin listener said: HTTP status and the JSON object of the body."""

    status: int
    body: dict[str, Any]


class UnreachableError(Exception):
    """The admin listener cannot be reached, or what answers is none; the text says which."""


def admin_url(admin: str | None, config: Path) -> URL:
    """Return where the admin listener is: `--admin`, else what the configuration file says.

    Exits with 2 when neither says so.
    """
    if admin is not None:
        return _given_url(admin)
    try:
        declared = load_admin(config, os.environ)
    except ConfigError as error:
        fail(USAGE, f"{error}\nOr say where the admin listener is: --admin http://127.0.0.1:9090")
    if declared is None:
        fail(USAGE, f"{config} has no admin section, so there is nothing to ask; add one.")
    return URL.build(scheme="http", host=_reachable(declared.listen), port=declared.listen.port)


def ask(
    method: str,
    base: URL,
    path: str,
    *,
    body: object = None,
    expect: int | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Answer:
    """Send one request and return the answer, whatever its status but 401 and 403.

    The token of `CROSSFADE_ADMIN_TOKEN` goes along when it is set; `body` goes as
    JSON unless it is None; `patience` in seconds. Exits with 1 when the listener
    cannot be reached, does not know the token, is none, or, with `expect`, answers
    with another status.
    """
    try:
        answer = attempt(method, base, path, body=body, patience=patience)
    except UnreachableError as error:
        fail(FAILED, str(error))
    if expect is not None and answer.status != expect:
        fail(FAILED, f"{base} answered {answer.status}: {told(answer.body)}")
    return answer


def attempt(
    method: str,
    base: URL,
    path: str,
    *,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Answer:
    """Send one request as `ask` does, but raise UnreachableError where nobody answers.

    `headers` go along with those that every request has. Exits with 1 when the token
    is not known or its role is too low: asking again would not help.
    """
    status, raw = _exchange(method, base, path, body, patience, headers)
    found = _json(raw)
    if not isinstance(found, dict):
        raise UnreachableError(
            f"What answers at {base} is not Crossfade's admin listener (HTTP {status})."
        )
    if status in {401, 403}:
        fail(FAILED, _not_allowed(base, status, found))
    return Answer(status, found)


def ask_plugin(method: str, base: URL, path: str, body: object = None) -> Any:
    """Send one request to a plugin and return the JSON of its answer, None for an empty one.

    Exits with 1 when it cannot be reached, refuses, fails, or answers without JSON.
    """
    try:
        status, raw = _exchange(method, base, path, body, PATIENCE_SECONDS)
    except UnreachableError as error:
        fail(FAILED, str(error))
    found = _json(raw)
    if status >= 400:
        said = found if isinstance(found, dict) else {}
        refused = _not_allowed(base, status, said) if status in {401, 403} else told(said)
        fail(FAILED, refused or f"{base} answered {status} to {method} {path}.")
    if found is None and raw not in {b"", b"null"}:
        fail(FAILED, f"{base} answered {method} {path} with something that is no JSON.")
    return found


def fail(code: int, text: str) -> NoReturn:
    """Print `text` as an error and leave with an exit code."""
    print(f"crossfade: {text}", file=sys.stderr)
    raise typer.Exit(code)


def told(body: Mapping[str, Any]) -> str:
    """Return what an error answer says: its detail, and its hint about what to do."""
    return f"{body.get('detail', '')} {body.get('hint', '')}".strip()


def _exchange(
    method: str,
    base: URL,
    path: str,
    body: object,
    patience: float,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    url = base.join(URL("/" + path.lstrip("/")))
    try:
        return asyncio.run(_ask(method, url, body, patience, headers or {}))
    except (aiohttp.ClientError, OSError) as error:
        raise UnreachableError(_unreachable(base, error, patience)) from None


async def _ask(
    method: str, url: URL, body: object, patience: float, more: Mapping[str, str]
) -> tuple[int, bytes]:
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = {**more, **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None
    if body is not None:
        data = orjson.dumps(body)
        headers["Content-Type"] = "application/json"
    timeout = aiohttp.ClientTimeout(total=patience)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, headers=headers, data=data, allow_redirects=False) as response,
    ):
        return response.status, await response.read()


def _given_url(text: str) -> URL:
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host or url.user is not None:
        fail(USAGE, "--admin wants an address or a URL, such as http://127.0.0.1:9090")
    return url.origin()


def _reachable(listen: Address) -> str:
    try:
        address = ipaddress.ip_address(listen.host)
    except ValueError:
        return listen.host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return listen.host


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _unreachable(base: URL, error: Exception, patience: float) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer from {base} within {patience:g} seconds."
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            f"Nothing answers at {base} ({error.os_error.strerror or 'no connection'}).\n"
            "Is the proxy running, and is this its admin.listen? Start it with `crossfade serve`,"
            " or name another address with --admin."
        )
    return f"Talking to {base} failed: {type(error).__name__}."


def _not_allowed(base: URL, status: int, body: dict[str, Any]) -> str:
    said = f"{base} refused: {body.get('detail', 'no reason given')}"
    if status == 401:
        state = "is not one it knows" if os.environ.get(TOKEN_VARIABLE) else "is not set"
        return f"{said}\nThe token is taken from {TOKEN_VARIABLE}, which {state}."
    return f"{said}\n{body.get('hint', '')}"
