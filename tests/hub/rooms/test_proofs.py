# SPDX-License-Identifier: Apache-2.0
"""A party gets proofs of the signals that it may see: what they say is what the log commits to."""

from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from django.db import transaction

from stemtide.agent.sync import prover
from stemtide.fingerprints.kinds import SIZE_BYTES
from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as signal_reads
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.transparency.models import Leaf, Log
from stemtide.hub.rooms.transparency.reads import log as log_reads, openings, proofs
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.writes import leaves, purges
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.sync.proofs import ProofsIn, check_head, open_things
from stemtide.protocol.tlog.merkle import ProofError
from stemtide.protocol.tlog.notes import read_checkpoint
from tests.rounds import on_sqlite
from tests.world import NOON, hex_value, signal_in

LATER = NOON + timedelta(hours=3)


@pytest.fixture(autouse=True)
def forget_trees():
    yield
    proofs._bulk.cache_clear()


def share_bulk(world, numbers, **facts):
    bodies = [signal_in(value=hex_value(number), **facts) for number in numbers]
    return [row.id for row in signals.share_many(bodies, by=world.authority, now=NOON).signals]


def ask(viewer, uids, **more):
    return proofs.prove(ProofsIn(signals=list(uids), **more), viewer=viewer, now=LATER)


def opened(answer):
    """What the log says of each signal, after it was checked as a stranger would."""
    head = read_checkpoint(answer.head, trusted=log_reads.log_keys())
    things = {}
    for thing in open_things(answer, head):
        things.setdefault(thing.facts["uid"], []).append(thing.facts)
    return things


@pytest.fixture
def hub(world):
    leaves.follow_ledger(NOON)
    return world


@pytest.mark.both_databases
def test_shares_alone_and_in_bulks_are_proved(hub):
    alone = hub.share(value=hex_value(1)).id
    bulk = share_bulk(hub, range(10, 30))
    leaves.follow_ledger(NOON)
    asked = [alone, *bulk[3:9], bulk[15]]
    things = opened(ask(hub.big_provider, asked))
    assert set(things) == set(map(str, asked))
    for uid in asked:
        row = Signal.objects.select_related("shared_by").get(uid=uid)
        (facts,) = things[str(uid)]
        assert facts["value"] == row.value
        assert facts["shared_by"] == row.shared_by.name
        assert (facts["labels"], facts["tlp"], facts["pap"]) == (row.labels, row.tlp, row.pap)
        assert not facts.keys() & {"audience", "via", "url"}


@pytest.mark.both_databases
def test_ends_alone_and_of_many_are_proved(hub):
    withdrawn = hub.share(value=hex_value(1)).id
    signals.withdraw(withdrawn, body=WithdrawIn(reason="mistake"), by=hub.authority, now=NOON)
    bulk = share_bulk(hub, range(10, 20), expires_at=NOON + timedelta(hours=2))
    signals.expire_due(LATER)
    leaves.follow_ledger(LATER)
    things = opened(ask(hub.big_provider, [withdrawn, bulk[4]]))
    assert {"state": "withdrawn", "uid": str(withdrawn)} in things[str(withdrawn)]
    assert {"state": "expired", "uid": str(bulk[4])} in things[str(bulk[4])]
    assert hex_value(14) in {facts.get("value") for facts in things[str(bulk[4])]}
    assert verify().flaws == []


def test_nobody_gets_proofs_of_signals_that_are_not_for_them(hub):
    shown, hidden = (
        hub.share(value=hex_value(1)).id,
        hub.share(value=hex_value(2), tlp="red", audience=("big-video",)).id,
    )
    leaves.follow_ledger(NOON)
    answer = ask(hub.small_provider, [shown, hidden, uuid4()])
    assert set(opened(answer)) == {str(shown)}
    assert answer.older == answer.waiting == []
    assert str(hidden) not in answer.model_dump_json()


def test_a_signal_moved_to_another_sharer_is_not_proved(hub):
    uid = share_bulk(hub, range(10, 14))[2]
    leaves.follow_ledger(NOON)
    Signal.objects.filter(uid=uid).update(shared_by=hub.agency)
    alone = hub.share(value=hex_value(1)).id
    leaves.follow_ledger(NOON)
    assert set(opened(ask(hub.big_provider, [uid, alone]))) == {str(alone)}


def test_a_bulk_changed_after_it_was_asked_for_is_not_proved(hub):
    """Of what was opened before, the proof says what the log says."""
    bulk = share_bulk(hub, range(10, 14))
    leaves.follow_ledger(NOON)
    ask(hub.big_provider, bulk[:2])
    Signal.objects.filter(uid__in=bulk[1:3]).update(shared_by=hub.agency)
    things = opened(ask(hub.big_provider, bulk))
    assert set(things) == {str(uid) for uid in (*bulk[:2], bulk[3])}
    assert things[str(bulk[1])][0]["shared_by"] == hub.authority.name
    assert ask(hub.big_provider, [bulk[2]]).entries == []


