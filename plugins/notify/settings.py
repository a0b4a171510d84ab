"""What an operator can say: where alerts are kept, who is told of which, and how often."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator

from proxy.api import Duration, Period, Secret, Settings, setting, store_url
from proxy.api.settings import Misfit, refuse_misfits

from .notice import Severity
from .store import Cap

__all__ = [
    "KINDS",
    "ChannelSettings",
    "EmailSettings",
    "NotifySettings",
    "PagerDutySettings",
    "SlackSettings",
    "WebhookSettings",
    "cap_of",
]

KINDS: Final = ("slack", "email", "pagerduty", "webhook")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_PATTERN = re.compile(r"[a-z0-9_*?]{1,64}")
_RATE = re.compile(r"([1-9][0-9]{0,3})/([mhd])")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = re.compile(r"(?!-)[A-Za-z0-9.:_-]{1,253}")
_ROUTING_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_UNITS: Final = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
_VISIBLE_URL = re.compile(r"[\x21-\x7e]{1,2048}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "1 to 48 letters, digits, dots, dashes or _, beginning with a letter or digit"
        )
    return str(text)


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("the name of an alert, in which * and ? stand for others: messages_*")
    return str(text)


def _rate(text: str) -> str:
    if not _RATE.fullmatch(text):
        raise ValueError("a number of messages and a time, such as 10/m, 30/h or 100/d")
    return str(text)


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an e-mail address such as ops@example.com, without a name")
    return str(text)


def _host(text: str) -> str:
    # One colon is a port; more of them are an address of IPv6.
    if not _HOST.fullmatch(text) or text.count(":") == 1:
        raise ValueError("the name or the address of a mail server, without a port")
    return str(text)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", 0
    fits = host and port != 0 and parts.username is None and not parts.fragment
    safe = fits and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    if not safe or not _VISIBLE_URL.fullmatch(text):
        raise ValueError("a URL with https:// (http:// on this machine alone), without a user")
    return str(text)


def _secret_url(secret: SecretStr) -> SecretStr:
    _url(secret.get_secret_value())
    return secret


def _routing_key(secret: SecretStr) -> SecretStr:
    if not _ROUTING_KEY.fullmatch(secret.get_secret_value()):
        raise ValueError("the integration key of a service, of letters and digits")
    return secret


SecretUrl = Annotated[Secret, AfterValidator(_secret_url)]
"""A URL that is never shown: whoever knows it can write there."""


class SlackSettings(Settings):
    """An incoming webhook of Slack, or of whatever takes the same (Mattermost, Rocket.Chat)."""

    url: SecretUrl = setting(description='Of the webhook; a secret: write `"${VARIABLE}"`.')


class EmailSettings(Settings):
    """E-mail, through a mail server (SMTP)."""

    host: Annotated[str, AfterValidator(_host)] = setting(description="The mail server.")
    port: int = setting(default=587, ge=1, le=65_535, description="465 is usual for `tls: tls`.")
    tls: Literal["starttls", "tls", "none"] = setting(
        default="starttls",
        description="`starttls`: encrypted after the greeting, or not at all sent; `tls`: from "
        "the start; `none`: for a server on this machine alone.",
    )
    username: str = setting(default="", max_length=256, description="To log in; empty: nobody.")
    password: Secret | None = setting(default=None, description='Write `"${VARIABLE}"`.')
    sender: Annotated[str, AfterValidator(_address)] = setting(description="From whom it is.")
    to: tuple[Annotated[str, AfterValidator(_address)], ...] = setting(
        min_length=1, max_length=20, description="To whom."
    )


class PagerDutySettings(Settings):
    """A service of PagerDuty (Events API v2): what is over is resolved there, too."""

    routing_key: Annotated[Secret, AfterValidator(_routing_key)] = setting(
        description='The integration key of the service; write `"${VARIABLE}"`.'
    )
    endpoint: Annotated[str, AfterValidator(_url)] = setting(
        default="https://events.pagerduty.com/v2/enqueue",
        max_length=2048,
        description="Where events go; in Europe `https://events.eu.pagerduty.com/v2/enqueue`.",
    )


class WebhookSettings(Settings):
    """A program of yours, which is sent JSON that is signed."""

    url: SecretUrl = setting(description='Where it listens; write `"${VARIABLE}"`.')
    secret: Secret = setting(
        min_length=16, description="The key of the signature, at least 16 characters."
    )


class ChannelSettings(Settings):
    """Who is told of what. Each channel has exactly one of the first four."""

    slack: SlackSettings | None = setting(default=None, description="By Slack.")
    email: EmailSettings | None = setting(default=None, description="By e-mail.")
    pagerduty: PagerDutySettings | None = setting(default=None, description="By PagerDuty.")
    webhook: WebhookSettings | None = setting(default=None, description="By a program of yours.")
    min_severity: Severity = setting(
        default="warning", description="The least severity of what is told."
    )
    alerts: tuple[Annotated[str, AfterValidator(_pattern)], ...] = setting(
        default=("*",), min_length=1, max_length=100, description="Names, with `*` and `?`."
    )
    users: bool = setting(
        default=False, description="Whether it is told of alerts that are about one user alone."
    )
    rate: Annotated[str, AfterValidator(_rate)] = setting(
        default="30/h",
        max_length=8,
        description="So many messages at most, within any minute, hour or day; the last one "
        "summarises what else waits.",
    )
    timeout: Duration = setting(default=10.0, ge=0.1, le=25, description="For one try.")

    @property
    def kind(self) -> str:
        """Which of `KINDS` it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


