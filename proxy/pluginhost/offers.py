"""What plugins offer to each other, by type."""

from typing import Any, NamedTuple, TypeVar

__all__ = ["Offers"]

_Service = TypeVar("_Service")


class _Offer(NamedTuple):
    owner: object
    kind: type
    service: Any


class Offers:
    """For all plugins of the process; of one kind, what was offered last is found."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._offers: list[_Offer] = []

    def share(self, owner: object, kind: type[_Service], service: _Service) -> None:
        """Offer `service` until its owner withdraws."""
        self._offers.append(_Offer(owner, kind, service))

    def shared(self, kind: type[_Service]) -> _Service | None:
        """Return what was offered last and was not withdrawn; None if nothing."""
        for offer in reversed(self._offers):
            if offer.kind is kind:
                service: _Service = offer.service
                return service
        return None

    def withdraw(self, owner: object) -> None:
        """Take back all that `owner` has offered."""
        self._offers = [offer for offer in self._offers if offer.owner is not owner]
