# SPDX-License-Identifier: Apache-2.0
"""Opinions and sightings in an OpenCTI's live stream: each counted once, as its marks allow."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.exchanges.models import PartnerOpinion, PartnerSingleSighting
from stemtide.hub.rooms.exchanges.reads import feedback as reads
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.exchanges.sources import opencti as port
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.writes import builder
from stemtide.interop.stix.objects import MARKING_OF, stix_time
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.signals import OpinionIn
from tests.hub.exchanges.test_opencti import again, indicator, newer
from tests.opencti_server import EXTENSION, TOKEN
from tests.world import NOON, add_member, hex_value

ALICE, BOB = (f"identity--00000000-0000-4000-8000-{number:012}" for number in (1, 2))
ORGANISATION = "identity--5f0c9c3c-44d0-5c5b-9b2e-0d3f0b1c2a33"


@pytest.fixture
def bridge():
    """The party of the OpenCTI here."""
    return add_member("bridge", title="Team", kind="consortium")


@pytest.fixture
def source(desk, opencti, bridge):
    """The exchange, with an OpenCTI whose opinions and sightings we take."""
    desk.add(
        "opencti", address=opencti.address, secret=TOKEN, party=bridge, terms={"feedback": True}
    )
    return opencti


@pytest.fixture
def ours(desk, source):
    """A signal of ours, of whose value the OpenCTI has an indicator."""
    placed = desk.world.share(kind="sha256", value=hex_value(1), tlp="green")
    source.put(indicator(1))
    return Signal.objects.get(uid=placed.id)


def sent(kind, number, *, minutes=0, opencti=None, **more):
    plain = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--00000000-0000-4000-8000-{number:012}",
        "created": stix_time(NOON),
        "modified": stix_time(NOON + timedelta(minutes=minutes)),
        "created_by_ref": ALICE,
        "extensions": {EXTENSION: {"extension_type": "property-extension", **(opencti or {})}},
    }
    return plain | more


def opinion(number=1, stance="disagree", *, of=1, **more):
    plain = {
        "opinion": stance,
        "explanation": "It is a news programme.",
        "object_refs": [indicator(of)["id"]],
    }
    return sent("opinion", number, **(plain | more))


def sighting(number=1, count=3, *, of=1, **more):
    plain = {
        "sighting_of_ref": indicator(of)["id"],
        "where_sighted_refs": [ORGANISATION],
        "count": count,
        "first_seen": stix_time(NOON),
        "last_seen": stix_time(NOON),
    }
    return sent("sighting", number, **(plain | more))


def stance(signal):
    """The opinion of the OpenCTI's party of a signal."""
    row = OpinionRow.objects.filter(signal=signal, party__name="bridge").first()
    return row.opinion if row else None


def shown(desk, signal, *, viewer=None):
    """What the page of a signal shows of the OpenCTI: uploads, disputes, confirmations."""
    viewer = viewer or desk.world.big_provider
    counts = reads.partner_counts(signal.uid, viewer=viewer)
    return [(row.total, row.disputes, row.confirmations) for row in counts]


def test_an_opinion_is_that_of_the_party_until_it_changes_or_is_deleted(desk, source, ours):
    source.put(opinion())
    assert desk.run() == {"confirmed": 1, "opinions": 1}
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(0, 1, 0)])
    note = OpinionRow.objects.get(signal=ours).note
    assert note == "Team: 1 disputed it there: It is a news programme."
    source.put(opinion(stance="strongly-agree"))
    assert again(desk) == {"opinions": 1}
    assert (stance(ours), shown(desk, ours)) == ("agree", [(0, 0, 1)])
    desk.later(minutes=5)
    source.delete(opinion(stance="strongly-agree"))
    assert again(desk) == {"opinions": 1}
    assert (stance(ours), shown(desk, ours)) == ("seen", [])
    assert not PartnerOpinion.objects.exists()
    source.put(opinion())
    assert again(desk) == {"opinions": 1}
    assert stance(ours) == "dispute"


def test_sightings_are_added_up_until_they_change_or_are_deleted(desk, source, ours):
    source.put(sighting(1, 3), sighting(2, 4, where_sighted_refs=[ALICE]))
    assert desk.run() == {"confirmed": 1, "sightings": 2}
    (counts,) = reads.partner_counts(ours.uid, viewer=desk.world.big_provider)
    assert (counts.title, counts.outcomes, counts.last_at) == ("Team", {"logged": 7}, NOON)
    source.put(sighting(1, 10))
    assert again(desk) == {"sightings": 1}
    assert shown(desk, ours) == [(14, 0, 0)]
    desk.later(minutes=5)
    source.delete(sighting(2, 4))
    assert again(desk) == {"sightings": 1}
    assert shown(desk, ours) == [(10, 0, 0)]


