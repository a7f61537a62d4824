# SPDX-License-Identifier: Apache-2.0
"""Orders that were issued despite doubts, who reads that, and copies for agencies."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.reads import doubts, drafts, orders as reads
from stemtide.hub.rooms.orders.writes import orders as writes
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.referrals.writes import holds
from stemtide.protocol.enums.orders import DoubtKind
from stemtide.protocol.messages.holds import HoldIn
from stemtide.protocol.messages.orders import DraftIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.world import NOON

CHANNEL = "https://small-forum.example/channel/newsroom"
REASON = "The channel shows nothing else."


def kinds_of(world, **facts):
    uid = cast.draft(world, **facts).id
    return [
        (finding.field, finding.kind)
        for finding in drafts.lint(uid, viewer=world.authority, now=NOON)
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        (
            {"annex": {"urls": [CHANNEL]}},
            [("urls", DoubtKind.ADDRESS), ("urls", DoubtKind.SOURCE)],
        ),
        ({"is_media_service": True}, [("is_media_service", DoubtKind.MEDIA_SERVICE)]),
        ({"copy_to_europol": True}, []),
    ],
)
def test_a_draft_shows_its_doubts_by_kind(orders, facts, expected):
    assert kinds_of(orders, **facts) == expected


def test_a_copy_that_no_agency_can_get_is_a_doubt(orders):
    Party.objects.filter(kind="agency").update(kind="observer")
    assert kinds_of(orders, copy_to_europol=True) == [("copy_to_europol", DoubtKind.COPY)]


def test_an_order_issued_despite_doubts_keeps_them_with_the_reason(orders):
    uid = cast.issue(orders, annex={"urls": [CHANNEL]}, despite=REASON).id
    entry = Entry.objects.get(kind="order.doubted")
    assert entry.detail["doubts"] == ["address", "source"]
    assert entry.detail["reason"] == REASON
    assert CHANNEL not in str(entry.detail)
    for viewer in (orders.authority, orders.other_authority):
        kept = reads.order(uid, viewer=viewer, now=after(1)).doubts
        assert [doubt.kind for doubt in kept.doubts] == [DoubtKind.ADDRESS, DoubtKind.SOURCE]
        assert (kept.despite, CHANNEL in kept.doubts[0].message) == (REASON, True)


def test_the_addressee_reads_no_doubt_and_no_reason(orders):
    facts = {"annex": {"urls": [CHANNEL]}, "despite": REASON, "is_media_service": True}
    uid = cast.issue(orders, copy_to_europol=True, **facts).id
    seen = reads.order(uid, viewer=orders.small_provider, now=after(1))
    assert (seen.doubts, seen.despite, seen.is_media_service, seen.agency_copies) == (
        *(None, "", False, []),
    )
    kinds = {entry.kind for entry in reads.history(uid, viewer=orders.small_provider)}
    assert kinds & {"order.doubted", "order.communicated"} == set()
    assert REASON not in seen.model_dump_json()


def test_a_hold_is_told_to_the_issuer_alone(orders):
    body = HoldIn.model_validate(
        {
            "url": cast.URL,
            "reason": "investigation",
            "contact": "+32 2 555 09 99",
            "until": NOON + timedelta(days=2),
        }
    )
    holds.place(body, by=orders.actor(orders.other_authority), now=NOON)
    uid = cast.issue(orders).id
    row = Order.objects.get(uid=uid)
    own = doubts.kept_doubts(row, viewer=orders.authority)
    assert [doubt.kind for doubt in own] == [DoubtKind.HOLD]
    assert "until 2026-11-26 12:00 UTC: call +32 2 555 09 99" in own[0].message
    assert doubts.kept_doubts(row, viewer=orders.other_authority) == []
    told = [entry.kind for entry in reads.history(uid, viewer=orders.other_authority)]
    assert ("order.issued" in told, "order.doubted" in told) == (True, False)
    assert "order.doubted" in [entry.kind for entry in reads.history(uid, viewer=orders.authority)]


def test_an_order_without_doubts_keeps_none(orders):
    uid = cast.issue(orders).id
    assert reads.order(uid, viewer=orders.authority, now=after(1)).doubts.doubts == []
    assert "order.doubted" not in orders.ledger_kinds()


def test_agencies_get_a_copy_only_if_its_issuer_ticks_it(orders):
    cast.issue(orders)
    assert doubts.agency_copies(viewer=orders.agency) == []
    uid = cast.issue(orders, copy_to_europol=True).id
    [copy] = doubts.agency_copies(viewer=orders.agency)
    assert (copy.id, copy.annex["urls"], copy.sent_at) == (uid, [cast.URL], NOON)
    [sent] = reads.order(uid, viewer=orders.authority, now=after(1)).agency_copies
    assert (sent.to, sent.sent_at) == (orders.agency.name, NOON)
    assert doubts.agency_copies(viewer=orders.other_authority) == []


def test_a_copy_makes_an_agency_no_side_of_the_order(orders):
    uid = cast.issue(orders, copy_to_europol=True).id
    assert reads.orders(viewer=orders.agency) == []
    assert orders.agency.name not in dict(reads.facts(Order.objects.get(uid=uid)).homes)


def test_what_a_draft_says_beside_its_form_is_changed_alone(orders):
    uid = cast.draft(orders, despite=REASON, copy_to_europol=True).id
    body = DraftIn(copy_to_europol=False)
    told = writes.change(uid, body=body, by=orders.actor(orders.authority), now=NOON)
    assert (told.despite, told.copy_to_europol) == (REASON, False)
