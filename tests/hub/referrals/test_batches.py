# SPDX-License-Identifier: Apache-2.0
"""Batches: each row gets its own outcome, and the same rows twice are told the same twice."""

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.referrals.models import Batch, BatchRow, Referral
from stemtide.hub.rooms.referrals.reads import batches as reads_batches, referrals as reads
from stemtide.hub.rooms.referrals.rules import batches as rules
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.messages.batches import CheckRowsIn
from tests.hub.referrals.conftest import row
from tests.hub.referrals.test_referrals import NO, YES, allowed
from tests.world import NOON

MIXED = [
    row(1),
    row(2, "nowhere at all"),
    row(3, provider="no-such"),
    row(4, provider="be-crisis-centre"),
    row(5, labels="no-such-label"),
    row(6, labels=""),
    row(7, reason=""),
    row(8, reason="Ask piet@example.org"),
    row(9, "https://www.video.example/watch?v=1&utm_source=x"),
    row(10, content_type="hologram"),
    row(11, language="klingon"),
    row(12, labels="incitement; graphic-violence", ideology="no-such"),
    row(13, labels="csam"),
    row(14, "https://forum.example/1", provider="small-forum"),
]
OUTCOMES = [
    *("sent", "bad_url", "unknown_provider", "unknown_provider", "invalid", "invalid", "invalid"),
    *("invalid", "duplicate", "invalid", "invalid", "invalid", "invalid", "sent"),
]


def check(desk, rows, party="authority", role="duty_officer", **more):
    body = CheckRowsIn(rows=tuple(rows), **more)
    viewer = getattr(desk.world, party)
    return reads_batches.check_rows(body, viewer=viewer, role=role and Role(role), now=NOON).rows


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        ("authority", None, YES),
        ("authority", "duty_officer", YES),
        ("authority", "coordinator", YES),
        ("authority", "analyst", NO),
        ("authority", "administrator", NO),
        ("authority", "observer", NO),
        ("agency", "duty_officer", YES),
        ("provider", "duty_officer", NO),
        ("provider", None, NO),
        ("consortium", None, NO),
        ("observer", "coordinator", NO),
    ],
)
def test_who_sends_batches(kind, role, may):
    assert may is allowed(rules.check_open, kind=PartyKind(kind), role=role and Role(role))


def test_each_row_gets_its_own_outcome_and_a_bad_one_stops_no_other(desk):
    found = desk.add(desk.open(), MIXED)
    assert [one.outcome for one in found] == OUTCOMES
    assert [one.reference for one in found if one.outcome == "sent"] == [
        *("RF-BE-2026-00001", "RF-BE-2026-00002")
    ]
    assert all(one.message for one in found if one.outcome != "sent")
    assert "row 1 " in found[8].message
    assert Referral.objects.count() == 2


def test_a_dry_run_tells_the_same_and_changes_nothing(desk):
    before = Entry.objects.count()
    assert [one.outcome for one in check(desk, MIXED)] == OUTCOMES
    assert (Referral.objects.count(), BatchRow.objects.count()) == (0, 0)
    assert Entry.objects.count() == before
    with pytest.raises(NotAllowedError):
        check(desk, MIXED, "big_provider")
    with pytest.raises(NotAllowedError):
        check(desk, MIXED, role="analyst")


def test_the_same_rows_twice_are_sent_once_and_told_the_same(desk):
    batch = desk.open()
    first = desk.add(batch, MIXED)
    entries = Entry.objects.count()
    again = desk.open()
    assert again.id == batch.id
    assert desk.add(again, MIXED) == first
    assert Referral.objects.count() == 2
    assert Entry.objects.count() == entries


def test_another_batch_of_the_same_addresses_finds_them_referred(desk):
    first = desk.add(desk.open(), [row(1)])
    found = desk.add(desk.open("Another day"), [row(1)])[0]
    assert found.outcome == "duplicate"
    assert found.reference == first[0].reference
    assert first[0].reference in found.message


def test_what_came_back_is_referred_again_where_the_batch_says_so(desk):
    sent = desk.add(desk.open(), [row(1)])[0]
    desk.answer(reads.referral(sent.referral, viewer=desk.world.authority), "removed")
    other = desk.open("A week later")
    assert desk.add(other, [row(1)])[0].outcome == "duplicate"
    assert desk.add(other, [row(2, row(1).url)], again=True)[0].outcome == "sent"


