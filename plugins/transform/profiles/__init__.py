"""Profiles: older APIs that are kept for their clients while workflows answer.

A profile says for each method and path what may be asked there. Whatever it does not list is
left to legacy.
"""

from collections.abc import Mapping

from .asked import Asked
from .huntaze_campaigns import Campaign
from .huntaze_content import Content

__all__ = ["PROFILES", "Profile"]

Profile = Mapping[tuple[str, str], type[Asked]]

PROFILES: Mapping[str, Profile] = {
    # /api/messages/send is not here, and must not be: its text is the user's own, and is sent.
    "huntaze-campaigns": {
        ("POST", "/api/campaigns"): Campaign,
        ("POST", "/api/content/generate"): Content,
    },
}
"""All profiles by name."""
