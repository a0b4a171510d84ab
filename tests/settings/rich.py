"""A plugin's settings that ask nearly everything that a model can ask."""

from enum import Enum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from proxy.api import Duration, Secret, Settings, Size, setting

SECRET = "hunter2-hunter2"


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Rule(Settings):
    name: str
    many: int = setting(default=1, ge=1, le=5)


class Rich(Settings):
    """Nearly everything that a plugin's model may ask."""

    whole: int = 0
    small: Annotated[int, Field(ge=1, le=9)] | None = None
    above: float = setting(default=1.0, gt=0)
    flag: bool = False
    word: Literal["alpha", "beta", 3] = "alpha"
    colour: Colour = Colour.RED
    text: str = setting(default="abc", alias="from", min_length=2, max_length=4, pattern="^[a-z]")
    rules: tuple[Rule, ...] = ()
    one: Rule = Rule(name="x")
    pair: tuple[int, str] = (1, "a")
    names: list[str] = setting(default=[])
    some: tuple[str, ...] = setting(default=("a",), min_length=1, max_length=2)
    kinds: frozenset[str] = frozenset()
    table: dict[Annotated[str, Field(pattern="^[a-z]+$")], tuple[str, ...]] = setting(default={})
    network: IPv4Network | None = None
    file: Path = Path()
    either: str | tuple[str, ...] = ""
    rule_or_not: Rule | bool = False
    wait: Duration = 5.0
    most: Size = 5
    token: Secret = SecretStr("x")
    key: SecretStr = Field(default=SecretStr("12345678"), min_length=8)
    even: int = 0
    percent: Annotated[int, BeforeValidator(lambda said: int(str(said).rstrip("%")))] = 0
    low: float = 0.0
    high: float = 10.0

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("it must be even;\nit is not")
        return value

    @field_validator("token")
    @classmethod
    def _is_good(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() == SECRET:
            raise ValueError(f"{value.get_secret_value()} was revoked.")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "Rich":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self
