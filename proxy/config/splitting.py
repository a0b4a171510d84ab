"""Rules about rollouts: the lists, the conditions, and that there is a key to split by."""

from collections.abc import Iterator

from proxy.config.identity import STANDARD_ATTRIBUTES
from proxy.config.tree import Tree
from proxy.core.key import normalise_value
from proxy.settings import fields
from proxy.settings.problems import Finding, Loc, listed, nearest, shown
from proxy.settings.values import UnfitError

_PERCENTAGE = fields.number(0, 100, thousandths=True)
_NUMBER = fields.number()


def check_lists(tree: Tree) -> Iterator[Finding]:
    """A key in both lists, compared as requests' keys are, has no meaning. Keys are not shown."""
    lower = tree.at("identity", "lower") is True
    for name in tree.mapping("rollouts"):
        loc: Loc = ("rollouts", name)
        white = dict(_keys(tree, (*loc, "whitelist"), lower=lower))
        for key, i in _keys(tree, (*loc, "blacklist"), lower=lower):
            if key in white:
                line = tree.spot((*loc, "whitelist", white[key])).line
                said = f"the key of whitelist[{white[key]}], on line {line}"
                yield Finding(
                    (*loc, "blacklist", i), "each key in one list", "take it out of one", said
                )


def check_conditions(tree: Tree) -> Iterator[Finding]:
    """Conditions ask for attributes that exist, and for something that can hold."""
    known: list[str] = list(STANDARD_ATTRIBUTES)
    if tree.at("identity", "attributes") is not None:
        known = list(tree.mapping("identity", "attributes"))
    for rollout in tree.mapping("rollouts"):
        for name in tree.mapping("rollouts", rollout, "conditions"):
            loc: Loc = ("rollouts", rollout, "conditions", name)
            if name not in known:
                wanted = f"an attribute of identity.attributes: {listed(known) or 'none so far'}"
                hint = nearest(name, known) or f"add {shown(name)} to identity.attributes"
                yield Finding(loc, wanted, hint, f"the attribute {shown(name)}", at_key=True)
            yield from _condition(tree, loc)


def check_keys(tree: Tree) -> Iterator[Finding]:
    """A percentage between none and all needs a key to split by."""
    if tree.at("identity", "key") or ("identity",) in tree.unread:
        return
    for name in tree.mapping("rollouts"):
        loc: Loc = ("rollouts", name, "percentage")
        percentage = _read(_PERCENTAGE, tree.at(*loc))
        if percentage is not None and 0 < percentage < 100:
            hint = "add identity.key, such as [jwt:sub, header:X-User-Id]"
            yield Finding(
                loc, "a key to split by", hint, "a percentage, but there is no identity.key"
            )


def _keys(tree: Tree, loc: Loc, *, lower: bool) -> Iterator[tuple[bytes, int]]:
    for i, value in enumerate(tree.sequence(*loc)):
        key = normalise_value(value, lower=lower)
        if key is not None:
            yield key, i


def _condition(tree: Tree, loc: Loc) -> Iterator[Finding]:
    value = tree.at(*loc)
    if not isinstance(value, dict):
        return
    if not value:
        yield Finding(loc, "a list of values, or min or max", said="an empty mapping")
    if "any_of" in value and value.keys() & {"min", "max"}:
        yield Finding(loc, "a list of values, or a range, not both", said="both")
    least, most = _read(_NUMBER, value.get("min")), _read(_NUMBER, value.get("max"))
    if least is not None and most is not None and least > most:
        yield Finding((*loc, "max"), "a max that is not below min")


def _read(reads: fields.Reads, value: object) -> float | None:
    try:
        number = reads.parse(value)
    except UnfitError:
        return None
    return number if isinstance(number, float) else None