def test_an_opinion_of_what_the_opencti_shared_itself_is_shown_and_stops_nothing(desk, source):
    source.put(indicator(2), opinion(1, of=2), opinion(2, of=2, created_by_ref=BOB))
    source.put(sighting(1, 5, of=2), opinion(3, "agree", of=2))
    assert desk.run() == {"shared": 1, "sightings": 1}
    row = Signal.objects.get()
    assert (stance(row), row.is_disputed, shown(desk, row)) == (None, False, [(5, 2, 1)])


def test_what_comes_before_its_indicator_waits_for_it(desk, source):
    placed = desk.world.share(kind="sha256", value=hex_value(2), tlp="green")
    source.put(opinion(of=2), sighting(of=2))
    assert desk.run() == {"sightings": 1}
    ours = Signal.objects.get(uid=placed.id)
    assert (stance(ours), shown(desk, ours)) == (None, [])
    desk.later(minutes=5)
    source.put(indicator(2))
    assert again(desk) == {"confirmed": 1, "opinions": 1}
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(3, 1, 0)])


def read_again(desk, source):
    """Read all events again, as after a page whose position was not stored."""
    row = desk.row
    row.checkpoint = {"after": "1-0"}
    row.save()
    source.events.insert(0, ("1-0", "create", {"data": {"type": "report", "id": "report--1"}}))
    return again(desk, seconds=20)


def test_what_comes_again_after_a_reconnection_counts_once(desk, source, ours):
    source.put(opinion(), sighting())
    desk.run()
    desk.later(seconds=30)
    source.put(opinion(2), sighting(2))
    assert desk.run() == {"sightings": 1}
    assert read_again(desk, source) == {}
    assert shown(desk, ours) == [(6, 1, 0)]
    assert PartnerOpinion.objects.count() == PartnerSingleSighting.objects.count() == 2


def test_a_deletion_that_comes_again_with_its_creation_stays_a_deletion(
    desk, source, ours, monkeypatch
):
    source.put(opinion(), sighting())
    desk.run()
    desk.later(seconds=30)
    source.delete(opinion())
    source.delete(sighting())
    assert desk.run() == {"opinions": 1, "sightings": 1}
    read_again(desk, source)
    assert (stance(ours), shown(desk, ours)) == ("seen", [])
    monkeypatch.setattr(port, "PAGE_FEEDBACK", 1)  # the deletion is on another page
    read_again(desk, source)
    assert (stance(ours), shown(desk, ours)) == ("seen", [])


def test_after_a_gap_what_comes_again_counts_once_and_the_rest_has_ended(desk, source, ours):
    source.put(opinion(), opinion(2, created_by_ref=BOB), sighting(1, 3), sighting(2, 4))
    desk.run()
    assert shown(desk, ours) == [(7, 2, 0)]
    desk.later(hours=1)
    source.delete(opinion(2, created_by_ref=BOB))
    source.delete(sighting(2, 4))
    desk.later(minutes=1)
    source.put(indicator(3))
    del source.events[:-1]
    assert again(desk) == {"shared": 1, "sightings": 1}
    assert any("everything is read again" in line for line in desk.log())
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(3, 1, 0)])
    assert PartnerOpinion.objects.count() == PartnerSingleSighting.objects.count() == 1
    desk.later(hours=1)
    source.delete(opinion())
    desk.later(minutes=1)
    source.put(indicator(4))
    del source.events[:-1]
    assert again(desk) == {"shared": 1, "opinions": 1}
    assert stance(ours) == "seen"


def test_an_opinion_that_is_held_up_in_a_reading_of_everything_ends_with_it(
    desk, source, ours, monkeypatch
):
    source.put(opinion())
    desk.run()
    held = reads.due_of(desk.row, ours)
    PartnerOpinion.objects.update(is_due=True)
    desk.later(hours=1)
    source.delete(opinion())
    desk.later(minutes=1)
    source.put(indicator(3))
    del source.events[:-1]
    monkeypatch.setattr(rules, "DUE_AT_ONCE", 0)
    desk.later(minutes=5)
    held.update(seen_at=desk.later(minutes=1))  # as the limits of the party do
    desk.run()
    assert PartnerOpinion.objects.get().opinion == "seen"


