"""The table that a URL names."""

from urllib.parse import parse_qs, urlsplit

from proxy.api import DynamoTable, Services

__all__ = ["table_of"]


def table_of(url: str, services: Services) -> DynamoTable:
    """Return the table of ``dynamodb://name?region=…&endpoint=…``; nothing is asked yet."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    region, endpoint = (query.get(name, [""])[-1] for name in ("region", "endpoint"))
    return services.dynamodb(parts.netloc, region, endpoint)
