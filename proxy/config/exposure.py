"""Rules about the listeners: no two in one place, no open admin API."""

from collections.abc import Iterator

from proxy.config.tree import Tree
from proxy.settings import values
from proxy.settings.places import where
from proxy.settings.problems import Finding, Loc
from proxy.settings.values import Address

_ANY = {"0.0.0.0", "::"}  # noqa: S104 - named, not listened on
_ADMIN: Loc = ("admin", "listen")


def check_listeners_differ(tree: Tree) -> Iterator[Finding]:
    """Two listeners in one place: the second could not start."""
    seen: list[tuple[Loc, Address]] = []
    for loc, address in _listeners(tree):
        for other, taken in seen:
            if _collide(address, taken):
                said = f"{address}, which {where(other)} already listens on"
                yield Finding(loc, "an address of its own", said=said)
                break
        seen.append((loc, address))


def check_admin_is_guarded(tree: Tree) -> Iterator[Finding]:
    """Off loopback the admin API needs a token."""
    address = _address(tree, _ADMIN)
    if address and not address.loopback and not tree.at("admin", "tokens"):
        said = f"{address}, which other machines can reach, without tokens"
        hint = (
            "listen on 127.0.0.1, or add admin.tokens: "
            '[{name: ops, role: admin, token: "${CROSSFADE_ADMIN_TOKEN}"}]'
        )
        yield Finding(_ADMIN, "a loopback address, or tokens", hint, said)


def check_tokens_differ(tree: Tree) -> Iterator[Finding]:
    """Each token has a name and a secret of its own."""
    names: dict[str, int] = {}
    secrets: dict[str, int] = {}
    for i in range(len(tree.sequence("admin", "tokens"))):
        name = tree.string("admin", "tokens", i, "name")
        if name and names.setdefault(name, i) != i:
            said = f"the name of admin.tokens[{names[name]}] again"
            yield Finding(("admin", "tokens", i, "name"), "a name of its own", said=said)
        token = tree.string("admin", "tokens", i, "token")
        if token and secrets.setdefault(token, i) != i:
            said = f"the token of admin.tokens[{secrets[token]}] again"
            yield Finding(("admin", "tokens", i, "token"), "a token of its own", said=said)


def _listeners(tree: Tree) -> Iterator[tuple[Loc, Address]]:
    candidates: list[Loc] = [("listen",), ("listen", "address")]
    for i in range(len(tree.sequence("listen"))):
        candidates += [("listen", i), ("listen", i, "address")]
    for loc in [*candidates, _ADMIN]:
        address = _address(tree, loc)
        if address:
            yield loc, address


def _address(tree: Tree, loc: Loc) -> Address | None:
    text = tree.string(*loc)
    if loc == _ADMIN and tree.mapping("admin") and "listen" not in tree.mapping("admin"):
        text = "127.0.0.1:9090"
    try:
        return values.address(text) if text else None
    except values.UnfitError:
        return None


def _collide(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    same = one.host == other.host
    return same or (_any_of(one, other) or _any_of(other, one))


def _any_of(one: Address, other: Address) -> bool:
    """Whether the first takes every address of the second's family."""
    return one.host in _ANY and ((":" in one.host) == (":" in other.host))
