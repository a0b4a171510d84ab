"""Bills, and lines of them."""

from collections.abc import Sequence
from fractions import Fraction

from plugins.cost_meter.reconciling.export import Billed, Tokens
from plugins.cost_meter.row import Row
from tests.kit.provider.bill import COLUMNS
from tests.plugins.cost_meter.rowed import NOON


def line(
    id: str = "",  # noqa: A002 (the field's name)
    nano_usd: int | Fraction | None = 1000,
    *,
    at: float = NOON,
    model: str = "gpt-4o-mini",
    tokens: Tokens | None = None,
    requests: int | None = None,
) -> Billed:
    cost = None if nano_usd is None else Fraction(nano_usd)
    return Billed(2, at, id, model, tokens, requests, cost)


def csv_of(rows: Sequence[tuple[Row, int]]) -> str:
    """A bill of these attempts, each with what the provider says that it costs."""
    lines = [",".join(COLUMNS)]
    for row, cost in rows:
        used = row.usage
        said = {
            "id": f"chatcmpl-{row.id}",
            "attempt_id": row.id,
            "time": str(row.at),
            "model": row.deployment,
            "input": used.prompt,
            "cached": used.input_cached,
            "output": used.completion,
            "reasoning": used.output_reasoning,
            "cost_nano_usd": cost,
        }
        lines.append(",".join(str(said.get(name, "")) for name in COLUMNS))
    return "\n".join(lines) + "\n"
