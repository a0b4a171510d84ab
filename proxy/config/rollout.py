"""The `rollouts` section: who goes from one arm to the other."""

from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from proxy.config.ramp import Ramp
from proxy.config.rollback import Rollback
from proxy.core.bucket import SALT_BYTES
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


class Rule(Section):
    """What callers with certain attributes get. It has exactly one of `then` and `percentage`."""

    when: Annotated[
        dict[Annotated[str, fields.name("an attribute")], Condition], fields.some("attribute")
    ] = Field(description="Attributes that must all hold, written as in `conditions`.")
    then: Annotated[Literal["legacy", "new"], fields.choice("legacy", "new")] | None = Field(
        default=None, description="The arm that all of these callers get."
    )
    percentage: Annotated[float, fields.number(0, 100, thousandths=True)] | None = Field(
        default=None, description="The share of their keys that go to new; the rest to legacy."
    )
    salt: Annotated[str, fields.salt()] = Field(
        default="",
        description="Makes the split of the rule's own. Default: `<salt>/rule<i>`, counted "
        "from 1: another place in the list is another split.",
    )


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
    rules: tuple[Rule, ...] = Field(
        default=(),
        description="Asked in order of callers who meet the conditions; the first that matches "
        "decides.",
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
    cohort: Annotated[str, fields.name("an attribute")] = Field(
        default="",
        description="The attribute, such as the tenant, whose values are looked at and sent back "
        "one by one. Default: none.",
    )
    write_affinity: Annotated[float, fields.duration("0s", "1h")] = Field(
        default=0.0,
        description="How long a caller stays on the arm that served a request of theirs which "
        "may have changed something; 0s: not at all.",
    )
    fallback: Annotated[bool, fields.flag()] = Field(
        default=True,
        description="Whether legacy answers where new fails and asking again is safe.",
    )
    whitelist_survives_rollback: Annotated[bool, fields.flag()] = Field(
        default=False,
        description="Whether `whitelist` goes on to new after a rollback, to see whether new is "
        "mended.",
    )
    ramp: Ramp | None = Field(
        default=None, description="How it climbs by itself. Default: not at all."
    )
    rollback: Rollback = Field(
        default=Rollback(), description="What sends everybody back to legacy by itself."
    )


def salted(name: str, rollout: Rollout) -> Rollout:
    """The rollout with the salts that it does not say: its own, and one for each rule."""
    salt = rollout.salt or name
    rules = tuple(
        rule if rule.salt else rule.model_copy(update={"salt": _salt_of_rule(salt, i)})
        for i, rule in enumerate(rollout.rules, 1)
    )
    return rollout.model_copy(update={"salt": salt, "rules": rules})


def _salt_of_rule(salt: str, i: int) -> str:
    """`<salt>/rule<i>`; where that is longer than a salt may be, its SHA-256 in hex."""
    derived = f"{salt}/rule{i}".encode()
    return derived.decode() if len(derived) <= SALT_BYTES else sha256(derived).hexdigest()
