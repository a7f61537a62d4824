# SPDX-License-Identifier: Apache-2.0
"""Two hubs, five agents, a MISP and GIFCT beside them: each thing crosses all of them once."""

import json
import time
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.exercises import cast
from stemtide.protocol.activations import TYPE, key_text, sign
from tests.exchange_servers import GROUP, TOKEN, Graph, descriptor, serving
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


@pytest.fixture
def gifct():
    """A hash-sharing group of GIFCT, in ThreatExchange's shape."""
    graph = Graph()
    with serving(graph) as server:
        graph.address = f"{server.address}/v26.0/{GROUP}"
        yield graph


def push_to(hub, misp):
    """Let a hub push to a MISP; its clock runs this once by itself."""
    hub.command("party", "add", "community", "--kind", "consortium")
    hub.command(
        *("exchange", "add", "misp", "--kind", "misp", "--direction", "push", "--every", "86400"),
        *("--address", misp.address, "--party", "community", "--secret-file", "-"),
        sent=KEY,
    )
    until(lambda: hub.command("exchange", "show", "misp")["last_ok_at"])


def join(hub, gifct):
    """Let a hub pull from GIFCT's group and push to it, in the name of GIFCT's party."""
    hub.command("party", "add", "gifct", "--kind", "consortium")
    hub.command(
        *("exchange", "add", "gifct", "--kind", "threatexchange", "--direction", "both"),
        *("--address", gifct.address, "--party", "gifct", "--every", "86400"),
        *("--secret-file", "-"),
        sent=TOKEN,
    )
    until(lambda: hub.command("exchange", "show", "gifct")["last_ok_at"])


def run(hub, name):
    """Run an exchange; return its counts."""
    return hub.command("exchange", "run", name)["counts"]


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


def reactions(gifct):
    """The reactions of the hub that stand at GIFCT: a match may have been told before a dispute."""
    standing = set()
    for number, field, reaction in gifct.reactions:
        act = standing.add if field == "reactions" else standing.discard
        act((number, reaction))
    return standing


def everything(*hubs, misp, gifct):
    """How much each hub and each neighbour holds: nothing may grow by itself.

    Agents report at any time.
    """
    acts = " OR ".join(f"kind LIKE '{noun}.%'" for noun in ("signal", "opinion", "exchange"))
    entries = f"ledger_entry WHERE {acts}"
    tables = ("signals_signal", "signals_opinionrow", "exchanges_record", entries)
    asked = [path for path in misp.asked if not path.startswith("sightings/")]
    there = [asked, dict(gifct.posted), reactions(gifct)]
    return [*there, *([hub.count(table) for table in tables] for hub in hubs)]


