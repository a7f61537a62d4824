# SPDX-License-Identifier: Apache-2.0
"""Stamps of signals: seconds in the order of commits, whatever clocks say."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import Opinion, WithdrawReason
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.world import NOON, hex_value, signal_in

AT = int(NOON.timestamp())


def stamp_of(uid):
    return Signal.objects.get(uid=uid).stamp_s


def test_no_stamp_is_lower_than_one_given_before(world):
    ahead = writes.share(signal_in(), by=world.authority, now=world.at(minutes=10))
    behind = writes.share(signal_in(value=hex_value(2)), by=world.authority, now=NOON)
    assert stamp_of(ahead.id) == stamp_of(behind.id) == AT + 600


def test_every_change_moves_the_stamp(world):
    shared = world.share(expires_at=world.at(hours=1))
    assert stamp_of(shared.id) == AT
    agree = OpinionIn(opinion=Opinion.AGREE)
    writes.give_opinion(shared.id, body=agree, by=world.agency, now=world.at(seconds=7))
    assert stamp_of(shared.id) == AT + 7
    writes.expire_due(world.at(hours=2))
    assert stamp_of(shared.id) == AT + 7200
    other = writes.share(signal_in(), by=world.authority, now=world.at(hours=3))
    mistake = WithdrawIn(reason=WithdrawReason.MISTAKE)
    writes.withdraw(other.id, body=mistake, by=world.authority, now=world.at(hours=4))
    assert stamp_of(other.id) == AT + 4 * 3600


@pytest.mark.nightly
def test_signals_of_before_are_stamped_by_their_own_times(committed_world):
    world = committed_world
    shared, gone = world.share(), world.share(value=hex_value(2))
    mistake = WithdrawIn(reason=WithdrawReason.MISTAKE)
    late = NOON + timedelta(seconds=90, milliseconds=400)
    writes.withdraw(gone.id, body=mistake, by=world.authority, now=late)
    call_command("migrate", "signals", "0005", verbosity=0)
    call_command("migrate", verbosity=0)
    assert (stamp_of(shared.id), stamp_of(gone.id)) == (AT, AT + 90)
