"""What all requests of the legacy campaign API have in common: a user and platforms."""

from pydantic import Field

from .asked import Asked

__all__ = ["DEFAULT_PLATFORMS", "OfUser"]

DEFAULT_PLATFORMS = ["instagram"]

UNKNOWN = "unknown"
"""Who asks where nobody says."""


class OfUser(Asked):
    """What somebody asks for some platforms. Legacy takes no null for any of this."""

    user_id: str = ""
    camel_user_id: str = Field(default="", alias="userId")
    platform: str = ""
    platforms: list[str] = Field(default_factory=list, min_length=1)

    def owner(self, caller: str | None) -> str:
        """Return whose work it is: a verified `caller` before what the body claims."""
        return caller or self.camel_user_id or self.user_id or UNKNOWN

    @property
    def named_platforms(self) -> list[str]:
        """Return the platforms as legacy reads them: the list before the single one."""
        return self.platforms or ([self.platform] if self.platform else [])
