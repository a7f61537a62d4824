# SPDX-License-Identifier: Apache-2.0
"""The real schemathesis, in `make nightly`: a few cases for some operations, and for each of them.

CONTRIBUTING.md says how to run more.
"""

import json
from http import HTTPStatus

import httpx
import pytest

from tests.clients.conftest import throw_away_hub
from tests.clients.fuzzing import EXCEPTED, OPERATIONS, QUICK, ROOT, fuzz
from tests.hub.api.conftest import wait_until

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub of its own: nobody knows what is asked of it. Private matching is ready there."""
    with throw_away_hub(tmp_path_factory.mktemp("hub")) as variables:
        signed_in = {"Authorization": f"Bearer {variables['HUB_TOKEN']}"}
        address = f"{variables['HUB_URL']}/api/v1/private-match"
        wait_until(lambda: httpx.get(address, headers=signed_in).status_code == HTTPStatus.OK)
        yield variables


@pytest.mark.nightly
def test_made_up_requests_to_some_operations_get_answers_of_the_schema(hub):
    found = fuzz(hub, each=2, seed=7, only=QUICK)
    assert found.is_whole, found.said
    assert found.cases >= len(QUICK), found.said


@pytest.mark.nightly
def test_no_made_up_request_breaks_the_hub_or_gets_an_answer_outside_the_schema(hub):
    found = fuzz(hub, each=2, seed=7)
    assert found.is_whole, found.said
    assert found.cases >= OPERATIONS, found.said


def test_each_exception_names_an_operation_of_the_schema():
    schema = json.loads((ROOT / "docs/use/openapi.json").read_text("utf-8"))
    operations = {
        operation["operationId"] for path in schema["paths"].values() for operation in path.values()
    }
    assert EXCEPTED.keys() | set(QUICK) <= operations


@pytest.mark.nightly
def test_a_run_that_reaches_no_hub_is_not_whole():
    found = fuzz({"HUB_URL": "http://127.0.0.1:1", "HUB_TOKEN": "st_a_b"}, each=1, seed=7)
    assert (found.is_whole, found.cases) == (False, 0)
