"""A reader of our own Dockerfile: its instructions in order, by stage."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Step(NamedTuple):
    """One instruction; stages are numbered from 0."""

    stage: int
    instruction: str
    arguments: str


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[Step] = []
    stage = -1
    for line in joined.splitlines():
        if line.strip():
            instruction, _, arguments = line.strip().partition(" ")
            stage += instruction == "FROM"
            found.append(Step(stage, instruction, arguments))
    return found


def image_steps() -> list[Step]:
    """The instructions of the repository's Dockerfile."""
    return steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def only(instruction: str, stage: int = 1) -> str:
    """The arguments of an instruction that stands once in a stage."""
    found = [s.arguments for s in image_steps() if (s.stage, s.instruction) == (stage, instruction)]
    assert len(found) == 1, f"{instruction} stands {len(found)} times in stage {stage}"
    return found[0]
