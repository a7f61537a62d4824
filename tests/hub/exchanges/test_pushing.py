# SPDX-License-Identifier: Apache-2.0
"""What leaves to another hub, and what never does; how it is sent, refused, and taken back."""

import json
from uuid import uuid4

import pytest
from django.db import connection

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import Outgoing
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules import pushes as rules_pushing
from stemtide.hub.rooms.exchanges.rules.pushes import OutgoingFacts
from stemtide.hub.rooms.exchanges.writes import pushes as writes_pushing
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import Terms
from stemtide.interop.stix.objects import EXTENSION
from stemtide.protocol.enums import ExchangeKind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.hub.exchanges.conftest import told
from tests.world import hex_value

OTHER = str(uuid4())
PLAIN = OutgoingFacts(
    kind=Kind.MD5,
    tlp=Tlp.GREEN,
    pap=Pap.GREEN,
    url="",
    reach=None,
    is_disputed=False,
    exercise=False,
    crisis=None,
    via=(),
)


def may(to=ExchangeKind.TAXII, *, terms=None, inside=False, hub=OTHER, **changed):
    facts = {name: getattr(PLAIN, name) for name in OutgoingFacts.__slots__} | changed
    return rules_pushing.may_leave(
        OutgoingFacts(**facts), kind=to, terms=Terms(**(terms or {})), inside=inside, hub=hub
    )


LEAVES = {
    # mark: (to a partner inside the circle, outside it, onward from another hub)
    "red": (False, False, False),
    "amber+strict": (False, False, False),
    "amber": (True, False, False),
    "green": (True, True, True),
    "clear": (True, True, True),
}


@pytest.mark.parametrize(("mark", "leaves"), LEAVES.items(), ids=LEAVES)
def test_a_mark_says_how_far_a_signal_leaves(mark, leaves):
    tlp = Tlp(mark)
    onward = may(tlp=tlp, inside=True, via=(str(uuid4()),))
    assert may(tlp=tlp, inside=True, is_brought=True) == onward
    assert (may(tlp=tlp, inside=True), may(tlp=tlp), onward) == leaves


@pytest.mark.parametrize(
    "changed",
    [
        {"pap": Pap.RED},
        {"is_disputed": True},
        {"exercise": True},
        {"via": (OTHER,)},
        {"terms": {"crisis": uuid4()}},
        {"terms": {"kinds": ("pdq",)}},
    ],
    ids=["pap", "disputed", "exercise", "theirs", "crisis", "kind"],
)
def test_what_never_leaves(changed):
    assert may()
    assert not may(**changed)


@pytest.mark.parametrize(
    "changed",
    [{"kind": Kind.SHA256}, {"kind": Kind.URL}, {"kind": Kind.URL, "url": "x", "reach": "host"}],
    ids=["sha256", "digest", "host"],
)
def test_what_a_shape_cannot_say_does_not_leave_in_it(changed):
    assert may(**changed)
    assert not may(ExchangeKind.STOPNCII, **changed)


class Taxii:
    """A server that takes posts. refuses: words by the id of an object."""

    def __init__(self, partner):
        self.posts = []
        self.refuses = {}
        self.pending = 0
        partner.answers = self.answer

    def answer(self, method, path, _headers, body):
        uid = "11111111-2222-4333-8444-555555555555"
        if method == "POST":
            self.posts.append(json.loads(body)["objects"])
        failed = [
            {"id": one["id"], "version": "x", "message": self.refuses[one["id"]]}
            for one in self.posts[-1]
            if one["id"] in self.refuses
        ]
        assert method == "POST" or path == f"/root/status/{uid}/"
        self.pending -= 1
        state = "pending" if self.pending > 0 else "complete"
        body = {"id": uid, "status": state, "failure_count": len(failed)}
        return 202, {}, body | ({"failures": failed} if failed else {})


