# SPDX-License-Identifier: Apache-2.0
"""Signals match until their expiry or term, and are erased six months after they end."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.retention.reads import shown
from stemtide.hub.rooms.retention.writes import holds, purges
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import entries, signals
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.retention.messages import RetentionChangeIn, RetentionIn
from stemtide.protocol.messages.signals import WithdrawIn
from tests.world import NOON, hex_value, signal_in

AUGUST_31 = datetime(2027, 8, 31, 12, tzinfo=UTC)


def withdraw(world, uid, *, now=NOON):
    signals.withdraw(uid, body=WithdrawIn(reason="mistake"), by=world.authority, now=now)


def extend(world, uid, *, until, now=NOON):
    entries.extend(uid, until=until, by=world.authority, now=now, through="person:1")


# When a signal stops matching


def test_an_extended_signal_matches_beyond_its_term(world):
    shared, late = world.share(expires_at=NOON + timedelta(days=10)), months_after(NOON, 35)
    Signal.objects.update(expires_at=late + timedelta(days=1))
    until = months_after(late, 36)
    extend(world, shared.id, until=until, now=late)
    purges.purge_due(months_after(NOON, 60))
    row = Signal.objects.get()
    assert (row.state, row.erase_due) == (SignalState.LIVE, months_after(until, 6))


def test_one_extension_is_by_the_term_at_most(world):
    shared = world.share(expires_at=NOON + timedelta(days=10))
    with pytest.raises(InvalidError, match="extend the signal again") as refused:
        extend(world, shared.id, until=months_after(NOON, 36) + timedelta(days=1))
    assert refused.value.field == "until"


def test_a_signal_never_ends_at_its_term_before_it_expires(world):
    shared = world.share(expires_at=AUGUST_31)
    Signal.objects.update(shared_at=months_after(AUGUST_31, -40))
    purges.purge_due(AUGUST_31 - timedelta(days=2))
    assert Signal.objects.get(uid=shared.id).state == SignalState.LIVE


def test_a_term_that_ends_on_the_31st_does_not_end_on_the_28th(world):
    bodies = [signal_in(value=hex_value(1))]
    signals.share_many(bodies, by=world.authority, now=AUGUST_31)
    ends = months_after(AUGUST_31, 36)
    purges.purge_due(ends - timedelta(hours=1))
    assert Signal.objects.get().state == SignalState.LIVE
    assert shown.overview(viewer=world.authority, now=AUGUST_31).rows[0].retention.ends_at == ends
    purges.purge_due(ends)
    assert Signal.objects.get().state == SignalState.EXPIRED


def test_an_expiry_after_the_term_is_left_out(world):
    far = {"expires_at": months_after(NOON, 36) + timedelta(days=1)}
    shared = world.share(**far)
    assert Signal.objects.get().expires_at is None
    assert world.share(**far).id == shared.id
    purges.purge_due(months_after(NOON, 36))
    assert Signal.objects.get().state == SignalState.EXPIRED


# When it is erased


def test_a_withdrawn_signal_is_erased_six_months_later(world):
    withdraw(world, world.share().id)
    assert Signal.objects.get().erase_due == months_after(NOON, 6)


def test_an_unconfirmed_signal_is_erased_six_months_later(world):
    uid = world.share().id
    signals.end_unconfirmed([uid], exercise=False, crisis=None, now=NOON)
    assert Signal.objects.get().erase_due == months_after(NOON, 6)


def test_an_expired_signal_is_erased_six_months_later(world):
    world.share(expires_at=NOON + timedelta(days=10))
    Signal.objects.update(erase_due=months_after(NOON, 42))
    signals.expire_due(NOON + timedelta(days=10))
    assert Signal.objects.get().erase_due == months_after(NOON + timedelta(days=10), 6)


def test_a_date_that_was_given_with_a_reason_outlasts_the_end(world):
    given = RetentionIn(legal_basis="national")
    kept, ended = (world.share(value=hex_value(n), retention=given).id for n in (1, 2))
    until = months_after(NOON, 20)
    Signal.objects.filter(uid=kept).update(erase_due=until - timedelta(days=1))
    body = RetentionChangeIn(reason="an appeal", until=until)
    officer = world.actor(role="data_protection_officer")
    holds.change(RowClass.SIGNAL, kept, body=body, by=officer, now=NOON)
    for uid in (kept, ended):
        withdraw(world, uid)
    assert Signal.objects.get(uid=kept).erase_due == until
    assert Signal.objects.get(uid=ended).erase_due == months_after(NOON, 6)


def test_an_end_at_the_term_names_the_crisis(world):
    crisis = world.warn(name="Rumour of an attack")
    world.share(value=hex_value(1), crisis=crisis.id)
    world.share(value=hex_value(2))
    purges.purge_due(months_after(NOON, 36))
    found = {entry.crisis for entry in Entry.objects.filter(kind="signals.expired")}
    assert found == {crisis.id, None}
