"""The scripts that Redis runs."""

from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["script"]

_LUA: Final = Path(__file__).with_name("lua")


@cache
def script(name: str) -> str:
    """Return the text of `lua/<name>.lua`."""
    return (_LUA / f"{name}.lua").read_text(encoding="utf-8")
