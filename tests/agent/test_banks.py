# SPDX-License-Identifier: Apache-2.0
"""The agent's banks, contents and exchanges, in the shapes of HMA and of its fake."""

import asyncio
import json

import pytest

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.hma.client import HmaClient
from stemtide.agent.http.app import create_app
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from tests.agent.hma_routes import CREATING, HASH, ROUTES, Bank, Message, Row, ask, known, named
from tests.agent.world import agent_of, config_of, picture

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
        if row.agent != "answers":
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


@pytest.mark.nightly
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
    ("POST", "/c/banks", {"name": "\ud800"}, 400, "must be text"),
    ("POST", "/c/banks", {"name": "STEMTIDE_MINE"}, 400, "policy fills"),
    ("POST", "/c/banks", {"name": "MINE", "enabled_ratio": "all"}, 400, "enabled_ratio"),
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


OWN = "OUR_REMOVALS"
OWN_VALUES = {"bank": OWN, "content": 0, "api": "stemtide"}


@pytest.fixture
def own(placed):
    """An own bank with one content, made as a client of HMA makes them."""
    http, _ = placed
    made = http.post("/c/banks", json={"name": OWN, "enabled_ratio": "1"})
    assert made.status_code == 201, made.text
    added = http.post(f"/c/bank/{OWN}/signal", json={"pdq": NEAR_NOTHING, "note": "a film"})
    assert added.status_code == 200, added.text
    return http, OWN_VALUES | {"content": added.json()["id"]}


NEAR_NOTHING = "0123456789abcdef" * 4


def test_every_route_of_the_table_answers_in_its_shape_for_an_own_bank(own):
    http, values = own
    rows = [row for row in ROUTES if "{bank}" in row.path and "/exchange/" not in row.path]
    assert {row.agent for row in rows} == {"answers", "own"}
    for row in rows:
        if row.path.endswith("/content") and row.method == "POST":
            answer = http.post(f"/c/bank/{OWN}/content", files={"photo": picture("chelsea.png")})
        else:
            answer = ask(http, row, **values)
        assert answer.status_code == 200, (row.id, answer.text)
        row.check(answer.content)


def test_a_client_written_for_hma_keeps_its_bank_at_the_agent(placed):
    """Unchanged: the client with which an agent keeps a provider's real HMA."""
    http, _ = placed

    async def use():
        async with HmaClient(HmaSettings(url=str(http.base_url))) as client:
            await client.make_bank(OWN)
            await client.make_bank(OWN)  # an existing one does not change
            value = bytes.fromhex(NEAR_NOTHING)
            number = await client.put(OWN, Kind.PDQ, value, note="a film")
            near = bytes([value[0] ^ 7, *value[1:]])
            matches = await client.look_up(OWN, Kind.PDQ, near)
            every = await client.look_up_all(OWN, Kind.PDQ, near)
            content = await client.content(OWN, number)
            await client.remove(OWN, number)
            gone = await client.content(OWN, number), await client.look_up(OWN, Kind.PDQ, near)
            await client.delete_bank(OWN)
            return number, matches, every, content, gone

    number, matches, every, content, gone = asyncio.run(use())
    assert (matches, every, gone) == ({number}, {number}, (None, set()))
    assert (content.id, content.bank.name, content.note) == (number, OWN, "a film")
    assert OWN not in {row["name"] for row in http.get("/c/banks").json()}


def test_a_content_is_added_by_file_and_by_hashes_and_found_by_each(own):
    http, _ = own
    cat = picture("chelsea.png")
    added = http.post(f"/c/bank/{OWN}/content", files={"photo": cat}).json()
    assert set(added["signals"]) == {"pdq", "md5", "sha256"}
    for name, value in added["signals"].items():
        query = {"signal": value, "signal_type": name}
        assert http.get("/m/lookup", params=query).json()[OWN][0]["bank_content_id"] == added["id"]
    by_type = http.post("/m/lookup", files={"photo": cat}).json()
    assert all(OWN in banks for banks in by_type.values())
    path = f"/c/bank/{OWN}/content/{added['id']}"
    shown = http.get(path, params={"include_signals": "true"}).json()
    assert shown["signals"].items() >= added["signals"].items()
    body = {"md5": "0" * 31 + "1", "video_sha256": "0" * 63 + "1"}
    both = http.post(f"/c/bank/{OWN}/signal", json=body).json()
    for name, value in body.items():
        find = {"signal_type": name, "signal_value": value}
        found = http.post(f"/ui/bank/{OWN}/content/find", json=find).json()
        assert found["content_ids"] == [both["id"]]


