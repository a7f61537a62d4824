# SPDX-License-Identifier: Apache-2.0
"""The real schemathesis over some operations of a running agent, and nightly over all of them."""

import pytest

from stemtide.agent.http.openapi.document import OPERATIONS
from tests.agent.fake_hma import FakeHma
from tests.agent.fake_hub import KEY
from tests.agent.world import AgentInProcess, sha256
from tests.clients.fuzzing import Target, run, with_exceptions

pytestmark = pytest.mark.flow

TOKEN = "hush"
KIND = "what a value looks like depends on its kind"
CONTENT = "content that is empty, or cannot be looked at, is refused"
WHICH = "which parameters go together depends on what is asked"
EXCEPTED = {
    "accept_log_head": "only the head of an alarm is accepted",
    "act_on_catalogue": KIND,
    "add_own_allow_entry": KIND,
    "add_own_item": KIND,
    "add_signals": KIND,
    "add_content": CONTENT,
    "create_own_bank": "a name that is taken, or is one of the policy's banks, is refused",
    "match_content": KIND,
    "match_hash": "exactly one hash is given, and within_bits with pdq alone",
    "match_hashes": KIND,
    "take_chunk": CONTENT,
    "begin_stream": CONTENT,
    "hash_address": WHICH,
    "hash_file": CONTENT,
    "look_up": WHICH,
    "look_up_file": CONTENT,
    "look_up_raw": KIND,
    "compare_hashes": KIND,
    "find_content": WHICH,
}
"""Operations that refuse some requests that fit the document, and what no schema can say."""

QUICK = (
    *("match_content", "match_hash", "match_hashes", "match_urls", "take_chunk", "read_health"),
    *("rebuild_companion", "take_matches", "hash_file", "look_up", "make_bank"),
    *("create_own_bank", "list_own_items", "switch_off_signal"),
)
"""Operations that `make test` asks: each door of the agent, and each form of a body."""

SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422, 429]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 403, 404, 409, 429]
"""

TOML = """
name = "uploads"
hub_url = "{hub}"
key = "{key}"
data_dir = "{folder}/agent"
port = 0
token = "{token}"

[companion]
url = "{hma}"
"""


@pytest.fixture
def target(hub, tmp_path):
    """A running agent with a token, a signal, and an HMA that it keeps up."""
    hub.share(sha256(b"x"))
    hma = FakeHma().start()
    facts = {"hub": hub.url, "key": KEY, "folder": tmp_path, "token": TOKEN, "hma": hma.url}
    agent = AgentInProcess(tmp_path, TOML.format(**facts))
    agent.http.headers["Authorization"] = f"Bearer {TOKEN}"
    agent.wait(position=1)
    settings = with_exceptions(SETTINGS, EXCEPTED)
    yield Target(f"{agent.http.base_url}/openapi.json".replace("//open", "/open"), TOKEN, settings)
    agent.stop()
    hma.stop()


@pytest.mark.nightly
def test_made_up_requests_to_some_operations_get_answers_of_the_document(target):
    found = run(target, each=2, seed=7, only=QUICK)
    assert found.is_whole, found.said
    assert found.cases >= len(QUICK), found.said


@pytest.mark.nightly
def test_no_made_up_request_breaks_the_agent_or_gets_an_answer_outside_the_document(target):
    found = run(target, each=2, seed=7)
    assert found.is_whole, found.said
    assert found.cases >= len(OPERATIONS), found.said


def test_each_exception_names_an_operation_of_the_document():
    assert EXCEPTED.keys() | set(QUICK) <= {operation.name for operation in OPERATIONS}
