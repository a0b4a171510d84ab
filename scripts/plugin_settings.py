"""The tables of settings on a plugin's page: `python -m scripts.plugin_settings [--check]`.

A page that has the two marks below has between them what the plugin's model says. Pages
without marks are written by hand.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plugins.cost_meter.settings import CostMeterSettings
from plugins.message_queue.settings import MessageQueueSettings
from plugins.notify.settings import NotifySettings
from plugins.orchestrator.settings import OrchestratorSettings
from plugins.rate_limit.settings import RateLimitSettings
from proxy.settings import values
from proxy.settings.section import Section
from proxy.settings.shape import Shape, fields_of

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference" / "plugins"
BEGIN, END = "<!-- settings -->\n", "<!-- end of settings -->\n"
MODELS: dict[str, type[Section]] = {
    "cost_meter": CostMeterSettings,
    "message_queue": MessageQueueSettings,
    "notify": NotifySettings,
    "orchestrator": OrchestratorSettings,
    "rate_limit": RateLimitSettings,
}


def tables(model: type[Section]) -> str:
    """All tables: that of the model, and those of the sections in it."""
    return "\n".join(_sections("", model))


def _sections(path: str, section: type[Section]) -> Iterator[str]:
    title = f"### `{path}`\n\n" if path else ""
    yield f"{title}{' '.join((section.__doc__ or '').split())}\n"
    rows = ["| key | default | takes | meaning |", "|---|---|---|---|"]
    below: list[tuple[str, type[Section]]] = []
    for name, info, shape in fields_of(section):
        inner, place = shape, f"{path}.{name}".removeprefix(".")
        while inner.item:
            place, inner = place + ("[]" if inner.is_list else ".<name>"), inner.item
        if inner.section:
            below.append((place, inner.section))
        default = "" if info.is_required() else _written(info.get_default(), shape)
        cells = [f"`{name}`", default or "", _takes(shape), info.description or ""]
        required = "**required**" if info.is_required() else cells[1]
        rows.append(f"| {cells[0]} | {required} | {cells[2]} | {cells[3]} |")
    yield "\n".join(rows) + "\n"
    for place, one in below:
        yield from _sections(place, one)


def _takes(shape: Shape) -> str:
    if shape.item:
        item = "see below" if shape.item.section else _takes(shape.item)
        counted = shape.wanted().partition(" of ")[2]
        kind = "list" if shape.is_list else "by name"
        return f"{kind}{f', {counted}' if counted else ''}: {item}"
    if shape.section:
        return "see below"
    return shape.wanted().replace("|", "\\|")


def _written(value: Any, shape: Shape) -> str:
    """A default as it would be written in the file."""
    if value is None or isinstance(value, Section) or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    kind = shape.reads.kind if shape.reads else ""
    if kind == values.A_DURATION:
        return f"`{values.written_duration(value)}`"
    if kind == values.A_SIZE:
        return f"`{values.written_size(value)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def written(page: str, model: type[Section]) -> str:
    """The page with its tables made anew. Raises ValueError where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{tables(model)}\n{END}{after}"


def stale() -> list[str]:
    """The pages that differ from what the models say."""
    found = []
    for name, model in MODELS.items():
        page = (FOLDER / f"{name}.md").read_text("utf-8")
        if page != written(page, model):
            found.append(f"{name}.md")
    return found


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        for name in stale():
            print(f"docs/reference/plugins/{name} is stale; run python -m scripts.plugin_settings")
        return 1 if stale() else 0
    for name, model in MODELS.items():
        path = FOLDER / f"{name}.md"
        path.write_text(written(path.read_text("utf-8"), model), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
