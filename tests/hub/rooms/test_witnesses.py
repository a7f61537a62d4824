# SPDX-License-Identifier: Apache-2.0
"""Witnesses cosign heads of the log: agents of parties by themselves, listed ones when asked."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.transparency.asker import WitnessAsker
from stemtide.hub.rooms.transparency.models import Cosignature, OfferedHead
from stemtide.hub.rooms.transparency.reads import log, witnesses as reads
from stemtide.hub.rooms.transparency.rules.witnesses import MOST_KEYS, OFFER_EVERY
from stemtide.hub.rooms.transparency.writes import leaves, witnesses
from stemtide.protocol.sync.witnesses import CosignatureIn
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosign, cosigners
from stemtide.protocol.tlog.notes import Note, read_checkpoint
from tests.rounds import at_night, some_of
from tests.witness import WitnessServer, serving
from tests.world import NOON, hex_value

SOON = NOON + timedelta(seconds=30)
LATER = NOON + OFFER_EVERY
DAY_AFTER = LATER + timedelta(hours=25)


@pytest.fixture
def hub(world):
    """A hub whose log has entries and an offered head."""
    world.share()
    leaves.follow_ledger(NOON)
    assert witnesses.offer_head(NOON)
    return world


def grow(world, number, *, now):
    world.share(value=hex_value(100 + number))
    leaves.follow_ledger(now)
    return witnesses.offer_head(now)


def caller(party):
    return Caller(party, "abc", frozenset())


def text_of(note):
    return Note.read(note).text


class Agent:
    """A witness of a party, which cosigns what the hub offers."""

    def __init__(self, party, name="agent-1"):
        self.party = party
        self.private = Ed25519PrivateKey.generate()
        self.key = WitnessKey.of(self.private, name=f"{party.name}/{name}")

    def body(self, *, at=NOON, note=None, **changes):
        text = text_of(note or reads.offered())
        size = int(text.split("\n")[1])
        line = cosign(text, key=self.private, name=self.key.name, at=int(at.timestamp()))
        return CosignatureIn(**{"key": str(self.key), "size": size, "line": line} | changes)

    def cosign(self, *, now=NOON, **changes):
        witnesses.add_cosignature(self.body(at=now, **changes), by=caller(self.party), now=now)


@at_night
def test_a_head_is_offered_again_only_after_a_while_and_only_if_the_log_grew(hub):
    first = reads.offered()
    assert not grow(hub, 1, now=SOON)
    assert reads.offered() == first
    assert witnesses.offer_head(LATER)
    assert reads.offered() != first
    assert not witnesses.offer_head(LATER + OFFER_EVERY)


def test_a_cosigned_head_is_shown_with_its_cosignatures(hub):
    agents = [Agent(hub.small_provider), Agent(hub.big_provider)]
    for agent in agents:
        agent.cosign()
    note = Note.read(reads.cosigned(now=NOON, is_member=True))
    assert read_checkpoint(reads.offered(), trusted=log.log_keys())
    assert cosigners(note, trusted=[agent.key for agent in agents]) == {
        agent.key: int(NOON.timestamp()) for agent in agents
    }
    shown = {row.party for row in reads.witnesses(is_member=True)}
    assert shown == {hub.small_provider.title, hub.big_provider.title}
    assert reads.count_of_parties() == 2


def test_strangers_see_no_cosignature_of_a_party(hub):
    Agent(hub.small_provider).cosign()
    assert reads.witnesses(is_member=False) == []
    with pytest.raises(NotFoundError, match="no witness that you may see"):
        reads.cosigned(now=DAY_AFTER, is_member=False)


@at_night
def test_the_first_cosignature_of_a_key_is_an_entry_and_no_other(hub):
    agent = Agent(hub.small_provider)
    agent.cosign()
    entry = hub.last_entry()
    assert (entry.kind, entry.subject) == ("witness.added", f"witness:{agent.key.name}")
    assert entry.detail["key"] == str(agent.key)
    agent.cosign()
    grow(hub, 1, now=LATER)
    last = hub.last_entry().number
    agent.cosign(now=LATER)
    assert hub.last_entry().number == last
    assert Cosignature.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"line": "\N{EM DASH} a b"}, "line: "),
        ({"line": "nothing"}, "line: "),
        ({"key": "small+00000000+AAAA"}, "key: "),
        ({"size": 1}, "offered no head of 1"),
    ],
)
def test_what_is_no_cosignature_of_the_offered_head_is_refused(hub, changes, words):
    with pytest.raises((InvalidError, NotFoundError), match=words):
        Agent(hub.small_provider).cosign(**changes)
    assert not Cosignature.objects.exists()
    assert reads.witnesses(is_member=True) == []


def test_a_signature_of_another_text_is_refused(hub):
    agent = Agent(hub.small_provider)
    text = f"{text_of(reads.offered())}extension\n"
    line = cosign(text, key=agent.private, name=agent.key.name, at=int(NOON.timestamp()))
    with pytest.raises(InvalidError, match="does not hold"):
        agent.cosign(line=line)


def test_a_signature_from_the_future_is_refused(hub):
    agent = Agent(hub.small_provider)
    body = agent.body(at=NOON + timedelta(minutes=6))
    with pytest.raises(InvalidError, match="clock"):
        witnesses.add_cosignature(body, by=caller(agent.party), now=NOON)


def test_a_party_cannot_take_the_name_or_the_key_of_another(hub):
    agent = Agent(hub.small_provider)
    with pytest.raises(InvalidError, match="begins with its party"):
        witnesses.add_cosignature(agent.body(), by=caller(hub.big_provider), now=NOON)
    agent.cosign()
    with pytest.raises(ConflictError, match="no witness of yours"):
        witnesses.add_cosignature(agent.body(), by=caller(hub.big_provider), now=NOON)


@at_night
def test_a_party_has_no_more_witnesses_than_it_may_have(hub):
    for number in range(MOST_KEYS):
        Agent(hub.small_provider, f"agent-{number}").cosign()
    one_more = Agent(hub.small_provider, "one-more")
    with pytest.raises(ConflictError, match="stemtide ledger witness remove"):
        one_more.cosign()
    witnesses.remove_witness(f"{hub.small_provider.name}/agent-0", actor="host", now=NOON)
    one_more.cosign()


def test_a_removed_witness_is_shown_no_more_and_cannot_come_back(hub):
    agent = Agent(hub.small_provider)
    agent.cosign()
    witnesses.remove_witness(agent.key.name, actor="host", now=NOON)
    with pytest.raises(NotFoundError):
        reads.cosigned(now=NOON, is_member=True)
    with pytest.raises(ConflictError):
        agent.cosign()
    with pytest.raises(NotFoundError, match="witness list"):
        witnesses.remove_witness(agent.key.name, actor="host", now=NOON)


def test_old_heads_go_with_their_cosignatures_and_the_newest_stays(hub):
    Agent(hub.small_provider).cosign()
    witnesses.offer_head(NOON + timedelta(days=60))
    assert OfferedHead.objects.count() == 1  # nothing grew: the newest stays
    grow(hub, 1, now=NOON + timedelta(days=60))
    assert OfferedHead.objects.count() == 1
    assert not Cosignature.objects.exists()


@pytest.fixture
def asker(settings):
    """An asker that may reach this machine."""
    settings.WITNESS_LOOPBACK = True
    clock = [NOON]
    asker = WitnessAsker(now=lambda: clock[0])
    asker.clock = clock
    yield asker
    asker.close()


def run(asker, now):
    """Ask all that are due, one after the other, on this thread's connection."""
    asker.clock[0] = now
    jobs = asker.claim_due(now, limit=10)
    for job in jobs:
        asker.run(job)
    return len(jobs)


