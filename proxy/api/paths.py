"""What a plugin has to know that decides by the path of a request."""

from proxy.core import path_readings as core

__all__ = ["path_readings"]


def path_readings(path: str) -> frozenset[str] | None:
    r"""Return every reading that an upstream may have of a path; None if they are too many.

    The path goes upstream as it came, and upstreams do not agree on what it means:
    ``/%61dmin``, ``//admin``, ``/x/..;/admin``, ``/x\..\admin`` and ``/admin%20`` may all be
    ``/admin`` to one of them. Whoever denies by the path denies if any reading fits;
    whoever allows, allows if all of them do. None is for a path with more than forty
    readings, or with more than 2048 characters that are not plain: deny it.
    """
    return core.path_readings(path)
