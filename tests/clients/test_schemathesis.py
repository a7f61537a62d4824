# SPDX-License-Identifier: Apache-2.0
"""The real schemathesis: a few cases for each operation; CONTRIBUTING.md says how to run more."""

import pytest

from tests.clients.fuzzing import OPERATIONS, fuzz

pytestmark = pytest.mark.flow


def test_no_made_up_request_breaks_the_hub_or_gets_an_answer_outside_the_schema(hub):
    found = fuzz(hub, each=2, seed=7)
    assert found.is_whole, found.said
    assert found.cases >= OPERATIONS, found.said


def test_a_run_that_reaches_no_hub_is_not_whole():
    found = fuzz({"HUB_URL": "http://127.0.0.1:1", "HUB_TOKEN": "st_a_b"}, each=1, seed=7)
    assert (found.is_whole, found.cases) == (False, 0)
