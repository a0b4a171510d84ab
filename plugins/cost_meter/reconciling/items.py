"""Names that providers write on bills: which model they mean, and which kind of token."""

import re
from collections.abc import Collection, Mapping

__all__ = ["Naming", "direction_of", "factor_of"]

_DATED = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d)$")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_UNIT = re.compile(r"(\d{0,6})\s*([km]?)(?:\s*tokens?)?", re.IGNORECASE)
_REST = re.compile(
    r"(?:\d{4}|20\d{6})?"  # a date
    r"(?:inp|inpt|input|in|outp|outpt|output|out|opt|cached|cchd|cache|cd|glbl|global|gl|regnl|rgnl"
    r"|regional|dzone|datazone|data|zone|dz|batch|text|tokens|token|1m|1k|us|eu)*"
)

_CACHED = frozenset(("cached", "cchd", "cd", "cache"))
_INPUT = frozenset(("inp", "inpt", "input", "in", "prompt"))
_OUTPUT = frozenset(("outp", "outpt", "output", "out", "opt", "completion"))


class Naming:
    """Finds the configuration's name of a model that a bill calls otherwise."""

    def __init__(self, models: Collection[str], said: Mapping[str, str]) -> None:
        """`models`: those of the ledger; `said`: by a bill's name, what the operator calls it."""
        self._said = {name.lower(): model for name, model in said.items()}
        self._known = {model.lower(): model for model in models}
        # The longest first: gpt-4o-mini before gpt-4o.
        self._pressed = sorted(
            ((_pressed(model), model) for model in models),
            key=lambda pair: (-len(pair[0]), pair),
        )

    def model(self, name: str) -> str:
        """Return the ledger's name; the same name if it has none that means it for certain."""
        text = name.strip().lower()
        for known in (self._said, self._known):
            for one in (text, text.partition(",")[0].strip()):
                for written in (one, _DATED.sub("", one)):
                    if written in known:
                        return known[written]
        pressed = _pressed(text)
        for beginning, model in self._pressed:
            rest = pressed.removeprefix(beginning)
            if beginning and len(rest) < len(pressed) and _REST.fullmatch(rest):
                return model
        return name.strip()


def direction_of(item: str) -> str:
    """Return what kind of token an item is: ``input``, ``cached``, ``output``, or nothing."""
    words = frozenset(_NO_LETTER.split(item.lower()))
    if words & _OUTPUT:
        return "output"
    if words & _CACHED:
        return "cached"
    return "input" if words & _INPUT else ""


def factor_of(unit: str) -> int | None:
    """Return how many tokens a unit such as ``1K`` or ``tokens`` is; None for another unit."""
    found = _UNIT.fullmatch(unit.strip())
    if found is None:
        return None
    return int(found[1] or 1) * {"": 1, "k": 1000, "m": 10**6}[found[2].lower()]


def _pressed(name: str) -> str:
    return _NO_LETTER.sub("", name.lower())
