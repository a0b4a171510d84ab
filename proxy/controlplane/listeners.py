"""The addresses that clients connect to: opened, carried over a reload, closed."""

import asyncio
import ssl
from collections.abc import Callable

from proxy.config.models import Listen, Tls
from proxy.dataplane.client_connection import ClientConnection
from proxy.settings.values import Address

__all__ = ["Change", "Listeners", "ListenersError"]

_BACKLOG = 4096


class ListenersError(Exception):
    """An address cannot be opened, or cannot be changed while it is open."""


class _Listener:
    """One open address and the certificate that it shows."""

    def __init__(
        self, server: asyncio.Server, context: ssl.SSLContext | None, tls: Tls | None
    ) -> None:
        self.server = server
        self.context = context
        self.tls = tls


class Change:
    """New addresses that are open but not yet ours: `make` it or `undo` it."""

    def __init__(self, listeners: dict[Address, _Listener], wanted: dict[Address, Tls | None]):
        """`listeners` are the open ones, `wanted` what shall be open in the end."""
        self.opened: dict[Address, _Listener] = {}
        self._listeners = listeners
        self._wanted = wanted

    def make(self) -> None:
        """Close what is no longer wanted; show renewed certificates from now on."""
        for address in [a for a in self._listeners if a not in self._wanted]:
            self._listeners.pop(address).server.close()
        for address, listener in self._listeners.items():
            tls = self._wanted[address]
            if tls is not None and listener.context is not None:
                listener.context.load_cert_chain(tls.cert, tls.key)
                listener.tls = tls
        self._listeners.update(self.opened)

    def undo(self) -> None:
        """Close what was opened."""
        for listener in self.opened.values():
            listener.server.close()


class Listeners:
    """All open addresses. A change opens first and closes afterwards, or changes nothing."""

    def __init__(self, protocol: Callable[[], ClientConnection]) -> None:
        """`protocol` makes the protocol of each new connection."""
        self._protocol = protocol
        self._open: dict[Address, _Listener] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is listened on, with the ports that were really taken."""
        found = []
        for listener in self._open.values():
            for sock in listener.server.sockets:
                host, port = sock.getsockname()[:2]
                found.append(str(Address(host, port)))
        return tuple(found)

    async def change(self, declared: tuple[Listen, ...]) -> "Change":
        """Open what is new in `declared`. Raises ListenersError; nothing is changed then.

        Until the change is made, the old addresses go on as before and new ones are
        already open: undo it if something else fails.
        """
        wanted = {listen.address: listen.tls for listen in declared}
        change = Change(self._open, wanted)
        try:
            for address, tls in wanted.items():
                before = self._open.get(address)
                if before is None:
                    change.opened[address] = await self._listen(address, tls)
                else:
                    _check_same_kind(address, before.tls, tls)
        except BaseException:
            change.undo()
            raise
        return change

    def close(self) -> None:
        """Take no more connections; open ones go on."""
        for listener in self._open.values():
            listener.server.close()
        self._open.clear()

    async def _listen(self, address: Address, tls: Tls | None) -> _Listener:
        context = None if tls is None else _context(address, tls)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._protocol, address.host, address.port, ssl=context, backlog=_BACKLOG
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenersError(f"listen {address}: cannot listen there: {reason}") from error
        return _Listener(server, context, tls)


def _check_same_kind(address: Address, before: Tls | None, after: Tls | None) -> None:
    if (before is None) != (after is None):
        raise ListenersError(
            f"listen {address}: TLS cannot be switched on or off while the address is open; "
            "restart Crossfade, or use another port"
        )
    if after is not None:
        _context(address, after)


def _context(address: Address, tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "the certificate and the key do not load"
        raise ListenersError(f"listen {address}: {tls.cert}: {reason}") from error
    return context