class NotifySettings(Settings):
    """All that stands under `plugins.notify`."""

    name: str = setting(
        default="crossfade",
        min_length=1,
        max_length=64,
        pattern=r"^[\x20-\x7e]+$",
        description="What calls itself so in messages: which of your proxies it is.",
    )
    store: Annotated[str, store_url("memory", "sqlite", "redis")] = setting(
        default="sqlite:var/alerts.db",
        max_length=1024,
        description="Where alerts wait until they are told, and are listed: `sqlite:path` for one "
        "process, `redis://host:6379/0` for a fleet, `memory://` for a trial: a restart forgets "
        "it.",
    )
    channels: dict[Annotated[str, AfterValidator(_name)], ChannelSettings] = setting(
        default={}, max_length=20, description="Who is told, by names of yours."
    )
    repeat: Period = setting(
        default=86_400.0,
        ge=60,
        description="What lasts, and is raised again and again, is told again after this.",
    )
    give_up: Duration = setting(
        default=86_400.0, ge=60, description="How long it is tried to tell of something."
    )
    most: int = setting(
        default=1000, ge=10, le=10_000, description="What waits for one channel, at most."
    )
    keep: Period = setting(
        default=90 * 86_400.0, ge=3600, description="How long alerts are in the list."
    )

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(
            misfit for name, one in self.channels.items() for misfit in _misfits(name, one)
        )
        return self


def cap_of(rate: str) -> Cap:
    """Return how many messages a rate allows. Raises ValueError for text that is none."""
    found = _RATE.fullmatch(rate)
    if found is None:
        raise ValueError("a rate such as 30/h")
    return Cap(int(found[1]), _UNITS[found[2]])


def _misfits(name: str, channel: ChannelSettings) -> Iterator[Misfit]:
    said = [kind for kind in KINDS if getattr(channel, kind) is not None]
    if len(said) != 1:
        place = ("channels", name, *said[1:2])
        yield place, f"exactly one of {', '.join(KINDS)} for each channel"
    if channel.email is not None:
        for key, says in _email_misfits(channel.email):
            yield ("channels", name, "email", key), says


def _email_misfits(email: EmailSettings) -> Iterator[tuple[str, str]]:
    if email.tls == "none" and not is_loopback(email.host):
        yield "tls", "starttls or tls, where the server is another machine"
    if bool(email.username) != (email.password is not None):
        yield "password" if email.username else "username", "both username and password, or none"
