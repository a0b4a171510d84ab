"""How the commands ask a running proxy: over its admin listener, with errors a person can use."""

import asyncio
import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import aiohttp
import orjson
import typer
from yarl import URL

from proxy.config import ConfigError, load
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


def admin_url(admin: str | None, config: Path) -> URL:
    """Return where the admin listener is: `--admin`, else what the configuration file says.

    Exits with 2 when neither says so.
    """
    if admin is not None:
        return _given_url(admin)
    try:
        declared = load(config, os.environ)
    except ConfigError as error:
        fail(USAGE, f"{error}\nOr say where the admin listener is: --admin http://127.0.0.1:9090")
    if declared.admin is None:
        fail(USAGE, f"{config} has no admin section, so there is nothing to ask; add one.")
    return URL.build(
        scheme="http", host=_reachable(declared.admin.listen), port=declared.admin.listen.port
    )


def ask(method: str, base: URL, path: str) -> Answer:
    """Send one request and return the answer, whatever its status but 401 and 403.

    The token of `CROSSFADE_ADMIN_TOKEN` goes along when it is set. Exits with 1
    when the listener cannot be reached, does not know the token, or is none.
    """
    try:
        status, raw = asyncio.run(_ask(method, base / path))
    except (aiohttp.ClientError, OSError) as error:
        fail(FAILED, _unreachable(base, error))
    body = _object(raw)
    if body is None:
        fail(FAILED, f"What answers at {base} is not Crossfade's admin listener (HTTP {status}).")
    if status in {401, 403}:
        fail(FAILED, _not_allowed(base, status, body))
    return Answer(status, body)


def fail(code: int, text: str) -> NoReturn:
    """Print `text` as an error and leave with an exit code."""
    print(f"crossfade: {text}", file=sys.stderr)
    raise typer.Exit(code)


async def _ask(method: str, url: URL) -> tuple[int, bytes]:
    token = os.environ.get(TOKEN_VARIABLE, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, headers=headers, allow_redirects=False) as response,
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


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _unreachable(base: URL, error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer from {base} within {PATIENCE_SECONDS:g} seconds."
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
