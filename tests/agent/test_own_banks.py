# SPDX-License-Identifier: Apache-2.0
"""Own banks: what they match, what the policy makes of it, what the hub is never told, the API."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest

from stemtide.agent.config.policy import Policies, Policy
from stemtide.agent.recognise.own_banks import BankItemIn, add_items, create_bank, item_of
from stemtide.agent.recognise.policy import OWN_BANK, Hit, decide, rule_names
from stemtide.agent.store import own_banks, own_list
from stemtide.agent.store.database import Store
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action
from tests.agent.test_review import ON, Moderator, events, wait_event
from tests.agent.world import agent_of, config_of, picture, sha256, until
from tests.rounds import rounds

ONE, TWO, THREE = sha256(b"one"), sha256(b"two"), sha256(b"three")
BANK = "OUR_BLOCKS"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def make(agent, name=BANK, **facts):
    answer = agent.http.post("/banks", json={"name": name, "action": "block"} | facts)
    assert answer.status_code == 201, answer.text
    return answer.json()


def add(agent, value, kind="sha256", bank=BANK, **facts):
    answer = agent.http.post(f"/banks/{bank}/items", json={"kind": kind, "value": value} | facts)
    assert answer.status_code == 201, answer.text
    return answer.json()


def decision(agent, **item):
    return agent.ask(item)[0]["decision"]


def act(agent, **item):
    return decision(agent, **item)["action"]


@pytest.mark.parametrize("action", rounds(["hold"], nightly=["block", "hold", "log"]))
def test_a_match_of_an_own_bank_leads_to_the_action_of_the_bank(agent, action):
    make(agent, action=action)
    item = add(agent, ONE, reason="a film that we removed before")
    (answer,) = agent.ask({"sha256": ONE})
    assert answer["decision"]["action"] == action
    assert (answer["decision"]["signal"], answer["decision"]["rule"]) == (item["id"], "own bank")
    assert (
        f"item {item['id']} of own bank {BANK}: the bank says {action}"
        in (answer["decision"]["why"])
    )
    assert [match["bank"] for match in answer["matches"]] == [BANK]
    assert act(agent, sha256=TWO) is None
    (row,) = agent.http.get(f"/banks/{BANK}/items").json()["items"]
    assert (row["matches"], bool(row["matched_at"])) == (1, True)


def near(value, bits):
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def test_the_search_finds_what_a_slow_comparison_finds(config, tmp_path):
    """Items of several banks, with and without a distance of their own, some of them ended."""
    source = random.Random(18)  # noqa: S311 - test data
    values = [source.randbytes(32).hex() for _ in range(40)]
    values += [near(source.choice(values), source.randrange(40)) for _ in range(160)]
    with Store(tmp_path) as store:
        for bank, action in (("A", Action.BLOCK), ("B", Action.HOLD), ("C", Action.LOG)):
            create_bank(store, bank, action=action, by="", config=config, now=NOW)
        items = []
        for value in dict.fromkeys(values):
            bits = source.choice([None, 0, 8, 31])
            bank = source.choice("ABC")
            new = item_of(BankItemIn(kind="pdq", value=value, within_bits=bits, reason="x"))
            (uid,) = add_items(store, bank, [new], by="", now=NOW, replaces=True).ids
            items.append((uid, bank, value, 31 if bits is None else bits))
        gone = {uid for uid, *_ in source.sample(items, 30)}
        with store.write() as tx:
            for uid, bank, *_ in items:
                if uid in gone:
                    assert own_list.end_entry(tx, uid, by="", why="", now=NOW, bank=bank)
        store.follow_own()
        queries = [near(source.choice(values), source.randrange(40)) for _ in range(100)]
        hits = store.match_values(Kind.PDQ, bytes.fromhex("".join(queries)))
        numbers = own_banks.numbers_of(store.read, [uid for uid, *_ in items])
        slow = [
            (query, bits, numbers[uid])
            for query, text in enumerate(queries)
            for uid, _, value, within in items
            if uid not in gone and (bits := (int(text, 16) ^ int(value, 16)).bit_count()) <= within
        ]
        columns = (hits.queries, hits.distances_bits, hits.keys)
        assert np.stack([column.astype(int) for column in columns], 1).tolist() == [
            list(row) for row in sorted(slow)
        ]
        assert len(slow) > 100


def test_own_items_and_signals_of_the_hub_are_decided_together(hub, agent):
    hub.share(ONE, shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    assert act(agent, sha256=ONE) == "hold"
    make(agent)
    add(agent, ONE)
    (answer,) = agent.ask({"sha256": ONE})
    assert answer["decision"]["action"] == "block"
    assert [(match["bank"], match["action"]) for match in answer["matches"]] == [
        (BANK, "block"),
        ("", "hold"),
    ]


def test_an_own_item_stands_behind_no_signal_of_another(hub, agent):
    hub.share(ONE, shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    make(agent, action="log")
    add(agent, ONE)
    assert act(agent, sha256=ONE) == "hold"


def test_the_allow_list_wins_over_an_own_bank(agent):
    make(agent)
    add(agent, ONE)
    entry = {"kind": "sha256", "value": ONE, "source": "our studio", "reason": "our trailer"}
    assert agent.http.post("/allowlist", json=entry).status_code == 201
    answer = decision(agent, sha256=ONE)
    assert (answer["action"], "allow-list" in answer["why"]) == ("log", True)
    assert agent.http.get("/allowlist").json()["entries"][0]["matches"] == 1


def test_pictures_texts_and_addresses_match_as_signals_do(agent, sandbox):
    make(agent)
    cat = picture("chelsea.png")
    pdq = sandbox.fingerprint(cat).of(Kind.PDQ)[0].hex
    add(agent, near(pdq, 20), kind="pdq")
    assert agent.match(cat)["decision"]["action"] == "block"
    text = " ".join(f"word{number} of a speech that we never show" for number in range(60))
    add(agent, sandbox.fingerprint(text.encode()).of(Kind.TEXT)[0].hex, kind="text")
    answer = agent.http.post("/match", files={"file": ("a.txt", text.encode())}).json()["items"][0]
    assert {match["kind"] for match in answer["matches"]} == {"text"}, answer
    add(agent, "https://bad.example/films/", kind="url", reach="folder")
    assert act(agent, url="https://bad.example/films/7?x=1") == "block"
    assert act(agent, url="https://bad.example/other") is None


def test_the_other_look_ups_know_own_items_too(agent):
    make(agent)
    uid = add(agent, ONE)["id"]
    (match,) = agent.http.get("/match/hash", params={"sha256": ONE}).json()["matches"]
    assert (match["signal"], match["distance_bits"]) == (uid, 0)
    body = {"kind": "sha256", "hashes": [TWO, ONE], "decide": True}
    (row,) = agent.http.post("/match/hashes", json=body).json()["matched"]
    assert (row["hash"], row["decision"]["action"]) == (1, "block")


def test_the_hub_is_told_nothing_of_own_items(hub, agent):
    signal = hub.share(TWO, shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    make(agent)
    uids = {add(agent, value)["id"] for value in (ONE, TWO)}
    agent.ask({"sha256": ONE, "ref": "a"}, {"sha256": TWO, "ref": "b"})
    until(lambda: hub.outcomes.total() == 1)
    assert dict(hub.outcomes) == {(str(signal.id), "held"): 1}
    for item in agent.http.get(f"/banks/{BANK}/items").json()["items"]:
        agent.http.delete(f"/banks/{BANK}/items/{item['id']}")
    hub.withdraw(signal)
    until(lambda: hub.outcomes[str(signal.id), "reversed"] == 1)
    assert not uids & {uid for uid, _ in hub.outcomes}


def test_a_person_decides_about_what_an_own_bank_holds(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ON)
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        agent.wait(ready=True)
        make(agent, action="hold")
        add(agent, ONE, reason="a film that we know")
        assert act(agent, sha256=ONE, ref="a") == "hold"
        assert f" of <bdi>{BANK}</bdi>" in anna.get().text
        page = anna.open("a").text
        assert "a film that we know" in page
        assert "Dispute the signal" not in page
        anna.post("decide", ref="a", verdict="dispute", reason="sent by hand")
        wait_event(config, "a", "content.release")
        anna.undo()
        assert act(agent, sha256=ONE, ref="b") == "hold"
        anna.open("b")
        anna.post("decide", ref="b", verdict="block")
        wait_event(config, "b", "content.block")
    assert hub.outcomes.total() == 0
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file:
        assert file.execute("SELECT count(*) FROM review_disputes").fetchone() == (0,)


def test_a_block_by_an_own_bank_alone_gets_no_statement_of_reasons(hub, agent, config):
    """Its text would say that others share the fingerprint, and why is the provider's to say."""
    hub.share(TWO)
    agent.wait(position=hub.head)
    make(agent)
    add(agent, ONE)
    add(agent, TWO)
    agent.ask({"sha256": ONE, "ref": "own"}, {"sha256": TWO, "ref": "both"})
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file:
        assert file.execute("SELECT ref FROM restrictions").fetchall() == [("both",)]