def test_a_bank_of_a_client_holds_until_somebody_chooses_another_action(own):
    http, _ = own
    body = {"items": [{"pdq": NEAR_NOTHING}]}

    def action():
        answer = http.post("/match", json=body, params={"look": "1"})
        return answer.json()["items"][0]["decision"]["action"]

    assert action() == "hold"
    http.patch(f"/banks/{OWN}", json={"action": "block"})
    assert action() == "block"
    assert http.put(f"/c/bank/{OWN}", json={"enabled": False}).json() == {
        "name": OWN,
        "matching_enabled_ratio": 0.0,
    }
    assert action() is None
    assert http.put(f"/c/bank/{OWN}", json={"enabled": True}).json()["matching_enabled_ratio"] == 1
    assert action() == "block"


@pytest.mark.nightly
def test_a_content_is_switched_off_and_on_again(own):
    http, values = own
    path = f"/c/bank/{OWN}/content/{values['content']}"
    query = {"signal": NEAR_NOTHING, "signal_type": "pdq"}
    assert http.put(path, json={"disable_until_ts": 0}).json()["disable_until_ts"] == 0
    assert http.get(path).json()["disable_until_ts"] == 0
    assert http.get("/m/lookup", params=query).json() == {}
    assert http.put(path, json={"disable_until_ts": 1}).json()["disable_until_ts"] == 1
    assert OWN in http.get("/m/lookup", params=query).json()
    assert http.put(path, json={"disable_until_ts": 1800000000}).status_code == 400
    assert http.delete(path).json() == {"deleted": 1}
    assert http.delete(path).json() == {"deleted": 0}
    for answer in (http.get(path), http.put(path, json={"disable_until_ts": 1})):
        assert (answer.status_code, "not found" in answer.json()["message"]) == (404, True)


BAD_OWN = [
    ("POST", "/c/banks", {"name": OWN}, 403, "exists"),
    ("PUT", f"/c/bank/{OWN}", {"enabled_ratio": 2}, 400, "enabled_ratio"),
    ("PUT", f"/c/bank/{OWN}", {"enabled_ratio": 10**400}, 400, "enabled_ratio"),
    ("PUT", f"/c/bank/{OWN}", {"name": "OTHER"}, 400, "name"),
    ("PUT", f"/c/bank/{OWN}", {"enabled": "no"}, 400, "enabled"),
    ("POST", f"/c/bank/{OWN}/signal", {}, 400, "names no signal"),
    ("POST", f"/c/bank/{OWN}/signal", {"vpdq": "00"}, 400, "No such signal type"),
    ("POST", f"/c/bank/{OWN}/signal", {"pdq": "00"}, 400, "64 hex digits"),
    ("POST", f"/c/bank/{OWN}/signal", {"pdq": "0" * 64}, 400, "value"),
    ("POST", f"/c/bank/{OWN}/signal", {"pdq": HASH, "note": "x" * 256}, 400, "note"),
    ("POST", f"/c/bank/{OWN}/signal", {"pdq": HASH, "note": "\ud800"}, 400, "note"),
    ("POST", f"/c/bank/{OWN}/signal", {"pdq": "\ud800"}, 400, "must be text"),
    ("POST", f"/c/bank/{OWN}/signal", {"url": "x" * 5000}, 400, "web address"),
    ("POST", f"/c/bank/{OWN}/content", {}, 400, "url"),
    ("POST", f"/c/bank/{OWN}/content?url=http://a.example/", {}, 403, "fetch_hosts"),
    ("POST", "/c/exchanges", {"bank": OWN, "api": "stemtide"}, 403, "keeps no bank"),
    ("GET", f"/c/exchange/{OWN}", None, 404, "not found"),
    ("GET", f"/c/bank/STEMTIDE_BLOCK/content/{10**12}", None, 404, "not found"),
]


def test_what_an_own_bank_does_not_take_is_refused_and_changes_nothing(own):
    http, _ = own
    before = http.get("/banks").json()
    for method, path, sent, status, word in BAD_OWN:
        answer = http.request(method, path, content=json.dumps(sent))
        assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text
    assert http.get("/banks").json() == before


def test_a_content_of_one_bank_is_not_reached_through_another(own):
    http, values = own
    http.post("/c/banks", json={"name": "OTHER"})
    path = f"/c/bank/OTHER/content/{values['content']}"
    assert http.get(path).status_code == http.put(path, json={}).status_code == 404
    assert http.delete(path).json() == {"deleted": 0}
    assert http.get(f"/c/bank/{OWN}/content/{values['content']}").status_code == 200
