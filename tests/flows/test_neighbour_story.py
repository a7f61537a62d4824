# SPDX-License-Identifier: Apache-2.0
"""Two hubs and their agents, a MISP and a mechanism beside them: each thing crosses once."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.exercises import cast
from stemtide.protocol.activations import TYPE, key_text, sign
from tests.flows.conftest import digest, until
from tests.flows.test_exchanges import Hub, Terminal
from tests.misp_server import KEY, MispServer

pytestmark = pytest.mark.flow
EVENT = "wikidata:Q1"
KIND = "taxii"


@pytest.fixture
def mechanism():
    """The key of a crisis mechanism that is no member of a hub."""
    return Ed25519PrivateKey.generate()


@pytest.fixture
def two(tmp_path, mechanism, _own_settings):
    """Hubs a and b, each with its agents; a knows the mechanism's key."""
    listed = tmp_path / "neighbours.toml"
    listed.write_text(f'[gifct]\nparty = "gifct"\nkeys = ["{key_text(mechanism.public_key())}"]\n')
    hubs, terminals = [], []
    for name in "ab":
        terminals.append(
            Terminal(tmp_path / f"hub-{name}", more={"STEMTIDE_NEIGHBOURS_FILE": str(listed)})
        )
        hubs.append(Hub(name, terminals[-1], tmp_path / name))
    yield hubs
    for hub in hubs:
        hub.close()
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def misp():
    """The MISP of a community."""
    server = MispServer().start()
    yield server
    server.stop()


def push_to(hub, misp):
    """Let a hub push to a MISP; its clock runs this once by itself."""
    hub.command("party", "add", "community", "--kind", "consortium")
    hub.command(
        *("exchange", "add", "misp", "--kind", "misp", "--direction", "push", "--every", "86400"),
        *("--address", misp.address, "--party", "community", "--secret-file", "-"),
        sent=KEY,
    )
    until(lambda: hub.command("exchange", "show", "misp")["last_ok_at"])


def matches(hub, agent, value):
    """Whether an agent of a hub matches an upload with this MD5."""
    (item,) = hub.house.match(agent, [{"ref": "1", "md5": value}])
    return bool(item["matches"])


