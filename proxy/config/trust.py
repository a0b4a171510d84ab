"""Rules about identity: what is to be verified can be, what is looked for can be found."""

from collections.abc import Iterator

from proxy.config.tree import Tree
from proxy.settings import values
from proxy.settings.problems import Finding, Loc
from proxy.settings.values import UnfitError

_JWT: Loc = ("identity", "jwt")
_KEYS = ("secret", "public_key", "public_key_file")


def check_jwt(tree: Tree) -> Iterator[Finding]:
    """The key suits the algorithms; one family only, so that no key is used for the other."""
    if not isinstance(tree.at(*_JWT), dict):
        return
    declared = {key for key, value in tree.mapping(*_JWT).items() if value is not None}
    public = declared & {"public_key", "public_key_file"}
    if len(declared & set(_KEYS)) > 1:
        said = " and ".join(key for key in _KEYS if key in declared)
        yield Finding(_JWT, f"exactly one of {', '.join(_KEYS)}", "leave one out", said)
        return
    families = _families(tree)
    if families == {"HS", "RS"}:
        said = "HS* together with RS*"
        yield Finding((*_JWT, "algorithms"), "algorithms of one family", "", said)
    elif families == {"HS"} and "secret" not in declared:
        hint = "add algorithms: [RS256]" if public else 'add secret: "${JWT_SECRET}"'
        yield Finding(_JWT, "a secret for HS256, HS384 or HS512", hint, "no secret")
    elif families == {"RS"} and not public:
        hint = "add public_key or public_key_file"
        yield Finding(_JWT, "a public key for RS256, RS384 or RS512", hint, "no public key")


def check_extractors(tree: Tree) -> Iterator[Finding]:
    """An extractor that can never yield anything is a mistake."""
    has_jwt = tree.at(*_JWT) is not None
    has_proxies = bool(tree.at("identity", "trusted_proxies"))
    for loc in _extractors(tree):
        kind = _kind(tree.string(*loc))
        if kind == "jwt" and not has_jwt:
            hint = "add identity.jwt, so that tokens can be verified"
            yield Finding(loc, "something that can be found", hint)
        if loc[1] == "key" and kind == "header" and not has_proxies:
            hint = (
                "headers count only from identity.trusted_proxies, such as [127.0.0.1/32]: add it"
            )
            yield Finding(loc, "something that can be found", hint)


def _families(tree: Tree) -> set[str]:
    if "algorithms" not in tree.mapping(*_JWT):
        return {"HS"}
    names = tree.sequence(*_JWT, "algorithms")
    return {name[:2] for name in names if isinstance(name, str) and name[:2] in ("HS", "RS")}


def _kind(text: str | None) -> str:
    try:
        return values.extractor(text).kind if text else ""
    except UnfitError:
        return ""


def _extractors(tree: Tree) -> Iterator[Loc]:
    for i in range(len(tree.sequence("identity", "key"))):
        yield ("identity", "key", i)
    for name in tree.mapping("identity", "attributes"):
        for i in range(len(tree.sequence("identity", "attributes", name))):
            yield ("identity", "attributes", name, i)
