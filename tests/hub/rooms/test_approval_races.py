# SPDX-License-Identifier: Apache-2.0
"""Two people decide at once, and somebody decides while the clock lets it expire."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.writes import approvals as writes
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.approvals import ApproveIn, RefuseIn
from stemtide.protocol.trust.second_look import second_look
from tests.world import NOON, signal_in

pytestmark = pytest.mark.django_db(transaction=True)
FOLDER = {"kind": "url", "value": "https://bad.example/video/12/", "reach": "folder"}


def ask(world):
    """Share a folder, which waits; return the id of what waits."""
    signals.share(signal_in(**FOLDER), by=world.small_provider, now=NOON, actor_ref="key:abc")
    return Approval.objects.get().uid


def at_once(*acts):
    """Do all of these in threads; return how many were done."""

    def run(act):
        try:
            return act() is not False
        except ConflictError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return sum(pool.map(run, acts))


def approving(world, uid, ref, *, now=NOON):
    by = world.actor(world.agency, role="coordinator", ref=ref)
    return lambda: writes.approve(uid, body=ApproveIn(count=1), by=by, now=now)


def decisions():
    """The entries by which acts were decided."""
    kinds = Entry.objects.filter(kind__startswith="approval.").exclude(kind="approval.asked")
    return list(kinds.values_list("kind", flat=True))


def test_of_people_who_decide_at_once_one_wins(committed_world):
    uid = ask(committed_world)
    by = committed_world.actor(committed_world.agency, role="coordinator", ref="person:7")
    approvals = [approving(committed_world, uid, f"person:{number}") for number in (8, 9)]
    assert at_once(*approvals, lambda: writes.refuse(uid, body=RefuseIn(), by=by, now=NOON)) == 1
    (kind,) = decisions()
    assert Signal.objects.count() == (kind == "approval.approved")


def test_a_decision_in_the_last_moment_and_the_clock_are_one_end(committed_world):
    uid = ask(committed_world)
    hours = second_look().waiting.hours
    last = approving(committed_world, uid, "person:9", now=committed_world.at(hours=hours - 1))
    end = committed_world.at(hours=hours)
    assert at_once(last, lambda: writes.expire_due(end) == 1) == 1
    (kind,) = decisions()
    assert Signal.objects.count() == (kind == "approval.approved")
