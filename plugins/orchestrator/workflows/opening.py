"""Opens the store of workflows that a URL names."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from proxy.api import Services

from .sqlite import MIGRATIONS, SqliteWorkflows
from .store import WorkflowStore

__all__ = ["store_for"]

_DAY = 86_400.0


def store_for(url: str, services: Services, keep: float = _DAY) -> WorkflowStore:
    """Return the store for ``memory://``, ``sqlite:path`` or ``dynamodb://table``.

    ``dynamodb://`` takes ``?region=`` and ``&endpoint=``. Not opened yet; closed with
    `services`. `keep` is for how many seconds ended workflows are to be kept. Raises
    ValueError for another URL.
    """
    scheme, _, rest = url.partition(":")
    if url == "memory://":
        file = services.sqlite(Path(":memory:"), MIGRATIONS)
        return SqliteWorkflows(file, services.now, services.log)
    if scheme == "sqlite":
        path = rest.removeprefix("//")
        if not path or (rest.startswith("//") and not path.startswith("/")):
            raise ValueError(
                "workflows: write sqlite:name.db, or sqlite:///path with three slashes"
            )
        file = services.sqlite(Path(path), MIGRATIONS)
        return SqliteWorkflows(file, services.now, services.log)
    if scheme == "dynamodb":
        return _dynamo(url, services, keep)
    raise ValueError(f"workflows: {scheme[:20]!r} is no store; there are memory, sqlite, dynamodb")


def _dynamo(url: str, services: Services, keep: float) -> WorkflowStore:
    from .dynamo import DynamoWorkflows

    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if unknown := sorted(query.keys() - {"region", "endpoint"}):
        raise ValueError(
            f"workflows: dynamodb:// takes ?region= and &endpoint=, not {', '.join(unknown)[:60]!r}"
        )
    region, endpoint = (query.get(name, [""])[-1] for name in ("region", "endpoint"))
    table = services.dynamodb(parts.netloc, region, endpoint)
    return DynamoWorkflows(table, services.now, services.log, keep)
