"""The `rollouts` section: who goes from one arm to the other."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from proxy.settings import fields
from proxy.settings.section import Section

Key = Annotated[str, fields.plain("a key", shortest=1, longest=512, hidden=True)]
Wanted = Annotated[str, fields.plain("a value", shortest=1, longest=512)]


class Condition(Section):
    """What an attribute must be: one of some values (written as a list), or a number in a range."""

    any_of: Annotated[tuple[Wanted, ...], fields.some("value")] | None = Field(
        default=None,
        description="The accepted values, compared as text. Written as the list itself.",
    )
    min: Annotated[float, fields.number()] | None = Field(
        default=None, description="The least number that is accepted."
    )
    max: Annotated[float, fields.number()] | None = Field(
        default=None, description="The greatest number that is accepted; not below `min`."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_values(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        return {"any_of": value if isinstance(value, list) else [value]}


class Rollout(Section):
    """The move of a route from `legacy` to `new`. The first rule that applies decides."""

    enabled: Annotated[bool, fields.flag()] = Field(
        default=True, description="When false, everybody goes to legacy."
    )
    percentage: Annotated[float, fields.number(0, 100, thousandths=True)] = Field(
        default=0.0, description="The share of keys that go to new. Raising it moves nobody back."
    )
    salt: Annotated[str, fields.salt()] = Field(
        default="",
        description="Makes rollouts split independently. Another salt is another split. "
        "Default: the rollout's name.",
    )
    whitelist: tuple[Key, ...] = Field(
        default=(), description="Verified keys that always go to new."
    )
    blacklist: tuple[Key, ...] = Field(
        default=(), description="Keys that always go to legacy; none of them may be in `whitelist`."
    )
    conditions: dict[Annotated[str, fields.name("an attribute")], Condition] = Field(
        default={},
        description="Attributes that must all hold, or the request goes to legacy.",
    )
    missing_key: Annotated[
        Literal["legacy", "new", "reject"], fields.choice("legacy", "new", "reject")
    ] = Field(
        default="legacy",
        description="Where a request without a key goes; `reject` answers it with 400.",
    )
    rebucket: Annotated[bool, fields.flag()] = Field(
        default=False,
        description="Lets a reload change how keys are split (the salt, or how keys are written) "
        "although that moves some back to legacy. Without it such a reload is refused.",
    )