def the_witness():
    (row,) = reads.witnesses(is_member=False)
    return row


@pytest.fixture
def listed(hub, asker):  # noqa: ARG001  # the log has a head
    """A listed witness, as a server on this machine."""
    server = WitnessServer(log.log_keys(), clock=lambda: asker.now().timestamp())
    with serving(server) as address:
        witnesses.list_witness(str(server.key), address=address, actor="host", now=NOON)
        yield server


@pytest.mark.both_databases
def test_a_listed_witness_is_asked_and_follows_the_log(hub, asker, listed):
    assert run(asker, NOON) == 1
    for number in range(1, 4):
        at = NOON + number * OFFER_EVERY
        assert run(asker, at - timedelta(seconds=1)) == 0
        assert grow(hub, number, now=at)
        assert run(asker, at) == 1
        assert the_witness().trouble == ""
        assert the_witness().size == listed.size == hub.last_entry().number + 1
    assert run(asker, at + timedelta(hours=1)) == 0
    note = Note.read(reads.cosigned(now=at + timedelta(hours=25), is_member=False))
    assert list(cosigners(note, trusted=[listed.key])) == [listed.key]


@at_night
def test_a_listed_witness_that_has_another_head_is_asked_from_there(hub, asker, listed):
    run(asker, NOON)
    grow(hub, 1, now=LATER)
    sizes = listed.size, listed.root
    run(asker, LATER)
    listed.size, listed.root = sizes  # it was restored from a backup
    at = LATER + OFFER_EVERY
    grow(hub, 2, now=at)
    run(asker, at)
    assert "another head than the hub thought" in the_witness().trouble
    assert run(asker, at + timedelta(seconds=30)) == 0
    assert run(asker, at + timedelta(minutes=3)) == 1
    assert the_witness().trouble == ""
    assert the_witness().size == listed.size