class Neighbours:
    """Hub A with a MISP and GIFCT, hub B, and agents at both."""

    def __init__(self, a, b, *, misp, gifct):
        self.a, self.b, self.misp, self.gifct = a, b, misp, gifct
        push_to(a, misp)
        join(a, gifct)
        a.pull_from(b, KIND, "--feedback")
        b.pull_from(a, KIND, "--feedback")
        self.agents = [(a, a.house.agent(party)) for party in cast.PROVIDERS[:2]]
        self.agents += [(b, b.house.agent(party)) for party in cast.PROVIDERS]
        self.now_s = int(time.time()) - 60

    def our_signal_crosses(self, value):
        """Share a signal at A: it is one at B, in the MISP and at GIFCT; an echo comes back."""
        (uid,) = self.a.share(value)
        assert self.b.run(self.a)["shared"] == 1
        assert self.a.run(self.b) == {"echo": 1}
        assert run(self.a, "misp") == {"pushed": 1}
        assert run(self.a, "gifct") == {"pushed": 1}
        assert [fields["indicator"] for fields in self.gifct.posted.values()] == [value]
        self.gifct.show_posted(at=self.now_s)
        assert run(self.a, "gifct") == {"echo": 1}
        return uid

    def their_signal_crosses(self, value):
        """Let a member of GIFCT share a signal: it is one at A, at B and in the MISP."""
        member = descriptor(5, number=77)
        self.gifct.put(value, at=self.now_s, kind="HASH_MD5", descriptors=[member])
        assert run(self.a, "gifct")["shared"] == 1
        assert self.b.run(self.a)["shared"] == 1
        assert self.a.run(self.b)["echo"] == 1
        assert run(self.a, "misp") == {"pushed": 1}

    def hub_disputes(self, value, *, note):
        """Let a provider of B dispute it: one dispute of B's party at A, not heard back by B."""
        copy = signal(self.b, value)["id"]
        disputed = {"opinion": "dispute", "note": note}
        party = cast.PROVIDERS[0]
        send(self.b, f"signals/{copy}/opinion", disputed, party=party, method="PUT")
        assert until(lambda: self.a.run(self.b).get("opinions")) == 1
        assert opinions(self.a, value) == {f"from-b-{KIND}": "dispute"}
        assert note in signal(self.a, value)["opinions"][0]["note"]
        self.b.run(self.a)
        assert opinions(self.b, value) == {party: "dispute"}

    def gifct_disputes(self, ours, theirs, *, note):
        """Let a member of GIFCT dispute our signal, and a provider of A one of theirs."""
        disliked = [{"key": "DISAGREE_WITH_TAGS", "value": "5"}]
        self.gifct.show_posted(at=self.now_s + 1, reactions=disliked)
        run(self.a, "gifct")
        assert opinions(self.a, ours) == {f"from-b-{KIND}": "dispute", "gifct": "dispute"}
        uid = signal(self.a, theirs)["id"]
        disputed = {"opinion": "dispute", "note": note}
        send(self.a, f"signals/{uid}/opinion", disputed, party=cast.PROVIDERS[1], method="PUT")
        run(self.a, "gifct")
        assert reactions(self.gifct) == {("77", "DISAGREE_WITH_TAGS")}

    def all_end(self, uid, theirs):
        """Withdraw a signal at A and delete one at GIFCT: both end everywhere."""
        self.a.withdraw(uid)
        self.gifct.delete(theirs, at=self.now_s + 2, kind="HASH_MD5")
        ended = run(self.a, "gifct")
        assert (ended["ended"], ended["pushed"]) == (1, 1)
        assert self.gifct.posted == {}
        assert self.b.run(self.a)["ended"] == 2
        self.a.run(self.b)
        assert run(self.a, "misp") == {"pushed": 2}
        assert self.misp.attributes() == {}

    def goes_round(self):
        """Run every exchange again, and check that nothing grows."""
        self.a.run(self.b)
        self.b.run(self.a)
        before = everything(self.a, self.b, misp=self.misp, gifct=self.gifct)
        for _ in range(2):
            self.a.run(self.b)
            self.b.run(self.a)
        for name in ("misp", "gifct"):
            run(self.a, name)
        assert everything(self.a, self.b, misp=self.misp, gifct=self.gifct) == before


def test_signals_disputes_and_withdrawals_cross_two_hubs_a_misp_and_gifct_once(
    two, mechanism, misp, gifct
):
    a, b = two
    story = Neighbours(a, b, misp=misp, gifct=gifct)
    ours, theirs = digest()[:32], digest()[:32]

    # 1 A signal of A and one of a member of GIFCT are one everywhere.
    uid = story.our_signal_crosses(ours)
    story.their_signal_crosses(theirs)
    assert sorted(misp.attributes()) == sorted([ours, theirs])
    for hub, agent in story.agents:
        hub.house.caught_up(agent)
        assert matches(hub, agent, ours)
        assert matches(hub, agent, theirs)

    # 2 Disputes come back both ways.
    story.hub_disputes(ours, note="It is a news programme.")
    story.gifct_disputes(ours, theirs, note="It is a news programme.")
    story.goes_round()

    # 3 An activation of a mechanism is seen beside ours.
    assert activations_beside_ours(a, mechanism) == ["gifct"]

    # 4 The withdrawals end both signals everywhere, and the disputes with them.
    story.all_end(uid, theirs)
    assert sorted(misp.attributes(deleted=True)) == sorted([ours, theirs])
    for value in (ours, theirs):
        assert signal(a, value) is None
        assert signal(b, value) is None
        for hub, agent in story.agents:
            until(lambda hub=hub, agent=agent, value=value: not matches(hub, agent, value))
    story.goes_round()
    withdrawn = "ledger_entry WHERE kind = 'signal.withdrawn'"
    assert [hub.count(withdrawn) for hub in two] == [2, 2]


def activations_beside_ours(hub, mechanism):
    """Warn of an event, let the mechanism send its activation twice; return who is beside us."""
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