@pytest.mark.nightly
def test_a_bank_that_is_tried_on_a_part_of_content_answers_the_same_each_time(agent):
    make(agent, enabled_ratio=0.5)
    values = [sha256(b"film %d" % number) for number in range(40)]
    for value in values:
        add(agent, value)
    first = [act(agent, sha256=value) for value in values]
    assert 5 < first.count("block") < 35
    assert [act(agent, sha256=value) for value in values] == first
    tried = {number for number, action in enumerate(first) if action == "block"}
    for decides in (False, True):
        body = {"kind": "sha256", "hashes": values, "decide": decides}
        matched = agent.http.post("/match/hashes", json=body).json()["matched"]
        assert {one["hash"] for one in matched} == tried
    one_by_one = [agent.http.get("/match/hash", params={"sha256": value}) for value in values]
    assert {n for n, answer in enumerate(one_by_one) if answer.json()["matches"]} == tried
    for ratio, matched in ((0, 0), (1, 40)):
        agent.http.patch(f"/banks/{BANK}", json={"enabled_ratio": ratio})
        assert [act(agent, sha256=value) for value in values].count("block") == matched
        body = {"kind": "sha256", "hashes": values}
        assert len(agent.http.post("/match/hashes", json=body).json()["matched"]) == matched


def test_items_and_banks_are_taken_out_and_put_back(agent):
    make(agent, about="what we removed ourselves")
    uid = add(agent, ONE)["id"]
    add(agent, TWO)
    assert agent.http.delete(f"/banks/{BANK}/items/{uid}").status_code == 204
    assert [act(agent, sha256=value) for value in (ONE, TWO)] == [None, "block"]
    assert agent.http.delete(f"/banks/{BANK}").status_code == 204
    assert act(agent, sha256=TWO) is None
    assert agent.http.get("/banks").json() == {"banks": []}
    bank = agent.http.post(f"/banks/{BANK}/restore").json()
    assert (bank["items"], bank["about"]) == (1, "what we removed ourselves")
    assert [act(agent, sha256=value) for value in (ONE, TWO)] == [None, "block"]
    agent.http.delete(f"/banks/{BANK}")
    assert make(agent, action="hold")["items"] == 0  # the name begins anew
    assert act(agent, sha256=TWO) is None


