"""The `state` key: the store that keeps what is learned about rollouts.

Read into one spelling that the stores take: `memory://`, `sqlite:///absolute/path`, or
`redis://[user:password@]host:port/db[?prefix=...&copy=/path]` (`rediss` with TLS), user, password
and path percent-encoded. No message holds the text, since it may have a password in it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from proxy.settings import fields, values
from proxy.settings.values import UnfitError

__all__ = ["IN_MEMORY", "STATE", "anchored", "state_url"]

IN_MEMORY = "memory://"
"""The store that forgets everything with the process."""

_SQLITE = "sqlite:"
_A_STORE = "memory://, sqlite:path, sqlite:///path or redis://host:6379/0"
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SAFE = "!$&'()*+,;=-._~"
_COPY = re.compile(r"(?<=[?&]copy=)[^/&][^&]*")
_OPTION = re.compile(r"[?&](?:prefix|copy)=")
_PERCENT = re.compile(r"(%[0-9A-Fa-f]{2})")


def anchored(text: str, folder: Path) -> str:
    """Return the URL with a path that is relative made absolute.

    That is the one of SQLite (`sqlite:name.db`), and the one after `copy=`.
    """
    if "\0" in text:
        return text
    path = text.removeprefix(_SQLITE)
    if path != text and path and not path.startswith("//"):
        return f"{_SQLITE}//{(folder / path).absolute()}"
    before, at, place = text.rpartition("@")
    place = _COPY.sub(lambda found: str((folder / found[0]).absolute()), place)
    return f"{before}{at}{place}" if text.startswith("redis") else text


def state_url(text: str) -> str:
    """Read the URL of a store; raises `UnfitError`."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise UnfitError(_A_STORE, "begin with memory://, sqlite: or redis://")
    if scheme == "memory":
        if rest:
            raise UnfitError("memory:// with nothing behind it")
        return IN_MEMORY
    if scheme == "sqlite":
        return f"sqlite://{_path(rest)}"
    if scheme in ("redis", "rediss"):
        return f"{scheme}://{_redis(rest)}"
    raise UnfitError(_A_STORE, "the stores are memory, sqlite, redis and rediss (TLS)")


def _path(path: str) -> str:
    wanted = "an absolute path after sqlite://, such as sqlite:///var/crossfade.db"
    if not path.startswith("/"):
        hint = "write sqlite:crossfade.db for a path from the folder of the configuration file"
        raise UnfitError(wanted, hint)
    if path.endswith("/") or "\0" in path or "?" in path or "#" in path:
        raise UnfitError(wanted, "name a file; ? and # cannot be in its path")
    return path


def _redis(rest: str) -> str:
    wanted = "a store such as redis://127.0.0.1:6379/0 or redis://:${REDIS_PASSWORD}@host:6379/0"
    login, at, place = rest.rpartition("@")
    if _OPTION.search(login):
        raise UnfitError(wanted, "write an @ behind the ? as %40")
    place, question, query = place.partition("?")
    authority, _, database = place.partition("/")
    if authority.endswith("]") or ":" not in authority:
        authority = f"{authority}:6379"
    try:
        address = values.address(authority)
    except UnfitError:
        address = None
    if address is None or address.port == 0 or (database and not _number(database)):
        hint = "a host, then : and its port (6379 if left out), then / and a database's number"
        raise UnfitError(wanted, hint)
    options = "&".join(_options(query)) if question else ""
    return f"{_login(login)}{at}{address}/{int(database or 0)}{question}{options}"


def _options(query: str) -> Iterator[str]:
    """What stands behind the question mark, each option once."""
    wanted = "?prefix=name, ?copy=/path, or ?prefix=name&copy=/path behind the database's number"
    seen = set()
    for option in query.split("&"):
        name, _, value = option.partition("=")
        if name in seen or name not in ("prefix", "copy"):
            raise UnfitError(wanted, "there are no other options, and each stands there once")
        seen.add(name)
        if name == "prefix" and not _PREFIX.fullmatch(value):
            raise UnfitError(wanted, "the prefix has 1 to 64 letters, digits and .:_-")
        if name == "copy" and (value.endswith("/") or not value.startswith("/")):
            raise UnfitError(wanted, "the copy is a file")
        yield f"{name}={_encoded(value, '/-._~')}" if name == "copy" else option


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _login(login: str) -> str:
    """The user and the password, with what would end them percent-encoded."""
    return ":".join(_encoded(part, _SAFE) for part in login.split(":", 1))


def _encoded(text: str, safe: str) -> str:
    """The text with all but letters, digits and `safe` as %XX; what is written so stays."""
    return "".join(
        piece if _PERCENT.fullmatch(piece) else quote(piece, safe) for piece in _PERCENT.split(text)
    )


STATE = fields.Reads(
    fields.text(_A_STORE, state_url).parse, "a store such as memory://", "`memory`, `sqlite`, "
    "`redis`, `rediss`", hidden=True,
)  # fmt: skip
"""How the key is read; never shown, since a URL of Redis may hold a password."""