@pytest.mark.parametrize(
    ("answer", "words"),
    some_of(
        1,
        [
            ((403, "text/plain", "who are you?\n"), "it answered 403: who are you?"),
            ((200, "text/plain", ""), "not signed by witness.example/w1"),
            ((200, "text/plain", "nonsense\n"), "no line of signature"),
            ((200, "text/plain", "x" * 200_000), "more than"),
            ((409, "text/x.tlog.size", "-1\n"), "does not say which"),
            ((409, "text/x.tlog.size", "9" * 19 + "\n"), "does not say which"),
            ((403, "text/plain", "a\0b\x1b[2J"), "it answered 403: ab[2J"),
            ((409, "text/plain", "1\n"), "it answered 409"),
            ((302, "text/plain", ""), "redirects"),
        ],
    ),
)
def test_a_listed_witness_that_answers_wrongly_is_shown_with_the_reason(
    asker, listed, answer, words
):
    listed.answer = lambda _body: answer
    assert run(asker, NOON) == 1
    assert words in the_witness().trouble
    assert not Cosignature.objects.exists()


@at_night
def test_a_listed_witness_that_forges_is_not_believed(asker, listed):
    def forge(_body):
        text = "another\n1\n"
        at = int(asker.clock[0].timestamp())
        return 200, "text/plain", cosign(text, key=listed.private, name=listed.name, at=at)

    listed.answer = forge
    run(asker, NOON)
    assert "does not hold" in the_witness().trouble
    assert not Cosignature.objects.exists()


def test_a_witness_is_asked_nowhere_inside_the_hub_s_network(asker, listed, settings):
    settings.WITNESS_LOOPBACK = False
    run(asker, NOON)
    assert listed.requests == []
    assert the_witness().trouble


@at_night
def test_a_listed_witness_needs_an_address_and_is_listed_once(listed):
    with pytest.raises(InvalidError, match="https"):
        witnesses.list_witness(str(listed.key), address="w.example", actor="host", now=NOON)
    with pytest.raises(ConflictError, match="already"):
        witnesses.list_witness(str(listed.key), address="https://w.example", actor="host", now=NOON)


def test_an_agent_that_lost_its_key_replaces_its_older_witness(hub):
    old, new = Agent(hub.small_provider), Agent(hub.small_provider)
    old.cosign()
    new.cosign()
    (row,) = reads.witnesses(is_member=True)
    assert row.key == str(new.key)
    with pytest.raises(ConflictError, match="no witness of yours"):
        old.cosign()