def test_an_opinion_that_comes_back_before_its_end_was_counted_counts(
    desk, source, ours, monkeypatch
):
    """OpenCTI restores what was deleted, in the same version."""
    source.put(opinion())
    desk.run()
    monkeypatch.setattr(rules, "DUE_AT_ONCE", 0)
    for change in (source.delete, source.put):
        desk.later(minutes=5)
        change(opinion())
        desk.run()
    monkeypatch.setattr(rules, "DUE_AT_ONCE", 100)
    again(desk)
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(0, 1, 0)])


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({}, True),
        ({"object_marking_refs": [MARKING_OF[Tlp.CLEAR]]}, True),
        ({"object_marking_refs": [MARKING_OF[Tlp.GREEN]]}, True),
        ({"object_marking_refs": [MARKING_OF[Tlp.AMBER]]}, False),
        ({"object_marking_refs": [MARKING_OF[Tlp.RED]]}, False),
        ({"opencti": {"granted_refs": [ORGANISATION]}}, False),
    ],
    ids=["none", "clear", "green", "amber", "red", "organisations"],
)
def test_a_mark_that_is_stricter_than_the_signals_hides_it(desk, source, ours, more, counts):
    """TLP:GREEN: its readers are more than those who may have TLP:AMBER."""
    source.put(opinion(**more), sighting(**more))
    desk.run()
    assert stance(ours) == ("dispute" if counts else None)
    assert shown(desk, ours) == ([(3, 1, 0)] if counts else [])


def test_a_mark_as_strict_as_the_signals_does_not_hide_it(desk, source):
    placed = desk.world.share(kind="sha256", value=hex_value(2), tlp="amber")
    only = {"granted_refs": [ORGANISATION]}
    source.put(indicator(2), opinion(of=2, opencti=only), sighting(of=2, opencti=only))
    desk.run()
    signal = Signal.objects.get(uid=placed.id)
    assert (stance(signal), shown(desk, signal)) == ("dispute", [(3, 1, 0)])


def test_a_mark_that_gets_stricter_takes_it_back(desk, source, ours):
    source.put(opinion(), sighting())
    desk.run()
    stricter = {"object_marking_refs": [MARKING_OF[Tlp.RED]]}
    source.put(opinion(**stricter), sighting(**stricter))
    assert again(desk) == {"opinions": 1, "sightings": 1}
    assert (stance(ours), shown(desk, ours)) == ("seen", [])


def test_counts_are_for_those_who_see_the_signal(desk, source):
    source.put(indicator(2), opinion(of=2), sighting(of=2))
    desk.run()
    Signal.objects.update(tlp="red", audience=desk.world.big_provider.name)
    row = Signal.objects.get()
    assert shown(desk, row, viewer=desk.world.small_provider) == []


def test_ten_thousand_disputes_of_one_user_are_one_and_hide_nothing(desk, source, ours):
    """Few are enough to show it: what counts is that the number has no weight."""
    source.put(*(opinion(number) for number in range(100)))
    source.put(*(opinion(number, created_by_ref=None) for number in range(100, 200)))
    assert desk.run() == {"confirmed": 1, "opinions": 1}
    row = Signal.objects.get(uid=ours.uid)
    assert (row.disputes, row.is_disputed) == (1, False)
    assert shown(desk, ours) == [(0, 2, 0)]
    assert "2 disputed it there" in OpinionRow.objects.get(signal=ours).note


def test_a_negative_sighting_is_a_dispute_and_no_sighting(desk, source, ours):
    source.put(sighting(1, opencti={"negative": True}), sighting(2, x_opencti_negative=True))
    assert desk.run() == {"confirmed": 1, "opinions": 1}
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(0, 1, 0)])
    source.put(sighting(1))
    source.delete(sighting(2))
    assert again(desk) == {"opinions": 1, "sightings": 1}
    assert (stance(ours), shown(desk, ours)) == ("seen", [(3, 0, 0)])


def test_sums_are_left_out_because_they_contain_others(desk, source, ours):
    source.put(sighting(1, 3), sighting(2, 1000, summary=True))
    desk.run()
    assert shown(desk, ours) == [(3, 0, 0)]


