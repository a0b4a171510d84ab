"""The values that configuration is written in: durations, sizes, addresses, URLs, names.

Pure text in, value out. Each reader raises `UnfitError` with what was wanted and how
to write it; none of them puts the text it was given into the message, because
the text may be a secret.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Scheme = Literal["http", "https"]
Read = Callable[[str], object]
ExtractorKind = Literal["jwt", "header", "cookie"]

DURATION_UNITS: dict[str, Decimal] = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
SIZE_UNITS: dict[str, int] = {
    "B": 1,
    "KB": 1000,
    "KiB": 1024,
    "MB": 1000**2,
    "MiB": 1024**2,
    "GB": 1000**3,
    "GiB": 1024**3,
}
A_DURATION = "a duration such as 250ms, 2s, 10m or 1h"
A_SIZE = "a size such as 512B, 8KB, 32KiB or 1MiB"
AN_ADDRESS = "an address such as 127.0.0.1:8080 or [::1]:8080"
A_URL = "a URL such as http://127.0.0.1:3000 or https://api.example.com"
AN_EXTRACTOR = "an extractor: jwt:claim, header:Name or cookie:name"

_AMOUNT = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,6})?)[ ]?([A-Za-z]*)")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PORT = re.compile(r"[0-9]{1,5}")


class UnfitError(ValueError):
    """A value that cannot be read: what was wanted, how to write it, and, in words, what it is."""

    def __init__(self, wanted: str, hint: str = "", said: str = "") -> None:
        """Keep the three parts; `said` replaces the value itself in the message."""
        super().__init__(wanted)
        self.wanted = wanted
        self.hint = hint
        self.said = said


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an IP address or host name (no brackets) and a port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around IPv6."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """One address of an upstream: scheme, host in lower case without brackets, port."""

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host[:port]` as a Host header wants it: without the scheme's own port."""
        default = 443 if self.scheme == "https" else 80
        host = _bracketed(self.host)
        return host if self.port == default else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URL without a path."""
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Extractor:
    """Where a value is looked for: a verified JWT claim, a header or a cookie, by name."""

    kind: ExtractorKind
    name: str

    def __str__(self) -> str:
        """`kind:name`, as written in the configuration."""
        return f"{self.kind}:{self.name}"


def duration(text: str) -> float:
    """Seconds of a duration such as `250ms`, `2s`, `10m`, `1h`; raises `UnfitError`."""
    amount, unit = _amount(text, A_DURATION)
    if unit not in DURATION_UNITS:
        raise UnfitError(
            A_DURATION, _unit_hint(amount, unit, {u.lower(): u for u in DURATION_UNITS})
        )
    return float(Decimal(amount) * DURATION_UNITS[unit])


def written_duration(seconds: float) -> str:
    """The shortest text that `duration` reads back as these seconds (whole milliseconds)."""
    milliseconds = round(seconds * 1000)
    for unit, factor in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % factor == 0:
            return f"{milliseconds // factor}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def size(text: str) -> int:
    """Bytes of a size such as `32KiB` (1024s) or `8KB` (1000s); raises `UnfitError`."""
    amount, unit = _amount(text, A_SIZE)
    if unit not in SIZE_UNITS:
        likely = {u.lower(): u for u in SIZE_UNITS} | {"k": "KiB", "m": "MiB", "g": "GiB"}
        raise UnfitError(A_SIZE, _unit_hint(amount, unit, likely))
    count = Decimal(amount) * SIZE_UNITS[unit]
    if count != int(count):
        raise UnfitError("a whole number of bytes")
    return int(count)


def written_size(count: int) -> str:
    """The shortest text that `size` reads back as this many bytes."""
    for unit in ("GiB", "MiB", "KiB", "GB", "MB", "KB"):
        if count and count % SIZE_UNITS[unit] == 0:
            return f"{count // SIZE_UNITS[unit]}{unit}"
    return f"{count}B"


def address(text: str) -> Address:
    """A `host:port` to listen on; IPv6 in brackets; raises `UnfitError`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise UnfitError(AN_ADDRESS, "add the port")
    if host in ("", "*"):
        raise UnfitError(AN_ADDRESS, "name the host: 127.0.0.1 for this machine, 0.0.0.0 for all")
    return Address(_host(host, AN_ADDRESS), _port(port, 0, AN_ADDRESS))


def url(text: str) -> EndpointUrl:
    """The `http` or `https` URL of an endpoint: no userinfo, path, query or fragment."""
    scheme, separator, rest = text.partition("://")
    name = scheme.lower()
    if not separator or (name != "http" and name != "https"):
        raise UnfitError(A_URL, "begin with http:// or https://")
    if "@" in rest:
        raise UnfitError(A_URL, "leave out the user and password")
    authority, _, beyond = rest.partition("/")
    if beyond or "?" in rest or "#" in rest:
        raise UnfitError(A_URL, "end after the host and port: the path and query are the client's")
    host, port = _split_authority(authority)
    default = "443" if name == "https" else "80"
    known: Scheme = "https" if name == "https" else "http"
    return EndpointUrl(known, _host(host, A_URL), _port(port or default, 1, A_URL))


