"""Opens the store of workflows that a URL names."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from proxy.api import DynamoTable, Services

from .sqlite import MIGRATIONS, SqliteWorkflows
from .store import WorkflowStore

__all__ = ["migrated", "store_for"]

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


async def migrated(url: str, services: Services, *, dry_run: bool) -> tuple[str, ...]:
    """Make the table that a URL names; return what was done, or with `dry_run` would be.

    Only ``dynamodb://`` names one: a file gets its tables when it is opened. Raises ValueError,
    StoreError.
    """
    if not url.startswith("dynamodb:"):
        return ()
    from .dynamo_table import migrate_table

    return await migrate_table(_table(url, services), dry_run=dry_run)


def _dynamo(url: str, services: Services, keep: float) -> WorkflowStore:
    from .dynamo import DynamoWorkflows

    return DynamoWorkflows(_table(url, services), services.now, services.log, keep)


def _table(url: str, services: Services) -> DynamoTable:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if unknown := sorted(query.keys() - {"region", "endpoint"}):
        raise ValueError(
            f"workflows: dynamodb:// takes ?region= and &endpoint=, not {', '.join(unknown)[:60]!r}"
        )
    region, endpoint = (query.get(name, [""])[-1] for name in ("region", "endpoint"))
    return services.dynamodb(parts.netloc, region, endpoint)
