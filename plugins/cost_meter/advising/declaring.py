"""What an operator can say of advice."""

from typing import Annotated

from proxy.api import Period, Settings, setting

__all__ = ["AdviceSettings"]

_Word = Annotated[str, setting(min_length=1, max_length=64)]


class AdviceSettings(Settings):
    """What is looked for, and how much evidence it takes."""

    enabled: bool = setting(default=True, description="Whether anything is looked for.")
    every: Period = setting(
        default=6 * 3600.0, ge=60, description="How often the ledger is looked through."
    )
    window: Period = setting(
        default=30 * 86400.0,
        ge=3600,
        le=90 * 86400,
        description="How far back evidence is looked for.",
    )
    min_days: float = setting(
        default=3.0, ge=0, le=90, description="With evidence of less time nothing is advised."
    )
    min_sample: int = setting(
        default=200,
        ge=10,
        le=1_000_000,
        description="With fewer attempts that it is about nothing is advised.",
    )
    sample: int = setting(
        default=20_000,
        ge=1000,
        le=200_000,
        description="Rows that are looked at, at most; of more, equal parts of the whole time.",
    )
    trial: float = setting(
        default=5.0,
        ge=0.1,
        le=100,
        description="On this percentage of users another model is tried first.",
    )
    deferrable: tuple[_Word, ...] = setting(
        default=(),
        max_length=50,
        description="Intents that may wait for a day, such as `content_planning`: what the "
        "providers' batch prices would save on them is told.",
    )
