# SPDX-License-Identifier: Apache-2.0
"""What was pushed and ends there, or does not: heirs, refusals, and who may see it no longer."""

import pytest

from stemtide.hub.rooms.exchanges.models import Outgoing
from stemtide.hub.rooms.exchanges.reads import exchanges as reads, outgoing as reads_outgoing
from stemtide.hub.rooms.exchanges.rules import pushes as rules_pushing
from stemtide.hub.rooms.exchanges.writes import pushes as writes_pushing
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.exchanges.test_pushing import Taxii, _random


@pytest.fixture
def server(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key", inside=True)
    return Taxii(partner)


def withdraw(desk, placed, *, by):
    now = desk.later(minutes=1)
    signals.withdraw(placed.id, body=WithdrawIn(reason="mistake"), by=by, now=now)


def states():
    return list(Outgoing.objects.order_by("pk").values_list("state", flat=True))


def test_what_stands_there_under_names_of_their_own_is_taken_back_one_by_one(desk, server):
    first = desk.world.share(kind="md5", tlp="green")
    second = desk.world.share(by=desk.world.agency, kind="md5", tlp="green")
    assert desk.run() == {"pushed": 2}
    for placed, by in ((first, desk.world.authority), (second, desk.world.agency)):
        withdraw(desk, placed, by=by)
        assert desk.run() == {"pushed": 1}
        (revoked,) = server.posts[-1]
        assert (revoked["id"], revoked["revoked"]) == (f"indicator--{_random(placed.id)}", True)
    assert states() == ["ended", "ended"]


def test_a_refused_twin_is_told_again_where_nobody_knows_whether_the_first_is_there(
    desk, partner, server
):
    first = desk.world.share(kind="md5", tlp="green")

    def lost(*asked):
        server.answer(*asked)
        return 503, {}, {}

    partner.answers = lost
    desk.run()
    partner.answers = server.answer
    second = desk.world.share(by=desk.world.agency, kind="md5", tlp="green")
    Outgoing.objects.update(next_at=desk.world.at(days=9))  # the first is not told again meanwhile
    server.refuses = {f"indicator--{_random(second.id)}": "you share this already"}
    assert desk.run() == {"push_refused": 1}
    server.refuses = {}
    withdraw(desk, first, by=desk.world.authority)
    assert desk.run() == {"pushed": 2}
    assert [one.get("revoked", False) for one in server.posts[-1]] == [True, False]
    assert states() == ["ended", "sent"]


def test_a_refused_withdrawal_is_told_again_ever_later_and_then_shown_as_not_taken_back(
    desk, server
):
    placed = desk.world.share(kind="md5", tlp="green")
    desk.run()
    withdraw(desk, placed, by=desk.world.authority)
    server.refuses = {f"indicator--{_random(placed.id)}": "we keep it"}
    for pause in rules_pushing.TAKE_BACK_AFTER:
        assert desk.run() == {"push_refused": 1}
        assert states() == ["taking_back"]
        assert desk.run() == {}  # not before its time
        desk.now += pause
    assert desk.run() == {"push_refused": 1}
    assert states() == ["refused"]
    assert desk.row.counts == {"not_taken_back": 1}
    assert "not taken back there: 1 of them: ask the partner to end what it keeps" in desk.log()
    assert not any(str(placed.id) in words for words in desk.log())
    # It still stands there, so it counts as what was told.
    assert reads_outgoing.counts_by_state(viewer=desk.world.agency) == {"partner": {"sent": 1}}
    desk.later(days=9)
    assert desk.run() == {}


def test_a_withdrawal_that_is_refused_once_is_taken_the_next_time(desk, server):
    placed = desk.world.share(kind="md5", tlp="green")
    desk.run()
    withdraw(desk, placed, by=desk.world.authority)
    server.refuses = {f"indicator--{_random(placed.id)}": "not now"}
    desk.run()
    server.refuses = {}
    desk.later(hours=1)
    assert desk.run() == {"pushed": 1}
    assert states() == ["ended"]


def to_observer(desk):
    """From now on the partner's party sees no TLP:AMBER."""
    Party.objects.filter(pk=desk.party.pk).update(kind="observer")


def test_what_waits_and_may_be_seen_no_longer_does_not_leave_and_is_said(desk, server):
    desk.world.share(kind="md5", tlp="amber")
    writes_pushing.note_waiting(reads.run_of(desk.row), now=desk.now)
    assert states() == ["waiting"]
    to_observer(desk)
    assert desk.run() == {}
    assert (server.posts, states()) == ([], [])
    assert "not pushed: 1 that partner-hub may not see now" in desk.log()


@pytest.mark.usefixtures("server")
def test_what_never_left_and_may_be_seen_again_leaves(desk):
    placed = desk.world.share(kind="md5", tlp="amber")
    writes_pushing.note_waiting(reads.run_of(desk.row), now=desk.now)
    kind = desk.party.kind
    to_observer(desk)
    assert desk.run() == {}
    Party.objects.filter(pk=desk.party.pk).update(kind=kind)
    for opinion in ("dispute", "agree"):  # it is looked at when it changes
        body = OpinionIn(opinion=opinion, note="it is news")
        signals.give_opinion(placed.id, body=body, by=desk.world.agency, now=desk.now)
    assert desk.run() == {"pushed": 1}


def test_what_is_there_is_taken_back_whoever_may_see_it_now(desk, server):
    placed = desk.world.share(kind="md5", tlp="amber")
    assert desk.run() == {"pushed": 1}
    to_observer(desk)
    withdraw(desk, placed, by=desk.world.authority)
    assert desk.run() == {"pushed": 1}
    assert server.posts[-1][0]["revoked"] is True


def test_what_may_be_there_and_may_be_seen_no_longer_is_taken_back_in_a_later_version(
    desk, partner, server
):
    def lost(*asked):
        server.answer(*asked)
        return 503, {}, {}

    partner.answers = lost
    desk.world.share(kind="md5", tlp="amber")
    assert desk.run() == {}
    partner.answers = server.answer
    to_observer(desk)
    desk.later(hours=1)
    assert desk.run() == {"pushed": 1}
    (told,), (revoked,) = server.posts
    assert (revoked["id"], revoked["revoked"]) == (told["id"], True)
    assert revoked["modified"] > told["modified"]
    assert states() == ["ended"]
