# SPDX-License-Identifier: Apache-2.0
"""Search before send: what is found, what is told of it, and to whom."""

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.parties.writes import contacts as writes_contacts
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.protocol.enums.referrals import ReferralState, RowOutcome
from tests.hub.referrals.conftest import URL
from tests.world import NOON

OTHERS = "other_authority"
WHY = "Ours has the imminent threat in it."


@pytest.mark.parametrize(
    ("own", "again", "holds", "others", "found"),
    [
        (None, False, False, False, "sent"),
        (None, False, True, False, "held"),
        (None, False, False, True, "referred_by_others"),
        (None, False, True, True, "held"),
        ("assessed", False, False, False, "duplicate"),
        ("held", False, True, False, "duplicate"),
        ("sent", False, False, False, "duplicate"),
        ("sent", True, False, False, "duplicate"),
        ("needs_context", True, False, False, "duplicate"),
        ("removed", False, False, False, "duplicate"),
        ("removed", True, False, False, "sent"),
        ("removed", True, True, False, "held"),
        ("reinstated", False, False, False, "duplicate"),
        ("not_referred", False, False, False, "sent"),
        ("withdrawn", False, False, True, "referred_by_others"),
    ],
)
def test_what_a_search_comes_to(own, again, holds, others, found):
    around = rules.NearbyReferrals(own=own and ReferralState(own), holds=holds, others=others)
    assert rules.verdict(around, again=again) is RowOutcome(found)


def test_nothing_is_found_where_nothing_is(desk):
    found = desk.search()
    assert found.findings == []
    assert (found.is_held, found.needs_despite) == (False, False)
    assert found.canonical == "video.example/watch?v=1"


@pytest.mark.parametrize("party", ["big_provider", "small_provider", "consortium", "observer"])
def test_who_refers_nothing_learns_nothing_of_what_is_looked_into(desk, party):
    desk.refer()
    with pytest.raises(NotAllowedError):
        desk.search(party)


def test_ones_own_is_told_whole_and_anothers_by_kind_and_contact_alone(desk):
    writes_contacts.add_contact_point(
        desk.world.other_authority,
        channel="mail",
        address="duty@fr-unit.example",
        is_24_7=True,
        actor="operator",
        now=NOON,
    )
    mine = desk.refer()
    desk.refer(OTHERS, despite=WHY, reason="Their secret reason.")
    found = desk.search(provider="big-video")
    own, other = sorted(found.findings, key=lambda one: one.kind)
    assert (own.kind, own.referral, own.reference) == ("own", mine.id, mine.reference)
    assert (other.kind, other.party, other.is_open) == ("referred", "fr-referral-unit", True)
    assert other.contact == "duty@fr-unit.example"
    assert (other.referral, other.reference, other.state) == (None, "", None)
    assert "secret" not in found.model_dump_json()


def test_what_another_only_assesses_is_nobodys_to_know(desk):
    desk.assess(OTHERS)
    assert desk.search().findings == []
    assert desk.refer().state == "sent"


def test_anothers_referral_that_awaits_its_answer_needs_a_reason_and_both_are_told(desk):
    theirs = desk.refer(OTHERS)
    assert desk.search().needs_despite
    with pytest.raises(ConflictError, match="despite"):
        desk.refer()
    mine = desk.refer(despite=WHY)
    assert (mine.state, mine.despite) == ("sent", WHY)
    told = {
        (one.subject, one.detail["party"])
        for one in Entry.objects.filter(kind="referral.overlapped")
    }
    assert told == {
        (f"referral:{theirs.id}", "party:fr-referral-unit"),
        (f"referral:{mine.id}", "party:be-crisis-centre"),
    }


def test_what_another_referred_and_had_answered_is_shown_and_stops_nothing(desk):
    desk.answer(desk.refer(OTHERS), "removed")
    found = desk.search()
    assert [(one.kind, one.is_open) for one in found.findings] == [("referred", False)]
    assert not found.needs_despite
    assert desk.refer().state == "sent"


def test_the_same_content_elsewhere_is_found_by_its_signals(desk):
    theirs, mine = desk.world.share(desk.world.other_authority), desk.world.share()
    desk.refer(OTHERS, url="https://forum.example/9", provider="small-forum", signals=(theirs.id,))
    found = desk.search(signals=(mine.id,))
    assert [(one.kind, one.party, one.provider) for one in found.findings] == [
        ("similar", "fr-referral-unit", "small-forum")
    ]
    assert not found.needs_despite
    desk.refer(signals=(mine.id,))
    parties = [one.detail["party"] for one in Entry.objects.filter(kind="referral.overlapped")]
    assert sorted(parties) == ["party:be-crisis-centre", "party:fr-referral-unit"]


def test_ones_own_referral_of_the_same_content_is_similar_with_its_number(desk):
    signal = desk.world.share()
    mine = desk.refer(url="https://forum.example/9", provider="small-forum", signals=(signal.id,))
    found = desk.search(signals=(signal.id,))
    assert [(one.kind, one.referral) for one in found.findings] == [("similar", mine.id)]


def test_an_address_at_another_provider_is_another_matter(desk):
    desk.refer(OTHERS, provider="small-forum")
    assert desk.refer().state == "sent"
    assert len(desk.search(provider="big-video").findings) == 1


def test_a_search_for_no_address_says_so(desk):
    with pytest.raises(InvalidError, match="url"):
        desk.search(url="nonsense")


def test_a_search_leaves_no_trace(desk):
    before = Entry.objects.count()
    desk.search(url=URL)
    assert Entry.objects.count() == before
