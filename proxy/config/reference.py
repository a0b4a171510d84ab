"""Writes the configuration reference from the models, so that it cannot go stale."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from proxy.config.examples import EXAMPLES
from proxy.config.models import Config
from proxy.settings import values
from proxy.settings.section import Section
from proxy.settings.shape import FREE_KEY, Shape, fields_of

_INTRODUCTION = """\
# Configuration

This page is generated from the models (`scripts/reference`); a test compares the two.

One YAML file holds the whole configuration. `crossfade check --config config.yaml` reports
every problem of it at once, as `file:line:column: where: said ...; wanted ...; hint`, and exits
with 2, or with 0 if there is none. A reload takes the same road: a file that `check` refuses
leaves the old configuration serving.

## How values are written

- **Environment**: `${VAR}` and `${VAR:-default}` are expanded inside values (never in keys), after
  the YAML was parsed, so that a variable's value cannot become structure. The default is taken
  where the variable is unset or empty; without a default, an unset variable is a problem. `$$` is
  a dollar sign. Between braces or brackets YAML wants quotes: `{secret: "${JWT_SECRET}"}`.
- **Duration**: a number and `ms`, `s`, `m` or `h`: `250ms`, `2s`, `10m`, `1h`. The unit is needed.
- **Size**: a number and `B`, `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1024s).
- **Name**: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit.
- **Text** that looks like something else to YAML has to be quoted: `"no"`, `"1.10"`, `"007"`.
  Whole numbers are taken as their digits in lists of keys and values.
- **Extractor**: `jwt:claim`, `header:Name` or `cookie:name`.
- **Path of a file**: taken from the folder of the configuration file, unless absolute.
- Unknown keys, keys given twice and YAML tags are problems. Anchors, aliases and `<<` work.
- A file has at most 1 MiB, 32 levels and 200,000 values.

Secrets (tokens, `identity.jwt.secret`) are never shown, in no message and no log.
"""

_PLUGINS = """\
## How plugins are written

A **use** of a plugin is an entry of a route's `plugins`: the plugin's name, or a mapping of that
one name to the settings of this use. A route may use a plugin twice. Requests pass the uses in the
order of the list, answers in reverse. A plugin that answers by itself stands as `plugin` where an
`upstream` could stand: on a route or on an arm, written the same way.

```yaml
plugins:
  - hello                                            # no settings
  - headers: {response: {remove: [X-Powered-By]}}    # settings, read by the plugin
  - access_control:
      default: allow
      on_error: refuse                               # taken out before the plugin reads the rest
```

- **`on_error`** stands among the settings of a use and says what a fault of one of its hooks means
  for the request: `skip` goes on as if the hook were not there, `refuse` answers with an error.
  Without it each hook does what its documentation says. A destination knows only `refuse`.
- **Settings for the whole process** stand under the plugin's name in the section `plugins` at the
  top of the file. That activates the plugin; without a place there, a plugin that is used on a
  route is active with its default settings. `{}` is no settings.
- **Names**: 1 to 64 letters, digits and `_`, beginning with a letter; not `path`.
- **Where plugins come from**: those of the distribution and other installed ones (entry points of
  the group `crossfade.plugins`) are always there. In the folders of `plugins.path` each file
  `name.py` and each package `name/` is a plugin; it takes precedence over an installed one of the
  same name. The same name in two of the folders is a problem.
- **Problems** in settings are told as those of any other section, with file, line and column, as
  soon as the plugin's own model has read them. The values of the environment are not shown.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRODUCTION, _PLUGINS, "## Keys\n"]
    for path, section in _sections("", Config):
        parts.append(_heading(path, section))
        parts.append(_table(section))
        if path.partition(".")[0].removesuffix("[]") == path.removesuffix("[]"):
            parts += _example(path.removesuffix("[]"))
    return "\n".join([*parts, "## Everything together\n", _fenced("".join(EXAMPLES.values()))])


def keys() -> Iterator[str]:
    """The path of every key, such as `upstreams.<name>.timeouts.connect`."""
    for path, section in _sections("", Config):
        for name, _, _ in fields_of(section):
            yield f"{path}.{name}".removeprefix(".")


def _sections(path: str, section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """The section and all below it, each with its path."""
    yield path, section
    for name, _, shape in fields_of(section):
        below, inner = f"{path}.{name}".removeprefix("."), shape
        while inner.item:
            below, inner = below + ("[]" if inner.base is tuple else ".<name>"), inner.item
        if inner.section:
            yield from _sections(below, inner.section)


def _heading(path: str, section: type[Section]) -> str:
    title = f"`{path}`" if path else "The file"
    meaning = " ".join((section.__doc__ or "").split())
    return f"### {title}\n\n{meaning}\n"


def _table(section: type[Section]) -> str:
    rows = ["| key | type | default | bounds | meaning |", "|---|---|---|---|---|"]
    for name, info, shape in fields_of(section):
        default = "" if name == FREE_KEY else _default(info, shape)
        cells = [f"`{name}`", _type(shape), default, _bounds(shape)]
        meaning = (info.description or "").replace("|", "\\|")
        rows.append(f"| {' | '.join(cells)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _example(path: str) -> list[str]:
    name = path.removesuffix(".<name>") or "listen"
    return [_fenced(EXAMPLES[name])] if path and name in EXAMPLES else []


def _fenced(text: str) -> str:
    return f"```yaml\n{text}```\n"


def _type(shape: Shape) -> str:
    if shape.reads:
        return _label(shape.reads.kind)
    if shape.item:
        item = _type(shape.item)
        return f"list of {item}" if shape.base is tuple else f"mapping of name to {item}"
    return "mapping"


def _label(kind: str) -> str:
    """The kind without its article and its examples: `a duration such as 2s` is `duration`."""
    if kind.startswith("one of "):
        return "word"
    if kind == "true or false":
        return "boolean"
    return (
        kind.partition(" such as ")[0].removeprefix("a ").removeprefix("an ").removeprefix("the ")
    )


def _bounds(shape: Shape) -> str:
    if shape.reads:
        return shape.reads.bounds
    return _bounds(shape.item) if shape.item else ""


def _default(info: FieldInfo, shape: Shape) -> str:
    if info.is_required():
        return "**required**"
    default: Any = info.get_default(call_default_factory=True, validated_data={})
    if default is None or default == "" or isinstance(default, Section):
        return ""
    return f"`{_written(default, shape)}`"


def _written(value: Any, shape: Shape) -> str:
    """A default as it would be written in the file."""
    if isinstance(value, dict):
        pairs = (f"{key}: {_written(item, shape)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(item, shape) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    kind = shape.reads.kind if shape.reads else ""
    if kind == values.A_DURATION:
        return values.written_duration(value)
    if kind == values.A_SIZE:
        return values.written_size(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
