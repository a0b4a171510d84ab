"""The `listen`, `tls` and `admin` sections: where Crossfade itself is reached."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from proxy.settings import fields, values
from proxy.settings.section import Section
from proxy.settings.values import Address

ListenAddress = Annotated[Address, fields.text("an address", values.address)]


class Tls(Section):
    """The certificate that a listener shows."""

    cert: Annotated[Path, fields.file()] = Field(
        description="Certificate chain, PEM: the server's own certificate first."
    )
    key: Annotated[Path, fields.file()] = Field(
        description="Private key of the certificate, PEM, without a passphrase."
    )


class Listen(Section):
    """An address that clients connect to. May be written as the bare address."""

    address: ListenAddress = Field(
        description="Host and port. Port 0 takes any free one. IPv6 stands in brackets."
    )
    tls: Tls | None = Field(
        default=None,
        description="The certificate to terminate TLS with. Default: the top-level `tls`, if any.",
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_address(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"address": value}


class Token(Section):
    """A token that opens the admin API."""

    name: Annotated[str, fields.name("a name")] = Field(
        description="Who holds it; shown in logs in place of the token. Unique."
    )
    role: Annotated[
        Literal["viewer", "operator", "admin"], fields.choice("viewer", "operator", "admin")
    ] = Field(
        description="What it may do: a viewer looks, an operator moves rollouts, an admin does all."
    )
    token: Annotated[SecretStr, fields.secret("a token", 16)] = Field(
        description="Sent as `Authorization: Bearer`. Take it from the environment."
    )


class Admin(Section):
    """The listener for health, metrics and the admin API. Without the section there is none."""

    listen: ListenAddress = Field(
        default=Address("127.0.0.1", 9090),
        description="Host and port. Off loopback it needs `tokens`.",
    )
    tokens: tuple[Token, ...] = Field(
        default=(),
        description="The tokens that open it. Without any it is open to this machine.",
    )
