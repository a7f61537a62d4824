# SPDX-License-Identifier: Apache-2.0
import re
import struct
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from stemtide.agent.http.hash_requests import BINARY, BINARY_ANSWER
from stemtide.agent.recognise.hashes import MAX_MATCHES, RECORD
from tests.agent.world import agent_of, config_of, sha256, share_for_a_while, until
from tests.rounds import rounds

USE = (Path(__file__).parents[2] / "docs/use/agent.md").read_text("utf-8")
HASH = bytes.fromhex("0f" * 32)


def near(bits, *, of=HASH):
    """A PDQ hash that many bits away, in its first bits."""
    number = int.from_bytes(of, "little") ^ ((1 << bits) - 1)
    return number.to_bytes(32, "little")


FAR = bytes.fromhex("f0" * 32)


def ask_hashes(agent, *values, kind="pdq", **other):
    body = {"kind": kind, "hashes": [one.hex() for one in values], **other}
    answer = agent.http.post("/match/hashes", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask_hash(agent, **query):
    answer = agent.http.get("/match/hash", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_only_hashes_that_matched_are_told_by_their_place(hub, agent):
    signal = hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=1)
    told = ask_hashes(agent, FAR, near(6), FAR, near(31), near(32))
    match = {"signal": str(signal.id), "exercise": False, "disputed": False}
    assert told["matched"] == [
        {"hash": 1, "matches": [{**match, "distance_bits": 6}]},
        {"hash": 3, "matches": [{**match, "distance_bits": 31}]},
    ]
    assert (told["hashes"], told["position"], told["ready"]) == (5, 1, True)
    assert told["stale_s"] >= 0


def test_the_nearest_comes_first_and_a_narrower_search_finds_less(hub, agent):
    far, close = (hub.share(near(bits).hex(), kind="pdq") for bits in (20, 5))
    agent.wait(position=2)
    (found,) = ask_hashes(agent, HASH)["matched"]
    assert [one["signal"] for one in found["matches"]] == [str(close.id), str(far.id)]
    (found,) = ask_hashes(agent, HASH, within_bits=8)["matched"]
    assert [one["signal"] for one in found["matches"]] == [str(close.id)]


@pytest.mark.parametrize("kind", rounds(["md5"], nightly=["sha256", "md5", "url"]))
def test_digests_match_when_they_are_equal(hub, agent, kind):
    value = bytes(range(16 if kind == "md5" else 32))
    signal = hub.share(value.hex(), kind=kind)
    agent.wait(position=1)
    (found,) = ask_hashes(agent, value, value[::-1], kind=kind)["matched"]
    assert (found["hash"], found["matches"][0]["signal"]) == (0, str(signal.id))
    assert ask_hash(agent, **{kind: value.hex()})["matches"] == found["matches"]
    assert ask_hash(agent, **{kind: value[::-1].hex()})["matches"] == []


def test_bytes_are_answered_with_records_as_the_page_says(hub, agent):
    disputed = hub.share(near(3).hex(), kind="pdq", disputed=True)
    signal = hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=2)
    answer = agent.http.post(
        "/match/hashes",
        content=FAR + HASH,
        params={"kind": "pdq", "within_bits": 31},
        headers={"Content-Type": BINARY},
    )
    assert answer.headers["content-type"] == BINARY_ANSWER
    names = ("Stemtide-Position", "Stemtide-More")
    assert [answer.headers[name] for name in names] == ["2", "0"]
    assert [RECORD.unpack(answer.content[at : at + 24]) for at in (0, 24)] == [
        (1, 0, 0, signal.id.bytes),
        (1, 3, 2, disputed.id.bytes),
    ]
    page = {"struct": struct}
    exec(re.findall(r"```python\n(import struct.*?)```", USE, re.DOTALL)[0], page)  # noqa: S102 - our own page
    assert page["matches"](answer.content) == [
        (1, 0, 0, signal.id.hex),
        (1, 3, 2, disputed.id.hex),
    ]


