"""Money is whole numbers and decimals: no float ever holds an amount, a price or a rate."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLACES = (
    "proxy/api/spending.py",
    "plugins/cost_meter",
    "plugins/campaigns",
    "plugins/orchestrator/asking",
    "plugins/orchestrator/deciding/calls.py",
    "plugins/orchestrator/deciding/costs.py",
    "plugins/orchestrator/providers/usage.py",
    "plugins/orchestrator/workflows",
)

ESTIMATES = {
    "plugins/cost_meter/advising": "savings are estimates with an interval; none is booked",
    "plugins/cost_meter/forecasting": "forecasts are statistics of what is booked; none is booked",
}
"""Files and folders in which figures may be floats, each with the reason."""

MONEY = frozenset(("nano", "usd", "cost", "costs", "price", "prices", "spent", "rate", "rates"))
"""Words in a name that make it one of money."""


def is_money(name: str) -> bool:
    return bool(MONEY & set(re.findall(r"[a-z0-9]+", re.sub("([A-Z])", r"_\1", name).lower())))


def names_in(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def has_money(node: ast.AST) -> bool:
    return any(is_money(name) for name in names_in(node))


def is_float(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def says_float(annotation: ast.expr | None) -> bool:
    """Whether a value is a float; one that takes or returns functions of floats is not."""
    if annotation is None:
        return False
    plain = annotation
    while isinstance(plain, ast.BinOp):  # float | None
        if says_float(plain.right):
            return True
        plain = plain.left
    return isinstance(plain, ast.Name) and plain.id == "float"


def wrong_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Div) and has_money(node):
                yield node.lineno, "a division of money that may have a rest: divmod, Fraction"
            elif (is_float(node.left) or is_float(node.right)) and has_money(node):
                yield node.lineno, "money and a float"
        elif isinstance(node, ast.AugAssign) and has_money(node.target):
            if isinstance(node.op, ast.Div) or is_float(node.value):
                yield node.lineno, "money and a float"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "float" and any(map(has_money, node.args)):
                yield node.lineno, "money as a float"
        else:
            yield from wrong_declared(node)


def wrong_declared(node: ast.AST) -> Iterator[tuple[int, str]]:
    is_wrong = False
    if isinstance(node, ast.arg):
        is_wrong = is_money(node.arg) and says_float(node.annotation)
    elif isinstance(node, ast.AnnAssign):
        is_wrong = has_money(node.target) and says_float(node.annotation)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        is_wrong = is_money(node.name) and says_float(node.returns)
    if is_wrong:
        yield getattr(node, "lineno", 0), "money that is declared as a float"


def files() -> Iterator[Path]:
    for place in PLACES:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def is_estimate(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / place) for place in ESTIMATES)


def test_no_amount_is_a_float() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {says}"
        for path in files()
        if not is_estimate(path)
        for line, says in wrong_in(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize("place", [*PLACES, *ESTIMATES])
def test_what_is_looked_at_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize(
    "code",
    [
        "x = nano_usd / 2",
        "x = row.cost * 0.5",
        "x = float(total.nano_usd)",
        "price: float = 0",
        "def cost_of(usage): return usage\ndef cost(a: float | None) -> float: return a",
        "def f(usd: None | float): pass",
        "spent += 1.0",
        "costUsd = a.priceOfInput / b",
    ],
)
def test_floats_are_seen(code: str) -> None:
    assert list(wrong_in(ast.parse(code))) != []


@pytest.mark.parametrize(
    "code",
    [
        "x = seconds / 2.0",
        "def f(rates: tuple[int, ...], at: float) -> int: return 1",
        "x, rest = divmod(nano_usd, 10**6)",
        "x = nano_usd // 2",
        "x = float(kept['until'])",
    ],
)
def test_what_is_no_money_or_no_float_is_none_of_it(code: str) -> None:
    assert list(wrong_in(ast.parse(code))) == []
