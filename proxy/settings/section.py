"""What every section of the configuration has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the configuration: immutable, no unknown keys, never shown by an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
