# SPDX-License-Identifier: Apache-2.0
"""What is here already enters the collection that it is posted to, by the rules of a share."""

import pytest

from stemtide.hub.rooms.crises.writes import moves as writes_moves, participants as writes_joining
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.writes import stix as writes
from stemtide.interop.stix.objects import EXTENSION, MARKING_OF
from stemtide.protocol.messages.crises import CloseIn, OptionalReasonIn
from tests.hub.stix.conftest import indicator, said_of
from tests.hub.stix.test_posting import A, B, md5, pdq, refusals, several
from tests.hub.stix.test_second_descriptions import newer, revoked
from tests.world import NOON


def plain(kind="report", *, minutes=0, **more):
    made = indicator(minutes=minutes)
    names = ("created", "modified")
    return {"type": kind, "id": said_of("", kind)["id"], **{n: made[n] for n in names}} | more


@pytest.fixture
def crisis(shelf):
    made = shelf.world.warn()
    shelf.world.join(made, shelf.world.big_provider)
    return made


@pytest.fixture
def room(crisis):
    return f"crisis-{crisis.id}"


def ids(shelf, room, party=None, **more):
    return {one["id"] for one in shelf.told(party, of=room, **more)}


def test_a_shared_signal_is_brought_into_a_crisis_by_its_indicator(shelf, crisis, room):
    sent = indicator(A)
    shelf.post(sent)
    before = Signal.objects.get().position
    (told,) = shelf.post(sent, to=room)["successes"]
    row = Signal.objects.get()
    assert (row.crisis.uid, row.position > before, "message" in told) == (crisis.id, True, False)
    assert shelf.indicators(shelf.world.big_provider, of=room) == [sent]
    assert shelf.world.ledger_kinds()[-2:] == ["signal.joined", "objects.posted"]
    (told,) = shelf.post(sent, to=room)["successes"]
    assert told["message"].startswith("is here already")


def test_the_same_value_under_another_id_brings_it_into_a_crisis(shelf, crisis, room):
    first, second = indicator(A), indicator(A, name="Seen in the crisis")
    shelf.post(first)
    assert shelf.post(second, to=room)["failure_count"] == 0
    assert Signal.objects.get().crisis.uid == crisis.id
    assert shelf.indicators(shelf.world.big_provider, of=room) == [first]
    assert shelf.indicators(of=room) == [first, second]


def test_an_indicator_that_the_hub_made_brings_its_signal_into_a_crisis(shelf, crisis, room):
    shelf.world.share(value=A)
    (told,) = shelf.indicators()
    assert shelf.post(told, to=room)["failure_count"] == 0
    assert Signal.objects.get().crisis.uid == crisis.id


def test_an_indicator_of_several_comparisons_brings_all_of_them(shelf, crisis, room):
    sent = several(pdq(A), md5(B))
    shelf.post(sent)
    assert shelf.post(sent, to=room)["failure_count"] == 0
    assert {row.crisis.uid for row in Signal.objects.all()} == {crisis.id}
    assert sent["id"] in ids(shelf, room)
    assert sent["id"] not in ids(shelf, room, shelf.world.big_provider)


def test_what_was_said_of_it_comes_with_it(shelf, room):
    sent = indicator(A)
    opinion = said_of(sent["id"])
    shelf.post(sent)
    shelf.post(opinion, by=shelf.world.big_provider, to="feedback")
    last = shelf.page(of=room).objects[-1].rank
    shelf.post(sent, to=room)
    later = shelf.told(shelf.world.big_provider, of=room, after=last)
    assert [one["id"] for one in later if one["type"] != "relationship"] == [
        sent["id"],
        opinion["id"],
    ]


def test_an_object_that_is_no_signal_lies_in_several_collections(shelf, room):
    sent = plain(name="A report")
    shelf.post(sent)
    assert shelf.post(sent, to=room)["failure_count"] == 0
    for of in ("signals", room):
        assert sent in shelf.told(shelf.world.big_provider, of=of)
    later = newer(sent, name="Corrected")
    shelf.post(later)
    for of in ("signals", room):
        found = shelf.told(shelf.world.big_provider, of=of, types=frozenset({"report"}))
        assert later in found
        assert sent not in found
    shelf.post(plain(name="Another"), to=room)


def test_a_report_of_a_crisis_enters_the_standing_collection(shelf, room):
    sent = plain()
    shelf.post(sent, to=room)
    assert sent["id"] not in ids(shelf, "signals")
    shelf.post(sent)
    assert sent["id"] in ids(shelf, "signals")


