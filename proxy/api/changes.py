"""Changes of the configuration that the proxy makes itself, since an operator has approved them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Change", "ChangeRefusedError"]


class Change(NamedTuple):
    """One place of the configuration file, what stands there, and what shall.

    `path` leads there by keys and numbers: ``("plugins", "orchestrator", "cache", "use")``.
    Values are what YAML knows: text, numbers, truth values, lists and mappings of these.
    """

    path: tuple[str | int, ...]
    value: Any
    """What shall stand there. None: nothing, the key or the item is removed."""
    before: Any = None
    """What stands there now; with anything else the change is refused. None: nothing does. In a
    list the value is then put in before the item of that number, or at the end."""
    written: str | None = None
    """How the value is written, where it is to be as it was: YAML, as it stood in the file."""

    @property
    def place(self) -> str:
        """Return the path as people write it: ``plugins.orchestrator.rules[0]``."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text


class ChangeRefusedError(Exception):
    """The configuration was not changed, and is as it was."""

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems`: sentences for an operator, one at least."""
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
