"""Hands alerts to the applications that have the hook `alert_raised`."""

from collections.abc import Callable, Iterable

import structlog

from proxy.api.events import Alert
from proxy.pluginhost.instances import ApplicationInstance
from proxy.settings.problems import printable

__all__ = ["Alerts"]

_DEEPEST = 2
"""An alert that is raised while one is told is told too; one raised while that is, is not."""

_LONGEST = 1000
_log = structlog.get_logger()


class Alerts:
    """Each alert is written to the log and told to everyone once."""

    def __init__(self, applications: Callable[[], Iterable[ApplicationInstance]]) -> None:
        """`applications` returns those that serve."""
        self._applications = applications
        self._depth = 0

    def tell(self, alert: Alert) -> None:
        """Tell everyone. Faults are counted, and end in a quarantine like any others."""
        told = self._depth < _DEEPEST
        _log.warning(
            "alert",
            alert=printable(alert.name[:_LONGEST]),
            subject=printable(alert.subject[:_LONGEST]),
            text=printable(alert.text[:_LONGEST]),
            severity=alert.severity,
            told=told,
        )
        if not told:
            return
        self._depth += 1
        try:
            for one in tuple(self._applications()):
                one.tell("alert_raised", alert)
        finally:
            self._depth -= 1