def test_it_is_taken_out_of_one_collection_and_stays_in_the_other(shelf, room):
    sent = plain()
    shelf.post(sent)
    shelf.post(sent, to=room)
    writes.take_away(sent["id"], of=shelf.collections()[room], by=shelf.caller(), now=NOON)
    assert sent["id"] not in ids(shelf, room)
    assert sent["id"] in ids(shelf, "signals")


def test_a_signal_in_a_crisis_is_seen_by_whom_its_marks_name(shelf, room):
    named = {EXTENSION: {"extension_type": "property-extension", "audience": ["small-forum"]}}
    sent = indicator(A, object_marking_refs=[MARKING_OF["red"]], extensions=named)
    shelf.post(sent)
    shelf.post(sent, to=room)
    assert sent["id"] in ids(shelf, room)
    assert sent["id"] not in ids(shelf, room, shelf.world.big_provider)


def test_only_its_sharer_brings_a_signal_into_a_crisis(shelf, room):
    sent = indicator(A)
    shelf.post(sent)
    by = shelf.world.big_provider
    assert "another party" in refusals(shelf.post(sent, by=by, to=room))[0]
    assert Signal.objects.get().crisis is None
    assert shelf.post(indicator(A), by=by, to=room)["failure_count"] == 0
    assert Signal.objects.get(shared_by=by).crisis is not None


def test_a_signal_is_in_one_crisis_at_a_time(shelf, crisis, room):
    other = shelf.world.warn(name="Another attack")
    sent = indicator(A)
    shelf.post(sent, to=room)
    for again in (sent, newer(sent, name="x"), indicator(A)):
        assert "another crisis" in refusals(shelf.post(again, to=f"crisis-{other.id}"))[0]
    assert Signal.objects.get().crisis.uid == crisis.id
    assert not StixObject.objects.filter(crisis__uid=other.id, type="indicator").exists()


def test_a_newer_version_that_is_posted_elsewhere_leaves_it_in_its_crisis(shelf, crisis, room):
    sent, many = indicator(A), several(md5(B), md5("c" * 32))
    shelf.post(sent, many, to=room)
    shelf.post(newer(sent, confidence=9), newer(many, confidence=9))
    live = Signal.objects.filter(state="live")
    assert {(row.crisis.uid, row.confidence) for row in live} == {(crisis.id, 9)}


def test_a_withdrawn_signal_enters_nothing(shelf, room):
    sent = indicator(A)
    shelf.post(sent)
    shelf.post(revoked(sent))
    assert "no longer matches" in refusals(shelf.post(sent, to=room))[0]


def test_what_is_real_is_not_brought_among_exercises(shelf):
    sent, report = indicator(A), plain()
    shelf.post(sent, report)
    for one in (sent, newer(sent), report):
        assert "another id" in refusals(shelf.post(one, to="exercises"))[0]
    assert not Signal.objects.get().exercise


def test_who_left_the_room_changes_nothing_in_it_but_takes_back(shelf, crisis, room):
    by, sent = shelf.world.big_provider, plain(name="First")
    shelf.post(sent, by=by)
    shelf.post(sent, by=by, to=room)
    body = OptionalReasonIn()
    writes_joining.leave(crisis.id, body=body, by=shelf.world.actor(by), now=NOON)
    shelf.post(newer(sent, name="Later"), by=by)
    assert sent in shelf.told(of=room)
    gone = revoked(sent, minutes=2)
    shelf.post(gone, by=by)
    assert gone in shelf.told(of=room)


def test_a_closed_crisis_takes_nothing_that_is_here(shelf, crisis, room):
    sent = indicator(A)
    shelf.post(sent)
    to = shelf.collections()[room]
    body = CloseIn(reason="nothing")
    writes_moves.close(crisis.id, body=body, by=shelf.world.actor(), now=NOON)
    status = writes.post([sent], to=to, by=shelf.caller(), now=NOON)  # it was open when asked
    assert "is closed" in refusals(status)[0]
    assert Signal.objects.get().crisis is None


@pytest.mark.parametrize(
    ("sent", "named", "words"),
    [
        (1, "objects[1]", "objects[1]: an object is {…}"),
        (None, "objects[1]", "objects[1]: an object is {…}"),
        ({}, "objects[1]", "objects[1]: type: is no STIX type"),
        ({"type": "report", "id": 5}, "objects[1]", "objects[1]: id: should be report--<UUID>"),
        ({"type": "report", "id": "report--1"}, "report--1", "id: should be report--<UUID>"),
    ],
)
def test_a_malformed_object_is_named_by_its_place(shelf, sent, named, words):
    (failure,) = shelf.post(indicator(A), sent)["failures"]
    assert failure["id"] == named
    assert failure["message"].startswith(words)
