"""A small document for a JSON schema: always the same one for the same schema."""

import json
from functools import lru_cache
from typing import Any

DEEPEST = 12
SAMPLES = {
    "date-time": "2030-01-02T03:04:05Z",
    "date": "2030-01-02",
    "time": "03:04:05Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = dict[str, Any]


@lru_cache(maxsize=256)
def instance_of(schema: bytes) -> str:
    """The JSON text of a document that satisfies the schema (itself JSON).

    Knows type, enum, const, properties, items, bounds of strings, numbers and arrays, formats,
    anyOf, oneOf, allOf and local $ref; not pattern. Raises ValueError where a schema is
    deeper than `DEEPEST`.
    """
    root = json.loads(schema)
    return json.dumps(_Builder(root).build(root, "document", 0), separators=(",", ":"))


class _Builder:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def build(self, schema: Any, name: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError(f"the schema is deeper than {DEEPEST}")
        if not isinstance(schema, dict):
            return _words(name)
        schema = self._plain(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        return _scalar(kind, schema, name)

    def _plain(self, schema: Schema) -> Schema:
        """Without references and alternatives."""
        while "$ref" in schema:
            schema = self._at(schema["$ref"])
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                rest = {word: said for word, said in schema.items() if word != choice}
                return self._plain({**rest, **schema[choice][0]})
        for part in schema.get("allOf", ()):
            schema = _joined(schema, self._plain(part))
        return schema

    def _at(self, pointer: str) -> Schema:
        found: Any = self._root
        for word in pointer.removeprefix("#").split("/")[1:]:
            found = found[word.replace("~1", "/").replace("~0", "~")]
        return dict(found)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        wanted = schema.get("properties", {})
        required = schema.get("required", ())
        document: dict[str, Any] = {name: {} for name in required if name not in wanted}
        deep = depth >= DEEPEST // 2
        for name, one in wanted.items():
            if not deep or name in required:
                document[name] = self.build(one, name, depth + 1)
        return document

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        count = max(least, min(1, schema.get("maxItems", 1)))
        if depth >= DEEPEST // 2:
            count = least
        return [self.build(schema.get("items"), name, depth + 1) for _ in range(count)]


def _joined(one: Schema, other: Schema) -> Schema:
    """Both schemas at once."""
    joined = {**one, **other}
    for word in ("properties", "required"):
        if word in one and word in other:
            both = one[word], other[word]
            joined[word] = {**both[0], **both[1]} if word == "properties" else [*both[0], *both[1]]
    return joined


def _kind(schema: Schema) -> str:
    said = schema.get("type")
    if isinstance(said, list):
        return next((one for one in said if one != "null"), "null")
    if said is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(said)


def _scalar(kind: str, schema: Schema, name: str) -> Any:
    if kind == "string":
        return _text(schema, name)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return _number(schema, whole=kind == "integer")


def _text(schema: Schema, name: str) -> str:
    text = SAMPLES.get(schema.get("format", ""), _words(name))
    text = text.ljust(schema.get("minLength", 0), "x")
    return text[: schema.get("maxLength", len(text))]


def _number(schema: Schema, *, whole: bool) -> float:
    step = schema.get("multipleOf", 1)
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (step if whole else min(step, 0.001))
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (step if whole else min(step, 0.001))
    number = max(1, low) if low is not None else 1
    if high is not None and number > high:
        number = high
    if whole or "multipleOf" in schema:
        number = -(-number // step) * step
    return number


def _words(name: str) -> str:
    return "Sample " + name.replace("_", " ")