@on_sqlite
def test_many_small_bulks_are_opened_at_once_and_no_more_signals_than_a_limit(hub, monkeypatch):
    shared = [share_bulk(hub, range(at, at + 2)) for at in range(10, 30, 2)]
    uids = [uid for bulk in shared for uid in bulk]
    leaves.follow_ledger(NOON)
    answer = ask(hub.big_provider, uids)
    assert set(opened(answer)) == set(map(str, uids))
    assert answer.waiting == []
    monkeypatch.setattr(proofs, "MOST_THINGS", 5)
    answer = ask(hub.big_provider, uids)
    assert (len(opened(answer)), len(answer.waiting)) == (4, 16)
    monkeypatch.setattr(proofs, "MOST_THINGS", 1)
    assert len(opened(ask(hub.big_provider, uids))) == 2  # the first bulk always is


def test_what_is_not_in_the_log_yet_waits(hub):
    leaves.follow_ledger(NOON)
    uid, bulk = hub.share(value=hex_value(1)).id, share_bulk(hub, range(10, 12))
    answer = ask(hub.big_provider, [uid, *bulk])
    assert answer.entries == answer.hashes == []
    assert set(answer.waiting) == {uid, *bulk}


def test_the_head_continues_heads_that_were_checked(hub):
    sizes = []
    for number in range(1, 4):
        uid = hub.share(value=hex_value(number)).id
        leaves.follow_ledger(NOON)
        sizes.append(
            read_checkpoint(
                log_reads.head(now=LATER, is_member=True).note, trusted=log_reads.log_keys()
            )
        )
    answer = ask(hub.big_provider, [uid], sizes=[sizes[0].size, sizes[1].size])
    head = read_checkpoint(answer.head, trusted=log_reads.log_keys())
    check_head(answer, head, checked=[sizes[0], sizes[1]])
    forked = type(head)(head.origin, sizes[0].size, b"\0" * 32)
    with pytest.raises(ProofError):
        check_head(answer, head, checked=[forked])


def test_leaves_of_the_first_format_hold_and_prove_nothing(hub, monkeypatch):
    """As in a hub that is upgraded: what it had before stays as it was."""
    old = hub.share(value=hex_value(1)).id
    withdrawn = hub.share(value=hex_value(2)).id
    bulk = share_bulk(hub, range(10, 14))
    signals.withdraw(withdrawn, body=WithdrawIn(reason="mistake"), by=hub.authority, now=NOON)
    second = leaves.content_commitment
    monkeypatch.setattr(
        leaves,
        "content_commitment",
        lambda things, salts: second(
            things if things is None else things[:1] if len(things) == 2 else things,
            salts,
            is_first=True,
        ),
    )
    leaves.follow_ledger(NOON)
    monkeypatch.undo()
    Log.objects.update(proves_from=None)
    new = hub.share(value=hex_value(3)).id
    leaves.follow_ledger(NOON)
    assert verify().flaws == []
    answer = ask(hub.big_provider, [old, withdrawn, bulk[1], new])
    assert set(opened(answer)) == {str(new)}
    assert set(answer.older) == {old, withdrawn, bulk[1]}
    assert answer.start.number == Log.objects.get().proves_from == Leaf.objects.count() - 1


def test_what_was_erased_is_proved_no_more_and_the_rest_of_its_bulk_is(hub):
    alone, bulk = hub.share(value=hex_value(1)).id, share_bulk(hub, range(10, 14))
    leaves.follow_ledger(NOON)
    gone = [alone, bulk[1]]
    ask(hub.big_provider, [alone, *bulk])
    with transaction.atomic():
        purges.forget_salts({f"signal:{uid}" for uid in gone}, shared_at={NOON})
        Signal.objects.filter(uid__in=gone).update(labels=[], erased_at=NOON)
    assert set(opened(ask(hub.big_provider, [alone, *bulk[:2], bulk[3]]))) == {
        str(bulk[0]),
        str(bulk[3]),
    }


def test_a_hub_without_a_log_says_so(world):
    with pytest.raises(NotFoundError, match="no transparency log yet"):
        ask(world.big_provider, [uuid4()])


def test_the_operators_proof_shows_what_the_leaf_has(hub):
    bulk = share_bulk(hub, range(10, 14))
    leaves.follow_ledger(NOON)
    number = hub.last_entry().number
    assert len(openings.opening(number).digests) == len(bulk)


def test_the_log_has_what_an_agent_reads_in_its_feed(hub):
    """Byte for byte: an agent compares both."""
    text = sketch(" ".join(f"word{number} of it" for number in range(600))).to_bytes()
    shared = [
        hub.share(value=hex_value(1), within_bits=20, language="nl-BE", entity="Da'esh"),
        hub.share(kind="md5", severity="low", provenance="bystander", confidence=30, pap="amber"),
        hub.share(kind="url", value="https://videos.example/a/", reach="host"),
        hub.share(kind="text", value=text.hex(), labels=("manifesto",)),
    ]
    leaves.follow_ledger(NOON)
    entries = signal_reads.feed(0, viewer=hub.big_provider).entries
    things = opened(ask(hub.big_provider, [row.id for row in shared]))
    assert {str(entry.id) for entry in entries} == set(things)
    for entry in entries:
        received = FeedSignal.model_validate_json(entry.model_dump_json())
        value = bytes.fromhex(received.value)
        digest = received.value if received.kind in SIZE_BYTES else sha256(value).hexdigest()
        assert set(prover._facts(received)) | {"value", "uid"} == set(things[str(entry.id)][0])
        assert prover._fits(prover._facts(received) | {"value": digest}, things[str(entry.id)][0])