def test_a_merge_carries_them_to_the_remaining_indicator(desk, source, ours):
    placed = desk.world.share(kind="sha256", value=hex_value(2), tlp="green")
    other = Signal.objects.get(uid=placed.id)
    source.put(indicator(2), opinion(1), opinion(2, "agree", of=2, created_by_ref=BOB))
    source.put(sighting(1, 3), sighting(2, 4, of=2))
    desk.run()
    assert (shown(desk, ours), shown(desk, other)) == ([(3, 1, 0)], [(4, 0, 1)])
    desk.later(minutes=5)
    source.merge(newer(2), indicator(1))
    assert desk.run()["opinions"] == 2
    assert (stance(ours), shown(desk, ours)) == ("seen", [])
    assert (stance(other), shown(desk, other)) == ("dispute", [(7, 1, 1)])
    source.put(opinion(1, "agree", of=2))
    assert again(desk) == {"opinions": 1}
    assert (stance(other), shown(desk, other)) == ("agree", [(7, 0, 2)])


def test_a_merge_on_the_same_page_moves_what_came_before_it(desk, source):
    placed = desk.world.share(kind="sha256", value=hex_value(3), tlp="green")
    signal = Signal.objects.get(uid=placed.id)
    source.put(indicator(1), indicator(2), indicator(3), opinion(of=1), sighting(of=1))
    source.merge(newer(2), indicator(1))
    source.merge(newer(3), indicator(2))
    source.put(opinion(2, of=1, created_by_ref=BOB))  # refers to nothing any more
    desk.run()
    assert (stance(signal), shown(desk, signal)) == ("dispute", [(3, 1, 0)])


def test_a_merge_there_and_back_loses_nothing(desk, source, ours):
    source.put(indicator(2), opinion(), sighting())
    desk.run()
    source.merge(newer(2), indicator(1))
    source.objects[indicator(1)["id"]] = (source.now_ms, indicator(1))
    source.merge(newer(1, modified=stix_time(NOON + timedelta(minutes=20))), newer(2))
    again(desk)
    assert (stance(ours), shown(desk, ours)) == ("dispute", [(3, 1, 0)])


def test_a_merge_that_comes_again_page_by_page_loses_nothing(desk, source, ours, monkeypatch):
    monkeypatch.setattr(port, "PAGE_FEEDBACK", 1)
    monkeypatch.setattr(port, "PAGE", 1)
    placed = desk.world.share(kind="sha256", value=hex_value(2), tlp="green")
    other = Signal.objects.get(uid=placed.id)
    for stix in (indicator(2), opinion(), sighting()):
        desk.later(seconds=1)
        source.put(stix)
    desk.later(seconds=1)
    source.merge(newer(2), indicator(1))
    desk.run()
    assert len(source.asked) > 3
    for _ in range(2):
        assert (stance(other), shown(desk, other)) == ("dispute", [(3, 1, 0)])
        assert shown(desk, ours) == []
        read_again(desk, source)


def test_opinions_and_sightings_that_came_from_a_hub_are_not_passed_on(desk, source, ours):
    by = desk.world.authority
    body = OpinionIn(opinion="dispute", note="No.")
    signals.give_opinion(ours.uid, body=body, by=by, now=desk.now)
    builder.follow_ledger(desk.now)
    (name,) = StixObject.objects.filter(type="opinion").values_list("stix_id", flat=True)
    met = f"sighting--{str(ours.uid)[:14]}4{str(ours.uid)[15:]}"
    StixObject.objects.create(
        position=10**9,
        stix_id=met,
        type="sighting",
        body="{}",
        made_from="sightings:1",
        shared_by=by,
        tlp="green",
        kept_at=desk.now,
    )
    source.put(
        opinion(1, opencti={"stix_ids": [name]}),
        opinion(2, labels=['stemtide:opinion="dispute"']),
        sighting(1, opencti={"stix_ids": [met]}),
    )
    assert desk.run() == {"confirmed": 1}
    assert (stance(ours), shown(desk, ours)) == (None, [])


FAR = stix_time(NOON + timedelta(days=400))