def test_items_are_searched_and_read_page_by_page(agent):
    make(agent)
    add(agent, ONE, reason="the hymn", source="our studio")
    add(agent, "https://bad.example/films/", kind="url", reach="folder", reason="films")
    path = f"/banks/{BANK}/items"

    def search(words):
        rows = agent.http.get(path, params={"search": words}).json()["items"]
        return [row["reason"] for row in rows]

    assert search("HYMN") == search(ONE.upper()) == search("studio") == ["the hymn"]
    assert search("https://bad.example/films/9") == ["films"]
    assert search("nowhere") == []
    page = agent.http.get(path).json()
    assert ([row["reason"] for row in page["items"]], page["next"]) == (["films", "the hymn"], None)
    assert page["items"][1]["matches"] == 0


REFUSED = [
    ("POST", "/banks", {"name": "lower"}, 422, "name"),
    ("POST", "/banks", {"name": "STEMTIDE_BLOCK"}, 422, "policy fills"),
    ("POST", "/banks", {"name": BANK}, 422, "already"),
    ("POST", "/banks", {"name": "A", "action": "allow"}, 422, "action"),
    ("POST", "/banks", {"name": "A", "enabled_ratio": 2}, 422, "enabled_ratio"),
    ("PATCH", f"/banks/{BANK}", {"name": "B"}, 422, "name"),
    ("PATCH", "/banks/NONE", {}, 404, "create it first"),
    ("DELETE", "/banks/NONE", None, 404, "create it first"),
    ("POST", f"/banks/{BANK}/restore", None, 404, "deleted lately"),
    ("POST", "/banks/NONE/items", {"kind": "sha256", "value": ONE}, 404, "create it first"),
    ("POST", f"/banks/{BANK}/items", {"kind": "sha256", "value": "ab"}, 422, "value"),
    ("POST", f"/banks/{BANK}/items", {"kind": "pdq", "value": "0" * 64}, 422, "value"),
    (
        "POST",
        f"/banks/{BANK}/items",
        {"kind": "sha256", "value": sha256(b"")},
        422,
        "everybody has",
    ),
    ("POST", f"/banks/{BANK}/items", {"kind": "url", "value": "no address"}, 422, "value"),
    (
        "POST",
        f"/banks/{BANK}/items",
        {"kind": "md5", "value": ONE[:32], "within_bits": 3},
        422,
        "within_bits",
    ),
    ("DELETE", f"/banks/{BANK}/items/none", None, 404, "no item"),
    ("GET", f"/banks/{BANK}/items?page=0", None, 422, "page"),
]


