"""Which budgets can be forecast: those of one scope, in periods of the calendar."""

from collections.abc import Iterator, Mapping

from .budgets.declaring import BudgetSettings, BudgetWhen
from .forecasting.watching import Limit
from .row import Dimension

__all__ = ["limits_of"]


def limits_of(budgets: Mapping[str, BudgetSettings]) -> tuple[Limit, ...]:
    """Return them.

    Those of each user or plan are left out: there are too many, and too little is known of each.
    So are those of an hour, rolling ones, and those that pay for several things of one kind. One
    of each route is forecast for the routes that it names.
    """
    return tuple(limit for name, one in budgets.items() for limit in _limits(name, one))


def _limits(name: str, budget: BudgetSettings) -> Iterator[Limit]:
    when = budget.when
    if budget.per not in ("day", "month") or budget.of not in ("everyone", "route") or when.plans:
        return
    routes = when.routes if budget.of == "route" else ()
    each = when.model_copy(update={"routes": ()}) if routes else when
    where = _where(each)
    if where is None or (budget.of == "route" and not routes):
        return
    if not routes:
        yield Limit(name, budget.nano_usd, budget.per, where)
    for route in routes:
        yield Limit(f"{name}.{route}", budget.nano_usd, budget.per, {**where, "route": route})


def _where(when: BudgetWhen) -> dict[Dimension, str] | None:
    """Return what dimensions have to be; None where one may be several things."""
    said: Mapping[Dimension, tuple[str, ...]] = {
        "route": when.routes,
        "intent": when.intents,
        "model": when.models,
        "arm": when.arms,
    }
    if any(len(values) > 1 for values in said.values()):
        return None
    return {dimension: values[0] for dimension, values in said.items() if values}