@pytest.fixture
def pushing(desk, partner):
    def add(kind="taxii", **more):
        return desk.add(kind, address=partner.address, direction="push", secret="key", **more)

    return add


def test_signals_are_posted_with_their_way_and_without_their_audience(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    placed = desk.world.share(kind="md5", tlp="green", audience=("partner-hub",))
    desk.world.share(kind="sha256", tlp="amber")
    assert desk.run() == {"pushed": 1}
    ((sent,),) = server.posts
    said = sent["extensions"][EXTENSION]
    assert said["hub"] == reads.own_hub()
    assert "audience" not in said
    assert sent["id"].endswith(str(placed.id)[-12:])
    assert desk.run() == {}


def test_amber_leaves_only_where_the_operator_says_that_the_partner_is_inside(
    desk, partner, pushing
):
    Taxii(partner)
    pushing(inside=True)
    desk.world.share(kind="md5", tlp="amber")
    desk.world.share(kind="sha256", tlp="amber+strict")
    assert desk.run() == {"pushed": 1}


def test_what_came_from_a_partner_never_goes_back_there(desk, partner):
    server = Taxii(partner)
    desk.add(address=partner.address, direction="both")
    facts = {"kind": "md5", "value": hex_value(1, digits=32), "tlp": "green"}
    desk.take(told(1, facts=facts, via=(OTHER,)))
    there = desk.world.share(kind="sha256", value=hex_value(2), tlp="green")
    desk.take(told(2, facts={"kind": "sha256", "value": hex_value(2), "tlp": "green"}))
    partner.answers = lambda *_: (200, {}, {})
    assert desk.run() == {}
    assert (server.posts, Outgoing.objects.count()) == ([], 0)
    assert there.created


def test_a_withdrawal_is_told_once_and_only_of_what_was_sent(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    sent = desk.world.share(kind="md5", tlp="green")
    desk.run()
    later = desk.world.share(kind="sha256", tlp="green")
    for one in (sent, later):
        body = WithdrawIn(reason="mistake")
        signals.withdraw(one.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    assert desk.run() == {"pushed": 1}
    first, (revoked,) = server.posts
    assert revoked["revoked"] is True
    assert (revoked["id"], revoked["modified"] > first[0]["modified"]) == (first[0]["id"], True)
    assert desk.run() == {}


def test_a_value_that_two_parties_share_stays_there_until_the_last_withdraws(
    desk, partner, pushing
):
    server = Taxii(partner)
    pushing()
    first = desk.world.share(kind="md5", tlp="green")
    desk.run()
    second = desk.world.share(by=desk.world.agency, kind="md5", tlp="green")
    server.refuses = {f"indicator--{_random(second.id)}": "you share this already"}
    assert desk.run() == {"push_refused": 1}
    body = WithdrawIn(reason="mistake")
    signals.withdraw(first.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    assert desk.run() == {}
    signals.withdraw(second.id, body=body, by=desk.world.agency, now=desk.later(minutes=1))
    assert desk.run() == {"pushed": 1}
    assert server.posts[-1][0]["id"] == server.posts[0][0]["id"]


def _random(uid):
    from stemtide.interop.stix.objects import as_random

    return as_random(uid)


def test_a_refused_object_is_named_and_not_sent_again(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    placed = desk.world.share(kind="md5", tlp="green")
    desk.world.share(kind="sha256", tlp="green")
    server.refuses = {f"indicator--{_random(placed.id)}": "not here"}
    assert desk.run() == {"pushed": 1, "push_refused": 1}
    assert "refused there: not here" in desk.log()
    assert desk.run() == {}


def test_a_pending_status_is_asked_for(desk, partner, pushing, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.exchanges.sources.taxii_push._PAUSE_S", 0)
    server = Taxii(partner)
    server.pending = 4
    pushing()
    desk.world.share(kind="md5", tlp="green")
    assert desk.run() == {"pushed": 1}


def test_what_a_partner_that_is_away_did_not_take_waits(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    desk.world.share(kind="md5", tlp="green")
    partner.answers = lambda *_: (503, {"Retry-After": "900"}, {})
    assert desk.run() == {}
    assert reads.all_exchanges()[0].waiting == 1
    assert desk.row.next_at >= desk.now
    partner.answers = server.answer
    assert desk.run() == {"pushed": 1}
    assert desk.world.last_entry().kind == "exchange.recovered"


class StopNcii:
    """A server that takes all records of a message or none."""

    def __init__(self, partner):
        self.held = {}
        self.bad = set()
        partner.answers = self.answer

    def answer(self, _method, path, _headers, body):
        sent = json.loads(body)
        rows = sent.get("hashRecords") or sent["hashFeedbacks"]
        values = {one["hashValue"] for one in rows}
        if values & self.bad:
            return 422, {}, {}
        if path.endswith("SubmitHashes"):
            self.held |= {one["hashValue"]: one for one in rows}
        else:
            assert {one["feedbackValue"] for one in rows} == {"Withdrawn"}
            for value in values:
                self.held.pop(value)
        return 200, {}, {}


def test_hashes_are_submitted_and_taken_back(desk, partner, pushing):
    server = StopNcii(partner)
    pushing("stopncii")
    placed = [
        desk.world.share(kind="md5", value=hex_value(number, digits=32), tlp="green")
        for number in range(9)
    ]
    server.bad = {hex_value(4, digits=32)}
    assert desk.run() == {"pushed": 8, "push_refused": 1}
    one = server.held[hex_value(0, digits=32)]
    assert one["signalType"] == "StopNCIISignalType.VideoMD5"
    assert f"hub:{reads.own_hub()}" in one["CSPFeedbacks"][0]["tags"]
    body = WithdrawIn(reason="mistake")
    signals.withdraw(placed[0].id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    assert desk.run() == {"pushed": 1}
    assert len(server.held) == 7


def test_misp_is_not_pushed_to(pushing):
    with pytest.raises(InvalidError, match="can pull from"):
        pushing("misp-feed")


def test_what_is_disputed_while_it_waits_does_not_leave(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    placed = desk.world.share(kind="md5", tlp="green")
    run = reads.run_of(desk.row)
    assert writes_pushing.note_waiting(run, now=desk.now) is False
    for opinion, sent in (("dispute", {}), ("agree", {"pushed": 1})):
        body = OpinionIn(opinion=opinion, note="it is news")
        signals.give_opinion(placed.id, body=body, by=desk.world.agency, now=desk.now)
        assert desk.run() == sent
    assert len(server.posts) == 1


def test_what_was_taken_without_an_answer_is_taken_back_all_the_same(desk, partner, pushing):
    server = Taxii(partner)
    pushing()
    placed = desk.world.share(kind="md5", tlp="green")

    def lost(*asked):
        server.answer(*asked)
        return 503, {}, {}

    partner.answers = lost
    assert desk.run() == {}
    partner.answers = server.answer
    body = WithdrawIn(reason="mistake")
    signals.withdraw(placed.id, body=body, by=desk.world.authority, now=desk.later(minutes=30))
    assert desk.run() == {"pushed": 1}
    assert [one[0].get("revoked", False) for one in server.posts] == [False, True]
    assert server.posts[0][0]["id"] == server.posts[1][0]["id"]


def test_others_get_their_turn_between_two_looks_at_what_changed(
    desk, partner, pushing, monkeypatch
):
    slept = []
    monkeypatch.setattr("stemtide.hub.rooms.ledger.writes.transactions.time.sleep", slept.append)
    monkeypatch.setattr(writes_pushing, "LOOKED_AT_ONCE", 1)
    Taxii(partner)
    pushing()
    desk.world.share(kind="md5", tlp="green")
    desk.world.share(kind="sha256", tlp="green")
    assert desk.run() == {"pushed": 2}
    assert bool(slept) is not connection.features.has_select_for_update
