"""What every section of the configuration has in common."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A mapping of the configuration: immutable, no unknown keys, never shown by an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    flat: ClassVar[str] = ""
    """The field, a dict, that takes the keys which no other field has; empty: there is none."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        """Put the free keys, which are written beside the others, into the field for them."""
        if not cls.flat or not isinstance(value, dict):
            return value
        own = cls.model_fields.keys() - {cls.flat}
        gathered: dict[str, Any] = {key: item for key, item in value.items() if key in own}
        gathered[cls.flat] = {key: item for key, item in value.items() if key not in own}
        return gathered