def test_a_row_that_meets_a_hold_waits_and_its_holder_is_told_once(desk):
    desk.hold(url=row(1).url)
    found = desk.add(desk.open(), [row(1), row(2), row(3, row(1).url, provider="small-forum")])
    assert [one.outcome for one in found] == ["held", "sent", "held"]
    assert "duty desk" in found[0].message
    assert Referral.objects.get(uid=found[0].referral).state == "held"
    met = Entry.objects.filter(kind="hold.met")
    assert [one.detail for one in met] == [
        {"party": "party:fr-referral-unit", "count": 2, "through": met[0].detail["through"]}
    ]
    assert Entry.objects.get(kind="referrals.held").detail["count"] == 2


def test_what_another_authority_refers_is_not_sent_in_a_batch(desk):
    desk.refer("other_authority", url=row(1).url)
    found = desk.add(desk.open(), [row(1)])[0]
    assert (found.outcome, found.referral) == ("referred_by_others", None)


def test_each_provider_is_told_once_and_not_for_each_address(desk):
    rows = [row(one) for one in range(1, 41)]
    rows += [row(41, "https://forum.example/1", provider="small-forum")]
    batch = desk.open()
    desk.add(batch, rows)
    told = Entry.objects.filter(kind="referrals.sent").order_by("number")
    assert [(one.subject, one.detail["party"], one.detail["count"]) for one in told] == [
        (f"batch:{batch.id}", "party:big-video", 40),
        (f"batch:{batch.id}", "party:small-forum", 1),
    ]
    assert (told[0].detail["first"], told[0].detail["last"]) == (
        "RF-BE-2026-00001",
        "RF-BE-2026-00040",
    )
    assert "video.example" not in str([one.detail for one in told])


def test_a_referral_of_a_batch_remembers_how_it_was_sent(desk):
    batch = desk.open()
    found = desk.add(batch, [row(1), row(2, "https://forum.example/1", provider="small-forum")])
    desk.add(batch, [row(3)], now=desk.world.at(minutes=1))
    uid = found[0].referral
    for party in ("authority", "big_provider"):
        rows = reads.history(uid, viewer=getattr(desk.world, party))
        assert [(one.kind, one.detail["count"]) for one in rows] == [("referrals.sent", 1)]


def test_a_batch_takes_no_more_rows_than_somebody_can_look_through(desk, monkeypatch):
    monkeypatch.setattr(rules, "MAX_ROWS", 3)
    batch = desk.open()
    desk.add(batch, [row(1), row(2)])
    with pytest.raises(ConflictError, match="at most 3"):
        desk.add(batch, [row(3), row(4)])
    assert desk.add(batch, [row(2), row(3)])[1].outcome == "sent"


def test_only_its_sender_sends_rows_and_only_agencies_look_on(desk):
    batch = desk.open()
    with pytest.raises(NotAllowedError):
        desk.add(batch, [row(1)], "agency")
    with pytest.raises(NotFoundError):
        desk.add(batch, [row(1)], "other_authority")
    assert reads_batches.batch(batch.id, viewer=desk.world.agency).name == "Action day"
    assert reads_batches.batches(viewer=desk.world.other_authority) == []
    assert desk.open(party="other_authority").id != batch.id


def test_a_batch_belongs_to_one_crisis_as_real_as_itself(desk):
    crisis = desk.world.warn()
    batch = desk.open(crisis=crisis.id)
    assert batch.crisis == crisis.id
    with pytest.raises(InvalidError, match="crisis"):
        desk.open()
    with pytest.raises(InvalidError, match="exercise"):
        desk.open("An exercise", crisis=crisis.id, exercise=True)
    sent = desk.add(batch, [row(1)])[0]
    assert reads.referral(sent.referral, viewer=desk.world.authority).crisis == crisis.id
    assert Entry.objects.get(kind="referrals.sent").crisis == crisis.id
    assert Batch.objects.count() == 1


def test_the_rows_of_a_batch_are_read_page_by_page(desk):
    batch = desk.open()
    desk.add(batch, [row(one) for one in range(1, 8)] + [row(9, "bad")])
    viewer = desk.world.authority
    first = reads_batches.rows(batch.id, viewer=viewer, limit=5)
    rest = reads_batches.rows(batch.id, viewer=viewer, after=first.next, limit=5)
    assert [one.number for one in (*first.rows, *rest.rows)] == [1, 2, 3, 4, 5, 6, 7, 9]
    assert (first.more, rest.more) == (True, False)
    found = reads_batches.batch(batch.id, viewer=viewer)
    assert (found.rows, found.outcomes) == (8, {"sent": 7, "bad_url": 1})
    empty = reads_batches.rows(desk.open("Empty").id, viewer=viewer, after=3)
    assert (empty.rows, empty.next, empty.more) == ([], 3, False)
