"""The generated pages about plugins: every hook, and everything that a plugin may import."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import proxy.api
from proxy.api.hookspecs import HOOKS, Hook

HOOKS_HEAD = """\
# Hooks

Everything that a plugin can be asked. A hook's name tells its rights: an imperative may decide, a
past participle may only watch. Mark a method with `@hook`; it takes any of the arguments shown
here, by their names, and may leave out those that it does not need. What a file of a plugin looks
like: [Write a plugin](../howto/write-a-plugin.md); the types: [Plugin API](plugin-api.md).

A fault is whatever the method raises, and a coroutine hook that takes longer than
`limits.hook_timeout`. It is counted, logged, and means for the request:

| on a fault | what becomes of the request |
|---|---|
| skip | it goes on as if the hook were not there |
| refuse | it is answered with 500, or with 504 after a timeout |
| legacy | it goes to legacy, with the reason `error` |
| stop | there is no request; see the hook |

`on_error: skip` or `on_error: refuse` on a use overrules this, but for `assign`, `dispatch` and
`finished`. After ten faults within ten seconds, if they are half of the calls or
more, the use is quarantined: `skip` hooks are left out, the others answer 503 with the reason
`quarantined` (`assign` sends to legacy), until the plugin or its settings change, somebody reloads,
or `crossfade plugins release`.

| hook | in | function | on a fault |
|---|---|---|---|
"""

API_HEAD = """\
# Plugin API

Everything that `proxy.api` offers; a plugin imports nothing else of the proxy. The hooks have a
[page of their own](hooks.md). For tests there is `proxy.api.testing`: [Test a
plugin](../howto/test-a-plugin.md).
"""

_DEFINITION = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_WHERE = {"use": "`Use`", "application": "`Application`", "both": "`Use` or `Application`"}


def hooks_page() -> str:
    """The hook specifications as a page."""
    rows = (
        f"| [`{hook.name}`](#{hook.name}) | {_WHERE[hook.scope]} | {_colour(hook)} "
        f"| {hook.on_fault} |\n"
        for hook in HOOKS.values()
    )
    return HOOKS_HEAD + "".join(rows) + "".join(_section(hook) for hook in HOOKS.values())


def signature(hook: Hook) -> str:
    """The hook as a method's first line, such as `def admit(self, request: Request) -> …`."""
    written = _definitions()[hook.name]
    assert isinstance(written, ast.FunctionDef)
    colour = "async def" if hook.colour == "async def" else "def"
    arguments = ast.unparse(written.args)
    rest = f", {arguments}" if arguments else ""
    return f"{colour} {hook.name}(self{rest}){_returns(written)}"


def _colour(hook: Hook) -> str:
    return "`def` or `async def`" if hook.colour == "either" else f"`{hook.colour}`"


def _section(hook: Hook) -> str:
    text = inspect.getdoc(hook.function) or ""
    return f"\n## {hook.name}\n\n```text\n{signature(hook)}\n```\n\n{_plain(text)}\n"


def api_page() -> str:
    """The public names of `proxy.api` as a page.

    It is made of the sources: compiled modules have no signatures, and no class has the
    texts below its attributes.
    """
    return API_HEAD + "".join("".join(_named(name)) for name in proxy.api.__all__)


@cache
def _definitions() -> dict[str, ast.stmt]:
    """Every top-level definition of the files of `proxy.api`, by its name."""
    found: dict[str, ast.stmt] = {}
    for path in sorted(Path(proxy.api.__file__).parent.glob("*.py")):
        body = ast.parse(path.read_text("utf-8")).body
        found |= {node.name: node for node in body if isinstance(node, _DEFINITION)}
        found |= {name: node for name, node in _texts(body).items() if name in proxy.api.__all__}
    return found


def _named(name: str) -> Iterator[str]:
    node = _definitions()[name]
    yield f"\n## {name}\n"
    if isinstance(node, ast.ClassDef):
        yield f"\n{_plain(ast.get_docstring(node))}\n"
        rows = [*_attributes(node), *_methods(node)]
        if rows:
            yield "\n| | |\n|---|---|\n"
            yield from rows
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield f"\n```text\n{name}({ast.unparse(node.args)}){_returns(node)}\n```\n"
        yield f"\n{_plain(ast.get_docstring(node))}\n"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield f"\n{_plain(str(node.value.value))}\n"


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    texts = _texts(node.body)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            name = item.target.id
            text = texts.get(name)
            said = text.value.value if isinstance(text, ast.Expr) else ""  # type: ignore[attr-defined]
            if not name.startswith("_") and said:
                yield _row(f"{name}: {ast.unparse(item.annotation)}", str(said))


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(item) or ""
        marks = {ast.unparse(mark) for mark in item.decorator_list}
        if item.name.startswith("_") or not text or text.rstrip(".").endswith("for the proxy"):
            continue
        shown = item.name if "property" in marks else f"{item.name}({_without_self(item)})"
        yield _row(f"{shown}{_returns(item)}", text)


def _texts(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """The texts below attributes and constants, by the name above them."""
    found: dict[str, ast.stmt] = {}
    for above, below in pairwise(body):
        target = (
            above.targets[0] if isinstance(above, ast.Assign) else getattr(above, "target", None)
        )
        text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(target, ast.Name) and text:
            found[target.id] = below
    return found


def _without_self(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    text = ast.unparse(node.args)
    return text.removeprefix("self").removeprefix("cls").removeprefix(", ")


def _returns(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return f" -> {ast.unparse(node.returns)}" if node.returns else ""


def _row(code: str, text: str) -> str:
    cells = [cell.replace("|", "\\|") for cell in (code, " ".join(_plain(text).split()))]
    return f"| `{cells[0]}` | {cells[1]} |\n"


def _plain(text: str | None) -> str:
    return (text or "").replace("``", "`")
