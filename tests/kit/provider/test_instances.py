"""A document that is built for a schema satisfies it."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.properties import examples
from tests.kit.provider.instances import instance_of

NAMES = st.sampled_from(["title", "text", "score", "items"])
BOUNDS = st.integers(0, 9)


def scalars() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(
            lambda n, m: {"type": "string", "minLength": n, "maxLength": n + m}, BOUNDS, BOUNDS
        ),
        st.builds(lambda n, m: {"type": "integer", "minimum": n, "maximum": n + m}, BOUNDS, BOUNDS),
        st.builds(lambda n: {"type": "number", "exclusiveMinimum": n, "multipleOf": 0.5}, BOUNDS),
        st.sampled_from(
            [
                {"type": "boolean"},
                {"type": ["string", "null"]},
                {"type": "null"},
                {"enum": ["low", "high"]},
                {"const": 7},
                {"type": "string", "format": "date-time"},
                {"$ref": "#/$defs/tag"},
            ]
        ),
    )


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.dictionaries(NAMES, inner, max_size=3)
    return st.one_of(
        st.builds(
            lambda fields: {
                "type": "object",
                "properties": fields,
                "required": list(fields),
                "additionalProperties": False,
            },
            objects,
        ),
        st.builds(
            lambda one, n, m: {"type": "array", "items": one, "minItems": n, "maxItems": n + m},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.builds(lambda one: {"anyOf": [one, {"type": "null"}]}, inner),
    )


@given(schema=st.recursive(scalars(), nested, max_leaves=6))
@examples(60)
def test_any_schema_has_its_instance(schema: dict[str, Any]) -> None:
    whole = {**schema, "$defs": {"tag": {"type": "string", "maxLength": 3}}}
    text = instance_of(json.dumps(whole).encode())
    jsonschema_rs.validate(whole, json.loads(text))
    assert instance_of(json.dumps(whole).encode()) == text


def test_parts_of_all_of_are_joined_and_a_tree_ends() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"$ref": "#"}}},
        ]
    }
    made = json.loads(instance_of(json.dumps(schema).encode()))
    jsonschema_rs.validate(schema, made)
    assert isinstance(made["a"], int)
    assert set(made) == set(made["b"]) == {"a", "b"}


def test_a_schema_without_end_is_refused() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    with pytest.raises(ValueError, match="deeper than"):
        instance_of(json.dumps(endless).encode())