@pytest.mark.nightly
def test_json_and_bytes_can_each_be_answered_with_the_other(hub, agent):
    signal = hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=1)
    asked = {"params": {"kind": "pdq"}, "content": HASH}
    headers = {"Content-Type": BINARY, "Accept": "application/json"}
    told = agent.http.post("/match/hashes", **asked, headers=headers).json()
    assert told["matched"][0]["matches"][0]["signal"] == str(signal.id)
    body = {"kind": "pdq", "hashes": [HASH.hex()]}
    answer = agent.http.post("/match/hashes", json=body, headers={"Accept": BINARY_ANSWER})
    assert UUID(bytes=RECORD.unpack(answer.content)[3]) == signal.id


def test_it_only_looks(hub, agent):
    hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=1)
    ask_hashes(agent, HASH, decide=True)
    ask_hash(agent, pdq=HASH.hex())
    assert (agent.health()["outbox"], agent._store.read("SELECT * FROM acted")) == (0, [])


def test_a_decision_is_what_the_policy_says_about_all_matches(hub, agent):
    hub.share(HASH.hex(), kind="pdq", provenance="media")
    grave = hub.share(near(9).hex(), kind="pdq")
    agent.wait(position=2)
    (found,) = ask_hashes(agent, HASH, FAR, decide=True)["matched"]
    (whole,) = agent.ask({"pdq": HASH.hex()}, look="1")
    wanted = {key: value for key, value in whole["decision"].items() if key != "undecodable"}
    assert found["decision"] == wanted
    assert (wanted["action"], wanted["signal"]) == ("block", str(grave.id))
    assert [one["action"] for one in found["matches"]] == ["block", "hold"]
    one = ask_hash(agent, pdq=HASH.hex(), decide="1")
    assert (one["decision"], one["matches"]) == (found["decision"], found["matches"])
    assert ask_hash(agent, pdq=FAR.hex(), decide="1")["decision"] is None


@pytest.mark.parametrize("decide", rounds([True], nightly=[False, True]))
def test_an_expired_signal_does_not_match(hub, agent, decide):
    def matches():
        return ask_hashes(agent, HASH, decide=decide)["matched"]

    share_for_a_while(hub, agent, HASH.hex(), matches=matches, kind="pdq")
    hub.stop()
    until(lambda: not matches())
    assert ask_hash(agent, pdq=HASH.hex())["matches"] == []


@pytest.mark.nightly
def test_an_exercise_is_marked_where_the_agent_takes_part(hub, tmp_path, sandbox):
    hub.share(HASH.hex(), kind="pdq", exercise=True)
    with agent_of(config_of(hub, tmp_path, exercise=True), sandbox) as agent:
        agent.wait(ready=True, position=1)
        (found,) = ask_hashes(agent, HASH, decide=True)["matched"]
        assert (found["matches"][0]["exercise"], found["decision"]["action"]) == (True, "log")
        assert ask_hash(agent, pdq=HASH.hex())["matches"][0]["exercise"] is True
        sent = {"Content-Type": BINARY}
        url, query = "/match/hashes", {"kind": "pdq"}
        records = agent.http.post(url, content=HASH, params=query, headers=sent).content
        assert RECORD.unpack(records)[2] == 1


def test_a_disputed_signal_still_matches_under_the_same_number(hub, agent):
    signal = hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=1)
    before = agent._store.read("SELECT seq FROM signals")
    hub.dispute(signal)
    agent.wait(position=2)
    assert agent._store.read("SELECT seq FROM signals") == before
    (found,) = ask_hashes(agent, HASH, decide=True)["matched"]
    assert (found["matches"][0]["disputed"], found["decision"]["action"]) == (True, "hold")


@pytest.mark.nightly
def test_a_signal_whose_distance_changes_gets_a_new_number(hub, agent):
    signal = hub.share(HASH.hex(), kind="pdq")
    agent.wait(position=1)
    ((before,),) = agent._store.read("SELECT seq FROM signals")
    hub._put(signal.model_copy(update={"within_bits": 4, "position": 2}))
    agent.wait(position=2)
    assert agent._store.read("SELECT seq FROM signals") == [(before + 1,)]
    assert agent._store.read("SELECT seq FROM gone") == [(before,)]
    found = ask_hashes(agent, near(5), near(4))["matched"]
    assert [one["hash"] for one in found] == [1]


