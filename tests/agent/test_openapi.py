# SPDX-License-Identifier: Apache-2.0
"""The agent's OpenAPI document says what the agent answers, and nothing else."""

import msgspec
import pytest
import schemathesis

from stemtide.agent.http.app import create_app
from stemtide.agent.http.hash_requests import _HashesBody
from stemtide.agent.http.openapi.document import OPERATIONS, document
from stemtide.agent.http.openapi.own import HashesIn
from stemtide.agent.store.database import Store
from tests.agent.world import config_of

REFUSED = {"/c/{rest:path}", "/ui/{rest:path}"}
"""Routes that only refuse whatever else HMA offers: nothing of them is for a caller to know."""


@pytest.fixture
def routes(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path)
    with Store(config.data_dir) as store:
        return create_app(config, store=store, sandbox=sandbox).routes


def test_the_document_has_every_route_and_no_other(routes):
    answered = {
        (method, route.path.replace(":int", "").replace(":path", ""))
        for route in routes
        for method in route.methods - {"HEAD"}
        if route.path not in REFUSED
    }
    told = {
        (method.upper(), path)
        for path, operations in document()["paths"].items()
        for method in operations
    }
    assert told == answered
    assert len({operation.name for operation in OPERATIONS}) == len(told)


def test_the_document_is_openapi():
    assert schemathesis.openapi.from_dict(document()).validate() is None


def test_every_reference_of_the_document_leads_somewhere():
    schemas = document()["components"]["schemas"]
    text = msgspec.json.encode(document()).decode()
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= schemas.keys()


def test_a_body_that_msgspec_reads_has_the_fields_of_the_document():
    read = {field.name: field.required for field in msgspec.structs.fields(_HashesBody)}
    assert read == {name: one.is_required() for name, one in HashesIn.model_fields.items()}


def test_the_agent_answers_the_document(agent):
    answer = agent.http.get("/openapi.json")
    assert (answer.status_code, answer.json()) == (200, document())
