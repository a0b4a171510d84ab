"""The files that a configuration names: certificates, keys, trusted authorities.

They are opened while the configuration is checked, so that a wrong one is a
problem of the file and not of the first handshake.
"""

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from proxy.config.state import anchored
from proxy.config.tree import Tree
from proxy.settings.problems import Finding, Loc

_MAX_BYTES = 1024 * 1024
_A_CERT = "a certificate chain and its private key, both PEM"
_A_PUBLIC_KEY = "an RSA public key, PEM"


def anchor(tree: Tree, folder: Path) -> None:
    """Make the relative paths in the tree relative to the folder of the configuration file."""
    for loc in _locations(tree):
        text = tree.string(*loc)
        if text:
            tree.mapping(*loc[:-1])[str(loc[-1])] = _anchored(text, folder)
    store = tree.string("state")
    if store:
        tree.mapping()["state"] = anchored(store, folder)
    plugins = tree.mapping("plugins")
    path = plugins.get("path")
    folders = [path] if isinstance(path, str) else path
    if isinstance(folders, list):
        plugins["path"] = [_anchored(item, folder) for item in folders]


def _anchored(path: object, folder: Path) -> object:
    """What the models refuse is left as it is."""
    if not isinstance(path, str) or not path or "\0" in path:
        return path
    return str((folder / path).absolute())


def named(tree: Tree) -> Iterator[Path]:
    """The files that are named."""
    return (Path(text) for loc in _locations(tree) if (text := tree.string(*loc)))


def fingerprint(file: Path) -> bytes:
    """A digest of the file's content; empty if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return b""


def check(tree: Tree) -> Iterator[Finding]:
    """Every file must be there and be what it should be."""
    broken: set[Loc] = set()
    for loc in _locations(tree):
        trouble = _trouble(tree.string(*loc) or "")
        if trouble:
            broken.add(loc)
            yield Finding(loc, "a file that can be read", trouble)
    for loc in _certificates(tree):
        if not broken & {(*loc, "cert"), (*loc, "key")}:
            yield from _check_pair(tree, loc)
    for loc in _authorities(tree):
        if loc not in broken:
            yield from _check_authorities(tree, loc)
    yield from _check_public_key(tree, broken)


def _certificates(tree: Tree) -> Iterator[Loc]:
    """The `tls` mappings that hold a certificate."""
    candidates: list[Loc] = [("tls",), ("listen", "tls")]
    candidates += [("listen", i, "tls") for i in range(len(tree.sequence("listen")))]
    return (loc for loc in candidates if tree.mapping(*loc))


def _authorities(tree: Tree) -> Iterator[Loc]:
    candidates: Iterator[Loc] = (
        ("upstreams", name, "tls", "ca") for name in tree.mapping("upstreams")
    )
    return (loc for loc in candidates if tree.string(*loc))


def _locations(tree: Tree) -> Iterator[Loc]:
    """The places of all file names."""
    for loc in _certificates(tree):
        for key in ("cert", "key"):
            if tree.string(*loc, key):
                yield (*loc, key)
    yield from _authorities(tree)
    if tree.string("identity", "jwt", "public_key_file"):
        yield ("identity", "jwt", "public_key_file")


def _trouble(text: str) -> str:
    """Why the file cannot be read, or nothing."""
    if "\0" in text or len(text) > 4096:
        return ""  # the models say it better
    path = Path(text)
    try:
        if not path.is_file():
            return f"{'it is not a file' if path.exists() else 'there is no such file'}"
        with path.open("rb") as file:
            return "it is larger than 1 MiB" if len(file.read(_MAX_BYTES + 1)) > _MAX_BYTES else ""
    except OSError as error:
        return (error.strerror or "it cannot be read").lower()


def _check_pair(tree: Tree, loc: Loc) -> Iterator[Finding]:
    cert, key = tree.string(*loc, "cert"), tree.string(*loc, "key")
    if not cert or not key:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        yield Finding(loc, _A_CERT, _ssl_hint(error), "a pair that does not load")


def _ssl_hint(error: Exception) -> str:
    reason = getattr(error, "reason", None) or ""
    if reason == "KEY_VALUES_MISMATCH":
        return "the private key belongs to another certificate"
    if reason in ("BAD_PASSWORD_READ", "BAD_DECRYPT"):
        return "the private key has a passphrase; store it without one"
    return f"OpenSSL says {reason.replace('_', ' ').lower()}" if reason else "is it PEM?"


def _check_authorities(tree: Tree, loc: Loc) -> Iterator[Finding]:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=tree.string(*loc))
    except (OSError, ValueError) as error:
        yield Finding(loc, "trusted certificates, PEM", _ssl_hint(error))


def _check_public_key(tree: Tree, broken: set[Loc]) -> Iterator[Finding]:
    text = tree.string("identity", "jwt", "public_key")
    if text and not _is_public_key(text.encode()):
        yield Finding(("identity", "jwt", "public_key"), _A_PUBLIC_KEY, said="other text")
    loc: Loc = ("identity", "jwt", "public_key_file")
    path = tree.string(*loc)
    if path and loc not in broken and "\0" not in path and len(path) <= 4096:
        try:
            content = Path(path).read_bytes()
        except OSError:
            content = b""
        if not _is_public_key(content):
            yield Finding(loc, _A_PUBLIC_KEY)


def _is_public_key(pem: bytes) -> bool:
    try:
        return isinstance(load_pem_public_key(pem), RSAPublicKey)
    except Exception:  # cryptography's list of exceptions for bad input is open
        return False
