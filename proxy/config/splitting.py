"""Rules about splitting: lists, attributes that are asked for, and a key to split by."""

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
    known = _attributes(tree)
    for place in _conditions(tree):
        for name in tree.mapping(*place):
            loc: Loc = (*place, name)
            if name not in known:
                yield _unknown_attribute(loc, name, known, at_key=True)
            yield from _condition(tree, loc)


def check_cohorts(tree: Tree) -> Iterator[Finding]:
    """A cohort is an attribute that exists."""
    known = _attributes(tree)
    for rollout in tree.mapping("rollouts"):
        loc: Loc = ("rollouts", rollout, "cohort")
        name = tree.string(*loc)
        if name and name not in known:
            yield _unknown_attribute(loc, name, known)


def check_rules(tree: Tree) -> Iterator[Finding]:
    """A rule says one thing about those for whom it is."""
    wanted = "exactly one of then and percentage"
    for loc in _rules(tree):
        declared = {key for key, value in tree.mapping(*loc).items() if value is not None}
        if {"then", "percentage"} <= declared:
            yield Finding(loc, wanted, "leave one out", "both")
        elif tree.mapping(*loc) and not declared & {"then", "percentage"}:
            yield Finding(loc, wanted, "add then: new, or percentage: 10", "neither")


def check_keys(tree: Tree) -> Iterator[Finding]:
    """A percentage between none and all needs a key to split by, and so does a ramp."""
    if tree.at("identity", "key") or ("identity",) in tree.unread:
        return
    wanted, hint = "a key to split by", "add identity.key, such as [jwt:sub, header:X-User-Id]"
    of_rollouts: list[Loc] = [("rollouts", name) for name in tree.mapping("rollouts")]
    for above in [*of_rollouts, *_rules(tree)]:
        percentage = _read(_PERCENTAGE, tree.at(*above, "percentage"))
        if percentage is not None and 0 < percentage < 100:
            said = "a percentage, but there is no identity.key"
            yield Finding((*above, "percentage"), wanted, hint, said)
    for loc in of_rollouts:
        if tree.mapping(*loc).get("ramp") is not None:
            said = "a ramp, but there is no identity.key"
            yield Finding((*loc, "ramp"), wanted, hint, said, at_key=True)


def _attributes(tree: Tree) -> list[str]:
    if tree.at("identity", "attributes") is not None:
        return list(tree.mapping("identity", "attributes"))
    return list(STANDARD_ATTRIBUTES)


def _unknown_attribute(loc: Loc, name: str, known: list[str], *, at_key: bool = False) -> Finding:
    wanted = f"an attribute of identity.attributes: {listed(known) or 'none so far'}"
    hint = nearest(name, known) or f"add {shown(name)} to identity.attributes"
    return Finding(loc, wanted, hint, f"the attribute {shown(name)}", at_key=at_key)


def _rules(tree: Tree) -> Iterator[Loc]:
    for rollout in tree.mapping("rollouts"):
        for i in range(len(tree.sequence("rollouts", rollout, "rules"))):
            yield ("rollouts", rollout, "rules", i)


def _conditions(tree: Tree) -> Iterator[Loc]:
    """Wherever attributes are asked for."""
    for rollout in tree.mapping("rollouts"):
        yield ("rollouts", rollout, "conditions")
    for rule in _rules(tree):
        yield (*rule, "when")


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