def test_an_older_hub_cannot_widen_a_match(hub, agent):
    signal = hub.share(HASH.hex(), kind="pdq")
    hub._put(signal.model_copy(update={"within_bits": 64, "position": 2}))
    agent.wait(position=2)
    kept = agent._store.find_ids([str(signal.id)])
    assert kept[str(signal.id)].within_bits == 31
    found = ask_hashes(agent, near(32), near(31))["matched"]
    assert [one["hash"] for one in found] == [1]


@pytest.mark.nightly
def test_a_crowd_of_matches_is_cut_and_counted(hub, agent):
    for number in range(MAX_MATCHES + 20):
        hub.share((number.to_bytes(2, "big") + HASH[2:]).hex(), kind="pdq")
    agent.wait(position=MAX_MATCHES + 20)
    (found,) = ask_hashes(agent, HASH)["matched"]
    assert (len(found["matches"]), found["more"]) == (MAX_MATCHES, 20)
    one = ask_hash(agent, pdq=HASH.hex())
    assert (one["matches"], one["more"]) == (found["matches"], 20)
    (decided,) = ask_hashes(agent, HASH, decide=True)["matched"]
    assert (len(decided["matches"]), decided["more"]) == (MAX_MATCHES, 20)


MANY = rounds(750, nightly=3000)


@pytest.mark.nightly
def test_many_are_answered_as_one_by_one(hub, agent):
    numbers = np.random.default_rng(7)
    known = [numbers.bytes(32) for _ in range(50)]
    for one in known:
        hub.share(one.hex(), kind="pdq")
    agent.wait(position=50)
    asked = [
        near(int(numbers.integers(40)), of=known[at % 50]) if at % 7 == 0 else numbers.bytes(32)
        for at in range(MANY)
    ]
    found = {one["hash"]: one["matches"] for one in ask_hashes(agent, *asked)["matched"]}
    assert found == {
        at: matches
        for at, one in enumerate(asked)
        if (matches := ask_hash(agent, pdq=one.hex())["matches"])
    }
    assert MANY // 15 < len(found) < MANY // 7 + 2


BAD = [
    ({"content": b"x", "headers": {"Content-Type": "text/csv"}}, 415, "wrong-media-type", BINARY),
    ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "malformed", "send"),
    ({"json": {"kind": "pdq"}}, 422, "invalid", "body: Object missing required field `hashes`"),
    ({"json": {"kind": "pdq", "hashes": []}}, 422, "invalid", "hashes: is empty"),
    ({"json": {"kind": "tmk", "hashes": ["00"]}}, 422, "invalid", "kind: must be one of pdq"),
    ({"json": {"kind": "md5", "hashes": ["0" * 32] * 6}}, 413, "too-large", "raise max_hashes"),
    ({"json": {"kind": "md5", "hashes": [7]}}, 422, "invalid", "hashes.0: Expected `str`"),
    ({"json": {"kind": "md5", "hashes": ["0 " * 16]}}, 422, "invalid", "hashes.0: a md5 value"),
    ({"json": {"kind": "pdq", "hashes": [HASH.hex()], "look": 1}}, 422, "invalid", "`look`"),
    (
        {"json": {"kind": "pdq", "hashes": [HASH.hex()], "within_bits": 65}},
        422,
        "invalid",
        "within_bits: must be a whole number from 0 to 64",
    ),
    (
        {"json": {"kind": "md5", "hashes": ["0" * 32], "within_bits": 3}},
        422,
        "invalid",
        "within_bits: is for pdq",
    ),
    (
        {"json": {"kind": "md5", "hashes": ["0" * 32]}, "params": {"kind": "md5"}},
        422,
        "invalid",
        "with JSON it belongs in the body",
    ),
]

