# SPDX-License-Identifier: Apache-2.0
"""The agent's banks, contents and exchanges, in the shapes of HMA and of its fake."""

import json

import pytest

from stemtide.agent.http.app import create_app
from stemtide.agent.store.database import Store
from tests.agent.hma_routes import CREATING, HASH, ROUTES, Bank, Message, Row, ask, known, named
from tests.agent.world import agent_of, config_of

NAME = "EU_CRISIS"


@pytest.fixture
def placed(hub, tmp_path, sandbox):
    """An agent with a bank of its settings, and the content id of what is in it."""
    hub.share(HASH, kind="pdq", labels=["manifesto"])
    with agent_of(config_of(hub, tmp_path, hma_bank=NAME), sandbox) as agent:
        agent.wait(position=1)
        (number,) = agent.http.get(f"/m/raw_lookup?signal={HASH}&signal_type=pdq").json()["matches"]
        yield agent.http, {"bank": NAME, "content": number, "api": "stemtide"}


def test_every_route_of_the_table_answers_in_its_shape_or_refuses_and_changes_nothing(placed):
    http, values = placed
    before = [ask(http, row, **values).json() for row in ROUTES if row.method == "GET"]
    for row in (*CREATING, *ROUTES):
        answer = ask(http, row, **values)
        if row.agent == "refuses":
            assert answer.status_code == 403, row.id
            row = Row("", "", Message)  # noqa: PLW2901 - a refusal has one shape
        else:
            assert answer.status_code in {200, 201}, (row.id, answer.text)
        row.check(answer.content)
    after = [ask(http, row, **values).json() for row in ROUTES if row.method == "GET"]
    assert _still(before) == _still(after)


def _still(answers):
    """Answers without the times in them."""
    return [
        {n: v for n, v in one.items() if "ts" not in n} if "api" in one else 0 for one in answers
    ]


def test_the_table_has_every_route_of_the_agent(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path)
    with Store(config.data_dir) as store:
        app = create_app(config, store=store, sandbox=sandbox)
        refused = {(row.method, row.path) for row in ROUTES if row.agent == "refuses"}
        assert named(app.routes) == known() - refused


def test_a_content_says_its_bank_its_signal_and_its_sharer(placed):
    http, values = placed
    content = f"/content/{values['content']}"
    told = http.get(f"/c/bank/{NAME}{content}", params={"include_signals": "true"}).json()
    assert (told["bank"]["name"], told["signals"]) == (NAME, {"pdq": HASH})
    assert "shared by europol: manifesto" in told["note"]
    own = http.get(f"/c/bank/STEMTIDE_HOLD{content}").json()
    assert own["bank"]["name"] == "STEMTIDE_BLOCK"
    find = {"signal_type": "pdq", "signal_value": HASH}
    found = http.post(f"/ui/bank/{NAME}/content/find", json=find).json()
    assert found["content_ids"] == [values["content"]]
    assert http.post("/ui/bank/STEMTIDE_HOLD/content/find", json=find).json()["matches"] == []


def test_a_withdrawn_content_is_gone_and_its_bank_is_not(hub, placed):
    http, values = placed
    hub.withdraw(next(iter(hub.entries.values())))
    path = f"/c/bank/{NAME}/content/{values['content']}"
    while http.get(path).status_code == 200:
        pass
    assert http.get(path).status_code == 404
    assert http.get(f"/c/bank/{NAME}/content/{10**30}").status_code == 404
    Row("", "", Bank).check(http.get(f"/c/bank/{NAME}").content)


BAD = [
    ("POST", "/c/banks", {}, 400, "name"),
    ("POST", "/c/banks", {"name": 7}, 400, "name"),
    ("POST", "/c/banks", [], 400, "object"),
    ("POST", "/c/banks", {"name": "STEMTIDE_BLOCK"}, 403, "exists"),
    ("POST", "/c/banks", {"name": "\ud800"}, 403, "hma_bank"),
    ("POST", "/c/banks", {"name": NAME, "enabled_ratio": "0.5"}, 403, "enabled_ratio"),
    ("POST", "/c/banks", {"name": NAME, "enabled": False}, 403, "enabled_ratio"),
    ("POST", "/c/exchanges", {"bank": NAME, "api": "ncmec"}, 400, "No such exchange type"),
    ("POST", "/c/exchanges", {"bank": "OTHER", "api": "stemtide"}, 403, "hma_bank"),
    ("GET", "/c/bank/OTHER", None, 403, "hma_bank"),
    ("GET", "/c/bank/A%2FB", None, 403, "not offered"),
    ("GET", "/c/bank/OTHER/content/1", None, 403, "hma_bank"),
    ("GET", "/c/exchange/OTHER", None, 403, "hma_bank"),
    ("GET", "/c/exchanges/api/ncmec", None, 400, "no such Exchange API"),
    ("GET", "/c/signal_type/index?signal_type=tmk", None, 400, "signal_type"),
    ("POST", f"/ui/bank/{NAME}/content/find", {"signal_type": "pdq"}, 400, "signal"),
    ("POST", f"/ui/bank/{NAME}/content/find", {"url": 7}, 400, "url"),
    ("POST", f"/ui/bank/{NAME}/content/find", {"url": "http://a.example/"}, 403, "fetch_hosts"),
    ("GET", "/ui/banks", None, 403, "not offered"),
]


def test_what_is_not_offered_is_refused_in_hmas_shape_and_never_as_missing(placed):
    http, _ = placed
    for method, path, sent, status, word in BAD:
        answer = http.request(method, path, content=json.dumps(sent))
        assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text
