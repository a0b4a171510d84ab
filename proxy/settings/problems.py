"""What is wrong with a configuration file, and how it is told.

The layers that find something (`Finding`) speak of a place in the tree; only
at the end does it become a `Problem` with file, line and column.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

Loc = tuple[str | int, ...]
"""A place in the tree: keys and indices from the top, such as `("routes", 0, "match")`."""

SHOWN_PROBLEMS = 100
_LONGEST_SHOWN = 60
_MOST_CANDIDATES = 200
_USERINFO = re.compile(r"//.*@")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place in the tree.

    Without `said`, the text at that place is shown, unless it may be a secret.
    `at_key` points at the key instead of its value; `line` and `column`, when
    set, overrule both.
    """

    loc: Loc
    wanted: str
    hint: str = ""
    said: str = ""
    at_key: bool = False
    not_text: bool = False
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the file: where it is, what was said, what was wanted, what to do.

    `line` and `column` count from 1; `where` is a path such as
    `upstreams.legacy.timeouts.connect` (empty: the file as a whole); `hint` may be
    empty. No secret is ever in it.
    """

    file: str
    line: int
    column: int
    where: str
    said: str
    wanted: str
    hint: str

    def __str__(self) -> str:
        """`file:line:column: where: said …; wanted …; hint`; no place without a file."""
        where = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{where}said {self.said}; wanted {self.wanted}{hint}"


class ConfigError(Exception):
    """The file cannot be used. All its `problems` are listed, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Sort the problems and drop those told twice."""
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """One problem a line; very many are cut short."""
        lines = [str(problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        beyond = len(self.problems) - SHOWN_PROBLEMS
        if beyond > 0:
            lines.append(f"... and {beyond} more problems")
        return "\n".join(lines)


def shown(text: str, longest: int = _LONGEST_SHOWN) -> str:
    """The text as it may stand in a message: one short line, no control characters, no password."""
    text = _USERINFO.sub("//***@", text[:1000])
    if len(text) > longest:
        text = f"{text[:longest]}..."
    return printable(text)


def printable(text: str) -> str:
    """The text with control characters, line ends and the like written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The hint that names the candidate most like the word, or nothing."""
    known = list(islice(candidates, _MOST_CANDIDATES + 1))
    if len(word) > 64 or len(known) > _MOST_CANDIDATES:
        return ""
    by_folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=0.6)
    return f"did you mean {shown(by_folded[close[0]])}?" if close else ""


def listed(words: Iterable[str]) -> str:
    """The words with commas between them; only the first twenty of very many."""
    known = [shown(word) for word in islice(words, 21)]
    return ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
