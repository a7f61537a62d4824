# SPDX-License-Identifier: Apache-2.0
from pydantic.json_schema import models_json_schema

from stemtide.hub.api import openapi
from stemtide.hub.api.urls import api
from tests.hub.api.schema import DOCS, OPERATIONS, SCHEMA
from tests.rounds import at_night


def test_the_written_schema_equals_the_api():
    written = (DOCS / "openapi.json").read_text("utf-8")

    remedy = "write it again: python -m stemtide.hub.api.openapi > docs/use/openapi.json"
    assert written == openapi.schema(), remedy


def test_every_reference_of_the_schema_leads_somewhere():
    def references(part):
        if isinstance(part, dict):
            yield from ([part["$ref"]] if "$ref" in part else [])
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                yield from references(one)

    known = {
        f"#/components/{sort}/{name}"
        for sort, parts in SCHEMA["components"].items()
        for name in parts
    }
    assert set(references(SCHEMA)) <= known


def test_every_endpoint_says_what_it_needs_and_how_it_fails():
    for name, operation in OPERATIONS.items():
        assert "key" in operation["description"], name
        failing = operation["responses"]["default"]["content"]
        assert "application/problem+json" in failing, name


def test_every_endpoint_tells_of_limits_and_of_what_is_left():
    for name, operation in OPERATIONS.items():
        responses = operation["responses"]
        assert responses["429"] == {"$ref": "#/components/responses/TooMany"}, name
        for status in [one for one in responses if one.startswith("2")]:
            headers = set(responses[status]["headers"])
            assert {"RateLimit", "RateLimit-Policy"} <= headers, (name, status)


def test_every_endpoint_is_in_the_guide():
    guide = (DOCS / "api.md").read_text("utf-8")

    assert [name for name in OPERATIONS if name.replace("{uid}", "{id}") not in guide] == []


@at_night
def test_no_two_messages_share_a_name_in_the_schema():
    models = {
        (model, "validation")
        for _, router in api._routers
        for view in router.path_operations.values()
        for operation in view.operations
        for model in (*operation.models, *operation.response_models.values())
        if isinstance(model, type)
    }
    _, found = models_json_schema(sorted(models, key=repr))

    # pydantic writes out the module of those who share one; ninja's own wrappers all do.
    assert not [name for name in found["$defs"] if name.startswith("stemtide")]
