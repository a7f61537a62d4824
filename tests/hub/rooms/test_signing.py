# SPDX-License-Identifier: Apache-2.0
"""Parties register keys, and the hub takes signals that are signed with them, and no others."""

import json

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals import tail
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as signal_reads, snapshots
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.signals.writes.endings import erasure
from stemtide.hub.rooms.signing import reads, writes
from stemtide.hub.rooms.transparency.reads import openings
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.signing.messages import SigningKeyIn
from stemtide.protocol.signing.secret_keys import SignerSecret
from stemtide.protocol.signing.signatures import is_signed
from tests.world import NOON, add_member, hex_value, signal_in


@pytest.fixture
def secret(world):
    """A key of the authority, which it has registered."""
    secret = SignerSecret.new(world.authority.name)
    add(world, secret)
    return secret


def add(world, secret, *, by=None, replaces=None):
    body = SigningKeyIn(key=str(secret.public), replaces=replaces)
    return writes.add_key(body, by=world.actor(by), now=NOON)


def share(world, *bodies, **more):
    return signals.share_many(bodies, by=world.authority, now=NOON, **more)


def in_feed(world):
    page = signal_reads.feed(0, viewer=world.big_provider)
    return page.entries


@pytest.mark.both_databases
def test_signed_signals_reach_the_feed_the_stream_and_snapshots(world, secret):
    bodies = [secret.sign(signal_in(value=hex_value(number))) for number in range(1, 4)]
    alone = signals.share(bodies[0], by=world.authority, now=NOON)
    share(world, *bodies[1:], signal_in(value=hex_value(9)))
    feed = {entry.value: entry for entry in in_feed(world)}
    assert [is_signed(feed[body.value], [secret.public]) for body in bodies] == [True] * 3
    assert feed[hex_value(9)].signature is None
    stream = tail.shared_entries(0, until=alone.position)
    assert bodies[0].signature in stream[0].bodies[0].decode()
    lines = snapshots.read_range(
        viewer=world.big_provider, exercise=False, after=0, until=10**6, with_ended=True
    )
    rows = [json.loads(line) for part in lines for line in part.lines.splitlines()]
    assert [row.get("signature") for row in rows] == [*(body.signature for body in bodies), None]
    assert "signature" not in rows[-1]  # an older agent reads lines that it knows faster


@pytest.mark.parametrize(
    "changed", [{"severity": "low"}, {"value": hex_value(5)}, {"tlp": "green"}]
)
def test_a_signature_over_other_facts_is_refused(world, secret, changed):
    signature = secret.sign(signal_in()).signature
    body = signal_in(signature=signature, **changed)
    with pytest.raises(InvalidError, match="does not hold over these facts") as refused:
        signals.share(body, by=world.authority, now=NOON)
    assert refused.value.field == "signature"
    assert Signal.objects.count() == 0


def test_a_bulk_names_the_row_whose_signature_does_not_hold(world, secret):
    good, bad = (secret.sign(signal_in(value=hex_value(number))) for number in (1, 2))
    bad = bad.model_copy(update={"confidence": 7})
    out = share(world, good, bad, partial=True)
    assert (out.created, [error.row for error in out.errors]) == (1, [1])
    (_row, other) = bulk.check_bulk([good, bad], by=world.authority, now=NOON).rows
    assert (other.row, other.field) == (1, "signature")


def test_nobody_signs_with_the_key_of_another_party(world, secret):
    body = secret.sign(signal_in())
    with pytest.raises(InvalidError, match="no signing key here"):
        signals.share(body, by=world.other_authority, now=NOON)
    own = SignerSecret.new(world.other_authority.name)
    add(world, own, by=world.other_authority)
    with pytest.raises(InvalidError, match="does not hold"):
        signals.share(body, by=world.other_authority, now=NOON)


def test_a_party_registers_keys_of_its_own_name_only(world, secret):
    with pytest.raises(InvalidError, match="is a key of"):
        add(world, secret, by=world.other_authority)
    with pytest.raises(InvalidError, match="is no key of a signer"):
        writes.add_key(SigningKeyIn(key="x"), by=world.actor(), now=NOON)
    observer = add_member("an-observer", title="An observer", kind="observer", country="NL")
    with pytest.raises(NotAllowedError):
        add(world, SignerSecret.new("an-observer"), by=observer)


def test_keys_are_acts_of_the_party_in_the_ledger_and_its_log(world, secret):
    entry = Entry.objects.get(kind="signing_key.added")
    assert (entry.actor, entry.detail["key"]) == (world.authority.ref, str(secret.public))
    writes.revoke_key(str(secret.public), by=world.actor(), now=NOON)
    revoked = Entry.objects.get(kind="signing_key.revoked")
    assert revoked.detail["key"] == str(secret.public)
    leaves.follow_ledger(NOON)
    assert openings.opening(revoked.number).facts()["entry"]["kind"] == "signing_key.revoked"
    (row,) = reads.describe_all()
    assert (row.party, row.end) == (world.authority.name, "revoked")


def test_a_replaced_key_signs_nothing_new_and_its_signals_keep_their_signatures(world, secret):
    signals.share(secret.sign(signal_in()), by=world.authority, now=NOON)
    new = SignerSecret.new(world.authority.name)
    add(world, new, replaces=str(secret.public))
    with pytest.raises(InvalidError, match="does not hold"):
        signals.share(secret.sign(signal_in(value=hex_value(2))), by=world.authority, now=NOON)
    signals.share(new.sign(signal_in(value=hex_value(2))), by=world.authority, now=NOON)
    assert all(is_signed(entry, [secret.public, new.public]) for entry in in_feed(world))


def test_a_key_that_ended_does_not_come_back(world, secret):
    with pytest.raises(ConflictError, match="is there already"):
        add(world, secret)
    writes.revoke_key(str(secret.public), by=world.actor(), now=NOON)
    with pytest.raises(ConflictError, match="is there already"):
        add(world, secret)
    with pytest.raises(NotFoundError):
        writes.revoke_key(str(secret.public), by=world.actor(), now=NOON)
    with pytest.raises(InvalidError, match="no signing key here"):
        signals.share(secret.sign(signal_in()), by=world.authority, now=NOON)


def test_nobody_ends_the_key_of_another_party(world, secret):
    other = world.actor(world.other_authority)
    with pytest.raises(NotFoundError):
        writes.revoke_key(str(secret.public), by=other, now=NOON)
    with pytest.raises(NotFoundError):
        add(
            world,
            SignerSecret.new(world.other_authority.name),
            by=world.other_authority,
            replaces=str(secret.public),
        )
    assert reads.describe_all()[0].end is None


def test_a_party_has_few_keys(world):
    for _ in range(5):
        add(world, SignerSecret.new(world.authority.name))
    with pytest.raises(ConflictError, match="5 valid keys"):
        add(world, SignerSecret.new(world.authority.name))


def test_a_signal_that_waits_for_a_second_look_keeps_its_signature(world):
    secret = SignerSecret.new(world.big_provider.name)
    add(world, secret, by=world.big_provider)
    body = secret.sign(signal_in(kind="url", value="https://example.org/", reach="host"))
    shared = signals.share(body, by=world.big_provider, now=NOON)
    assert shared.state == "waiting"
    world.approve_all()
    (entry,) = in_feed(world)
    assert is_signed(entry, [secret.public])


def test_an_erasure_takes_the_signature_as_well(world, secret):
    shared = signals.share(secret.sign(signal_in()), by=world.authority, now=NOON)
    signals.withdraw(shared.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    row = Signal.objects.get()
    erasure.erase([row], now=NOON)
    row.refresh_from_db()
    assert row.signature is None