@pytest.mark.parametrize(
    "wrong",
    [
        sighting(9, -1),
        sighting(9, 0),
        sighting(9, 10**12),
        sighting(9, 10**30),
        sighting(9, "7"),
        sighting(9, 1.5),
        sighting(9, True),
        sighting(9, last_seen=FAR),
        sighting(9, first_seen=FAR, last_seen=None),
        sighting(9, last_seen="yesterday"),
        sighting(9, first_seen=stix_time(NOON + timedelta(hours=1))),
        sighting(9, sighting_of_ref=[1]),
        sighting(9, object_marking_refs=["marking-definition--1"]),
        opinion(9, "shouts"),
        opinion(9, object_refs=[7]),
        opinion(9, object_refs=[]),
        opinion(9, object_refs="indicator"),
        opinion(9, object_refs=[indicator(number)["id"] for number in range(101)]),
        opinion(9, explanation=["x"]),
        opinion(9, labels="x"),
        opinion(9, object_marking_refs=["marking-definition--1"]),
        opinion(9) | {"id": "opinion--\x00"},
        opinion(9) | {"id": "x" * 5000},
    ],
    ids=str(range(23)).format,
)
def test_what_cannot_be_read_costs_itself_alone_and_is_named(desk, source, ours, wrong):
    source.put(opinion(), sighting(), wrong, opinion(2, created_by_ref=BOB))
    assert desk.run() == {"confirmed": 1, "opinions": 1, "sightings": 1, "refused": 1}
    assert desk.row.trouble == ""
    assert any(line.startswith(f"refused: {wrong['id'][:20].strip(chr(0))}") for line in desk.log())
    assert shown(desk, ours) == [(3, 2, 0)]


@pytest.mark.parametrize(
    "other",
    [
        opinion(9, object_refs=["malware--00000000-0000-4000-8000-000000000001"]),
        opinion(9, object_refs=[f"indicator--{'-' * 400}{'1' * 32}"]),
        opinion(9, object_refs=["\x00"], opencti={"stix_ids": ["\x00", 7]}),
        sighting(9, sighting_of_ref="report--00000000-0000-4000-8000-000000000001"),
        sighting(9, sighting_of_ref="\x00"),
    ],
    ids=["malware", "long", "no id", "report", "nothing"],
)
def test_what_is_about_no_indicator_is_left_out(desk, source, ours, other):
    source.put(other, opinion(1, created_by_ref="\x00"))
    assert desk.run() == {"confirmed": 1, "opinions": 1}
    assert PartnerOpinion.objects.count() == 1
    assert not PartnerSingleSighting.objects.exists()
    assert stance(ours) == "dispute"


@pytest.mark.parametrize(
    "change",
    [
        {"object_refs": ["malware--00000000-0000-4000-8000-000000000001"]},
        {"object_refs": []},
        {"object_marking_refs": ["marking-definition--1"]},
    ],
    ids=["another type", "nothing", "a mark that is not kept"],
)
def test_an_opinion_that_is_about_it_no_longer_is_taken_back(desk, source, ours, change):
    source.put(opinion())
    desk.run()
    source.put(opinion(**change))
    assert again(desk)["opinions"] == 1
    assert stance(ours) == "seen"


def test_an_endless_explanation_is_cut(desk, source, ours):
    source.put(opinion(explanation="x" * 10_000))
    desk.run()
    assert len(PartnerOpinion.objects.get().note) == 500
    assert stance(ours) == "dispute"


@pytest.mark.usefixtures("ours")
def test_a_hostile_source_fills_no_table_and_room_comes_back(desk, source, monkeypatch):
    monkeypatch.setattr(rules, "MAX_STORED", 3)
    source.put(*(opinion(number, of=number) for number in range(9)))
    source.put(*(sighting(number, of=number) for number in range(9)))
    desk.run()
    assert PartnerOpinion.objects.count() == PartnerSingleSighting.objects.count() == 3
    for number in range(9):
        source.delete(opinion(number, of=number))
        source.delete(sighting(number, of=number))
    again(desk)
    assert PartnerOpinion.objects.count() == PartnerSingleSighting.objects.count() == 0


def test_many_of_them_go_to_several_pages(desk, source, ours, monkeypatch):
    monkeypatch.setattr(port, "PAGE_FEEDBACK", 2)
    for number in range(6):
        desk.later(seconds=1)
        source.put(sighting(number, 1))
    desk.later(minutes=2)
    desk.run()
    assert len(source.asked) > 2
    assert shown(desk, ours) == [(6, 0, 0)]


def test_without_the_option_they_are_not_read(desk, opencti):
    desk.add("opencti", address=opencti.address, secret=TOKEN)
    opencti.put(indicator(1), opinion(), sighting())
    assert desk.run() == {"shared": 1}
    assert not PartnerOpinion.objects.exists()
    assert not PartnerSingleSighting.objects.exists()