def send(hub, path, body, *, party=cast.AUTHORITY, method="POST"):
    with hub.house.client(party) as client:
        answer = client.request(method, f"/api/v1/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


def signal(hub, value):
    """The live signal of a value, as an authority of the hub sees it; None without one."""
    found = hub.house.rows(
        f"SELECT uid FROM signals_signal WHERE value = '{value}' AND state = 'live'"  # noqa: S608  # our own digest
    )
    if not found:
        return None
    assert len(found) == 1, "one value, one signal"
    return hub.house.authority.get(f"/api/v1/signals/{found[0][0]}").json()


def opinions(hub, value):
    return {row["party"]: row["opinion"] for row in signal(hub, value)["opinions"]}


def everything(*hubs):
    """How much each hub holds: nothing may grow by itself. Agents report at any time."""
    acts = " OR ".join(f"kind LIKE '{noun}.%'" for noun in ("signal", "opinion", "exchange"))
    entries = f"ledger_entry WHERE {acts}"
    tables = ("signals_signal", "signals_opinionrow", "exchanges_record", entries)
    return [[hub.count(table) for table in tables] for hub in hubs]


def test_a_signal_a_dispute_and_a_withdrawal_cross_two_hubs_and_a_misp_once_beside_an_activation(
    two, mechanism, misp
):
    a, b = two
    push_to(a, misp)
    a.pull_from(b, KIND, "--feedback")
    b.pull_from(a, KIND, "--feedback")
    first, second = (a.house.agent(party) for party in cast.PROVIDERS[:2])
    third = b.house.agent(cast.PROVIDERS[0])

    # 1 A signal of A is one signal at B, and matches at the agents of both.
    value = digest()[:32]
    (uid,) = a.share(value)
    assert b.run(a)["shared"] == 1
    assert a.run(b) == {"echo": 1}
    assert a.command("exchange", "run", "misp")["counts"] == {"pushed": 1}
    assert list(misp.attributes()) == [value]
    for hub, agent in ((a, first), (a, second), (b, third)):
        hub.house.caught_up(agent)
        assert matches(hub, agent, value)

    # 2 A provider of B disputes it: one dispute of B's party at A, which B does not hear back.
    copy = signal(b, value)["id"]
    note = "It is a news programme."
    dispute = {"opinion": "dispute", "note": note}
    send(b, f"signals/{copy}/opinion", dispute, party=cast.PROVIDERS[0], method="PUT")
    assert until(lambda: a.run(b).get("opinions")) == 1
    assert opinions(a, value) == {f"from-b-{KIND}": "dispute"}
    assert note in signal(a, value)["opinions"][0]["note"]
    b.run(a)
    assert opinions(b, value) == {cast.PROVIDERS[0]: "dispute"}
    before = everything(a, b)
    for _ in range(2):
        a.run(b)
        b.run(a)
    assert everything(a, b) == before

    # 3 An activation of a mechanism is seen beside ours.
    assert activations_beside_ours(a, mechanism) == ["gifct"]

    # 4 The withdrawal at A ends it at B and at every agent, and the dispute with it.
    a.withdraw(uid)
    assert b.run(a)["ended"] == 1
    a.run(b)
    assert a.command("exchange", "run", "misp")["counts"] == {"pushed": 1}
    assert misp.attributes() == {}
    assert list(misp.attributes(deleted=True)) == [value]
    assert signal(a, value) is None
    assert signal(b, value) is None
    for hub, agent in ((a, first), (a, second), (b, third)):
        until(lambda hub=hub, agent=agent: not matches(hub, agent, value))
    before = everything(a, b)
    for _ in range(2):
        a.run(b)
        b.run(a)
    assert everything(a, b) == before
    withdrawn = "ledger_entry WHERE kind = 'signal.withdrawn'"
    assert [hub.count(withdrawn) for hub in two] == [1, 1]


def activations_beside_ours(hub, mechanism):
    """Warn of an event, let the mechanism send its activation twice; return who is beside us."""
    hub.command("party", "add", "gifct", "--kind", "consortium")
    scopes = ("--scope", "parties:write", "--scope", "feed:read")
    key = hub.command("key", "new", "--party", cast.COORDINATOR, *scopes)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=hub.house.hub.address, headers=headers, timeout=60) as agency:
        answer = agency.put("/api/v1/parties/gifct/mechanism", json={"mechanism": "gifct"})
    assert answer.is_success, answer.text
    warning = {"name": "Attack in a city", "countries": ["NL"], "event_refs": [EVENT]}
    crisis = send(hub, "crises", warning)["id"]
    assert tell(hub, mechanism) == tell(hub, mechanism) == 200
    event = hub.house.authority.get(f"/api/v1/crises/{crisis}/event").json()
    return [row["by"] for row in event["activations"] if row["neighbour"]]


def tell(hub, key):
    """Send a signed activation; return the status. The message is the same each time."""
    data = {
        "id": "6f1c0c3e-6a0e-4f5b-9a55-0f6d1d2f7a10",
        "sequence": 1,
        "framework": "gifct",
        "version": "2025",
        "type": "perpetrator-content-incident",
        "status": "active",
        "started_at": "2026-11-24T12:00:00Z",
        "event": {"refs": [EVENT]},
    }
    message = {"type": TYPE, "timestamp": "2026-11-24T12:00:00Z", "data": data}
    body = json.dumps(message).encode()
    headers = sign("msg-1", body, key=key, at=datetime.now(UTC))
    address = f"{hub.house.hub.address}/neighbours/gifct/activations"
    headers["content-type"] = "application/json"
    return httpx.post(address, content=body, headers=headers, timeout=60).status_code