@pytest.fixture(scope="module")
def unchanged_bank(unchanged):
    make(unchanged.agent)
    return unchanged.agent.http


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]} {case[1]} {case[4]}")
def test_what_is_no_bank_and_no_item_is_refused_with_the_remedy(unchanged_bank, case):
    method, path, sent, status, word = case
    answer = unchanged_bank.request(method, path, json=sent)
    assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text


def test_an_item_of_a_bank_is_no_entry_of_the_allow_list(agent):
    make(agent)
    uid = add(agent, ONE)["id"]
    assert agent.http.get("/allowlist").json()["entries"] == []
    assert agent.http.delete(f"/allowlist/{uid}").status_code == 404
    assert act(agent, sha256=ONE) == "block"


def test_items_survive_an_older_agent_that_knows_no_banks(config, sandbox):
    """It takes them for entries that were removed, and may have one put back as allowed."""
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        make(agent)
        uid = add(agent, ONE)["id"]
        add(agent, TWO)
        removed = add(agent, THREE)["id"]
        agent.http.delete(f"/banks/{BANK}/items/{removed}")
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file, file:
        file.execute(
            "UPDATE own_entries SET ended_at = 1, ended_why = 'removed by an older version of the"
            " agent' WHERE ended_at IS NULL"
        )
        file.execute("UPDATE own_entries SET ended_at = NULL, ended_why = '' WHERE id = ?", (uid,))
        file.execute(
            "INSERT INTO allowed (id, list, kind, value, within_bits, reason, source, added_at)"
            " SELECT id, 'own', kind, value, within_bits, reason, source, added_at"
            " FROM own_entries WHERE id = ?",
            (uid,),
        )
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        actions = [act(agent, sha256=value) for value in (ONE, TWO, THREE)]
        assert actions == ["block", "block", None]
        assert agent.http.get("/allowlist").json()["entries"] == []


def test_a_file_from_before_the_banks_gets_them(config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        entry = {"kind": "sha256", "value": ONE, "source": "our studio", "reason": "our trailer"}
        agent.http.post("/allowlist", json=entry)
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file, file:
        for index in ("own_entries_by_bank", "own_entries_by_value"):
            file.execute(f"DROP INDEX {index}")
        file.execute("ALTER TABLE own_entries DROP COLUMN bank")
        file.execute("DROP TABLE own_banks")
        file.execute("DROP TABLE own_prints")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert len(agent.http.get("/allowlist").json()["entries"]) == 1
        make(agent)
        add(agent, TWO)
        assert act(agent, sha256=TWO) == "block"


def test_a_shadow_policy_counts_own_banks_as_they_are(config, tmp_path):
    """The rule of own banks has a name, so that what shadows would do can be counted."""
    with Store(tmp_path) as store:
        create_bank(store, BANK, action=Action.BLOCK, by="", config=config, now=NOW)
        new = item_of(BankItemIn(kind="sha256", value=ONE, reason="x"))
        (uid,) = add_items(store, BANK, [new], by="", now=NOW).ids
        item = store.find_items([uid])[uid]
        made = decide([Hit(item, item.kind, 0, "")], Policies(Policy()), Parties())
        assert (made.action, made.rule, OWN_BANK in rule_names(Policy())) == (
            Action.BLOCK,
            OWN_BANK,
            True,
        )
        assert made.of_hub is None


def test_what_an_item_alone_stopped_is_released_only_when_told_so(hub, agent, config):
    hub.share(TWO, shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    make(agent)
    values = {"a": ONE, "b": TWO, "c": THREE}
    uids = {ref: add(agent, value)["id"] for ref, value in values.items()}
    agent.ask(*({"sha256": value, "ref": ref} for ref, value in values.items()))
    for ref in "abc":
        wait_event(config, ref, "content.block")
    path = f"/banks/{BANK}/items"
    agent.http.delete(f"{path}/{uids['a']}")
    assert agent.http.delete(f"{path}/{uids['c']}", params={"release": "yes"}).status_code == 422
    for ref in "bc":
        assert agent.http.delete(f"{path}/{uids[ref]}", params={"release": "1"}).status_code == 204
    wait_event(config, "b", "content.hold")  # the signal of the hub still holds it
    wait_event(config, "c", "content.release")
    assert [event["type"] for event in events(config, "a")] == ["content.block"]
    add(agent, ONE)
    agent.ask({"sha256": ONE, "ref": "d"})
    wait_event(config, "d", "content.block")
    agent.http.delete(f"/banks/{BANK}", params={"release": "1"})
    wait_event(config, "d", "content.release")
    until(lambda: hub.outcomes.total() == 1)  # the upload that the hub's signal matched