BAD_BYTES = [
    (b"", {"kind": "pdq"}, 422, "body: has 0 bytes; send one or more pdq values of 32 bytes"),
    (bytes(33), {"kind": "pdq"}, 422, "body: has 33 bytes"),
    (bytes(32), {}, 422, "kind: must be one of"),
    (bytes(32), {"kind": "pdq", "within_bits": "3.5"}, 422, "within_bits: must be a whole number"),
    (bytes(32), {"kind": "pdq", "decide": "yes"}, 422, "decide: must be 0 or 1"),
    (bytes(32), {"kind": "pdq", "decide": "1"}, 422, "decide: has no room in a binary answer"),
    (bytes(32), {"kind": "pdq", "limit": "1"}, 422, "limit: is no parameter here"),
    (bytes(32 * 6), {"kind": "pdq"}, 413, "body: is larger than 160 bytes; send fewer hashes"),
]

BAD_ONE = [
    ({}, "query: give one hash, by its kind"),
    ({"pdq": HASH.hex(), "md5": "0" * 32}, "query: give one hash"),
    ({"pdq": "zz"}, "pdq: a pdq value is 64 hex digits"),
    ({"pdq": "zz" * 32}, "pdq: a pdq value is 64 hex digits"),
    ({"pdq": "0 " * 32}, "pdq: a pdq value is 64 hex digits"),
    ({"md5": "0" * 32, "within_bits": "1"}, "within_bits: is for pdq"),
    ({"hash": HASH.hex()}, "hash: is no parameter here"),
]


@pytest.fixture
def narrow(hub, tmp_path, sandbox):
    """An agent that takes few hashes."""
    with agent_of(config_of(hub, tmp_path, max_hashes=5), sandbox) as agent:
        agent.wait(ready=True)
        yield agent


def test_every_bad_ask_gets_a_problem_that_names_field_and_remedy(narrow):
    for request, status, kind, said in BAD:
        answer = narrow.http.post("/match/hashes", **request)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (status, f"/problems/{kind}"), problem
        assert said in problem["detail"], problem
    for content, query, status, said in BAD_BYTES:
        sent = {"Content-Type": BINARY}
        answer = narrow.http.post("/match/hashes", content=content, params=query, headers=sent)
        assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    for query, said in BAD_ONE:
        answer = narrow.http.get("/match/hash", params=query)
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


def test_every_bad_hash_is_listed_with_its_row(narrow):
    body = {"kind": "md5", "hashes": ["0" * 32, "x", "F" * 32, "0" * 31]}
    errors = narrow.http.post("/match/hashes", json=body).json()["errors"]
    assert [(one["field"], one["row"]) for one in errors] == [("hashes.1", 1), ("hashes.3", 3)]


def test_the_quick_way_has_the_same_door(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path, token="hush")
    with agent_of(config, sandbox) as agent:
        path = f"/match/hash?pdq={HASH.hex()}"
        until(lambda: agent.health()["ready"])
        token = {"Authorization": "Bearer hush"}
        tried = [
            ({}, 401),
            ({"Authorization": "Bearer hus"}, 401),
            (token, 200),
            ({**token, "Host": "evil.example"}, 403),
            ({**token, "Origin": "https://evil.example"}, 403),
            ({**token, "Host": "localhost"}, 200),
        ]
        for headers, status in tried:
            assert agent.http.get(path, headers=headers).status_code == status, headers
        assert agent.http.post(path, headers=token).status_code == 405


def test_before_the_first_snapshot_no_hash_is_said_not_to_match(config, hub, sandbox):
    hub.stop()
    with agent_of(config, sandbox) as agent:
        for answer in (
            agent.http.get("/match/hash", params={"pdq": HASH.hex()}),
            agent.http.post("/match/hashes", json={"kind": "pdq", "hashes": [HASH.hex()]}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")


def test_hashes_are_counted(hub, agent):
    hub.share(sha256(b"x"))
    agent.wait(position=1)
    ask_hashes(agent, *(bytes.fromhex(sha256(one)) for one in (b"x", b"y")), kind="sha256")
    ask_hash(agent, sha256=sha256(b"x"))
    text = agent.http.get("/metrics").text
    assert "stemtide_agent_hashes_total 3.0" in text
    assert "stemtide_agent_hashes_matched_total 2.0" in text