def network(text: str) -> str:
    """A CIDR block such as `10.0.0.0/8` (a lone address is a block of one), normalised."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    wanted = "a network such as 10.0.0.0/8, 127.0.0.1/32 or ::1/128"
    try:
        block = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UnfitError(wanted) from None
    raise UnfitError(wanted, f"the address has bits beyond its prefix; write {block}")


def host_name(text: str) -> str:
    """A host name or IP address without a port, in lower case; raises `UnfitError`."""
    wanted = "a host name without a port"
    if ":" in text and not text.startswith("["):
        raise UnfitError(wanted, "leave out the scheme and the port")
    return _host(text, wanted)


def field_name(text: str) -> str:
    """A header's name: a token of RFC 9110 section 5.6.2; raises `UnfitError`."""
    if not _TOKEN.fullmatch(text):
        raise UnfitError("a header name: letters, digits and !#$%&'*+-.^_`|~")
    return text


def cookie_name(text: str) -> str:
    """A cookie's name: a token, RFC 6265 section 4.1.1; raises `UnfitError`."""
    if not _TOKEN.fullmatch(text):
        raise UnfitError("a cookie name: letters, digits and !#$%&'*+-.^_`|~")
    return text


def request_path(text: str) -> str:
    """A path, with a query or without, as a request writes it; raises `UnfitError`."""
    wanted = "a path such as /api/health"
    if not text.startswith("/"):
        raise UnfitError(wanted, "begin with /")
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise UnfitError(wanted, "percent-encode it, as it appears in a request")
    return text


def method(text: str) -> str:
    """A request method: an upper-case token of RFC 9110 section 9.1; raises `UnfitError`."""
    if not _TOKEN.fullmatch(text):
        raise UnfitError("a method such as GET or POST")
    if text != text.upper():
        raise UnfitError(
            "a method in upper case, such as GET or POST", f"write {text[:32].upper()}"
        )
    return text


def extractor(text: str) -> Extractor:
    """`jwt:claim`, `header:Name` or `cookie:name`; raises `UnfitError`."""
    kind, _, name = text.partition(":")
    if not name or name != name.strip():
        raise UnfitError(AN_EXTRACTOR)
    if kind == "jwt":
        return Extractor("jwt", name)
    if kind == "header":
        return Extractor("header", field_name(name))
    if kind == "cookie":
        return Extractor("cookie", cookie_name(name))
    raise UnfitError(AN_EXTRACTOR)


def path_pattern(text: str) -> str:
    """`/exact`, `/prefix/**` or `~regex` for a request's path, checked; raises `UnfitError`."""
    if text.startswith("~"):
        return _regex(text)
    wanted = "a path such as /api/campaigns, a prefix such as /api/** or a regex such as ~/v[12]/.*"
    if not text.startswith("/"):
        raise UnfitError(wanted, "begin with / or ~")
    if "?" in text or "#" in text:
        raise UnfitError(wanted, "only the path is matched; leave out ? and #")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UnfitError(wanted, "percent-encode it, as it appears in a request")
    stem = text.removesuffix("/**")
    if "*" in stem:
        raise UnfitError(wanted, "** stands only at the end, after a /; anything else is a ~regex")
    return text


def three_decimals(number: float) -> bool:
    """Whether the number is a finite multiple of 0.001, as written."""
    return math.isfinite(number) and Decimal(repr(number)) % Decimal("0.001") == 0


def _amount(text: str, wanted: str) -> tuple[str, str]:
    found = _AMOUNT.fullmatch(text)
    if not found:
        raise UnfitError(wanted)
    return found[1], found[2] if " " not in text else f" {found[2]}"


def _unit_hint(amount: str, unit: str, likely: dict[str, str]) -> str:
    if not unit.strip():
        return "add the unit"
    right = likely.get(unit.strip().lower())
    return f"write {amount}{right}" if right else "use one of those units"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _split_authority(authority: str) -> tuple[str, str]:
    if authority.endswith("]") or ":" not in authority:
        return authority, ""
    host, _, port = authority.rpartition(":")
    if not port:
        raise UnfitError(A_URL, "write the port after the colon, or leave out the colon")
    return host, port


def _host(text: str, wanted: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return _ip(text[1:-1], 6, wanted)
    if ":" in text:
        raise UnfitError(wanted, "put an IPv6 address in brackets")
    if len(text) > 253 or not _HOST_NAME.fullmatch(text):
        raise UnfitError(wanted, "" if text.isascii() else "write the name in its xn-- form")
    if text.rpartition(".")[2].isdigit():
        return _ip(text, 4, wanted)
    return text.lower()


def _ip(text: str, version: int, wanted: str) -> str:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise UnfitError(wanted, "the IP address is not valid") from None
    if ip.version != version or "%" in text:
        raise UnfitError(wanted, "the IP address is not valid")
    return str(ip)


def _port(text: str, lowest: int, wanted: str) -> int:
    if not _PORT.fullmatch(text) or not lowest <= int(text) <= 65535:
        raise UnfitError(wanted, f"the port is a number from {lowest} to 65535")
    return int(text)


def _regex(text: str) -> str:
    wanted = "a regular expression after the ~"
    if len(text) > 1024:
        raise UnfitError(f"{wanted}, of at most 1023 characters")
    try:
        re.compile(text[1:].encode())
    except re.error as error:
        position = f" at position {error.pos}" if error.pos is not None else ""
        raise UnfitError(f"{wanted} that compiles", f"{error.msg}{position}") from None
    except (RecursionError, OverflowError):
        raise UnfitError(
            f"{wanted} that compiles", "it is nested too deeply or too large"
        ) from None
    return text
