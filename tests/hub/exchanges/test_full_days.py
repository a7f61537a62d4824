# SPDX-License-Identifier: Apache-2.0
"""A source that brings more than a day takes: what waits, what does not, and what is said of it."""

import pytest

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.exchanges.models import Exchange
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.interop.exchanges import RecordError, Terms
from stemtide.interop.stix.objects import MARKING_OF
from stemtide.protocol.handling import Tlp
from tests.hub.exchanges.conftest import gone, told
from tests.hub.exchanges.test_pushing import Taxii
from tests.hub.exchanges.test_taxii import Shelf, indicator, newer
from tests.world import hex_value

MARKS = (Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT)


@pytest.fixture(autouse=True)
def _exchange(desk):
    desk.add()


def few(most):
    """From now on the source may bring so many new signals in a day."""
    Exchange.objects.update(terms=Terms(most_a_day=most).model_dump(mode="json"))


def test_a_source_that_brings_too_much_in_a_day_has_to_wait_and_loses_nothing(desk):
    few(3)
    page = [told(number) for number in range(7)]
    for taken in (3, 6):
        with pytest.raises(RefusalError, match="more than 3 new signals in a day"):
            desk.take(*page, checkpoint={"page": 1})
        assert (len(desk.live()), desk.row.counts["shared"]) == (taken, taken)
        assert desk.row.checkpoint == {}
        with pytest.raises(RefusalError):
            desk.take(*page, checkpoint={"page": 1})  # the same day: no more of it
        desk.later(days=1)
    assert desk.take(*page, checkpoint={"page": 1}) == {"shared": 1}
    assert desk.row.checkpoint == {"page": 1}


def test_what_is_taken_back_is_not_held_up_by_a_day_that_is_full(desk):
    few(2)
    desk.take(told(1), told(2))
    with pytest.raises(RefusalError) as full:
        desk.take(told(3), gone(1))
    assert full.value.counts == {"ended": 1}
    assert desk.live() == [hex_value(2)]


def test_what_changes_is_kept_as_it_was_while_a_day_is_full(desk):
    few(1)
    desk.take(told(1))
    facts = {"kind": "sha256", "value": hex_value(1), "severity": "critical"}
    with pytest.raises(RefusalError):
        desk.take(told(1, version="2", facts=facts))
    assert desk.signal().severity == "medium"
    desk.later(days=1)
    assert desk.take(told(1, version="2", facts=facts)) == {"changed": 1}


def test_what_is_taken_back_behind_a_full_day_ends_and_the_place_is_kept(desk, partner):
    Exchange.objects.update(address=f"{partner.address}/root/collections/c1/")
    first = indicator(1)
    shelf = Shelf(partner, most=1)
    shelf.put(first)
    assert desk.run() == {"shared": 1}
    few(1)
    shelf.put(indicator(2), newer(first, minutes=1, revoked=True), at=desk.later(hours=1))
    for ended in ({"ended": 1}, {}):
        assert desk.run() == ended
        assert "more than 1 new signals in a day" in desk.row.trouble
        assert (desk.live(), desk.row.checkpoint["next"]) == ([], "1")
    desk.later(days=1)
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble == ""


def test_a_full_day_does_not_keep_what_is_pushed(desk, partner):
    there = f"{partner.address}/root/collections/c1/"
    Exchange.objects.update(address=there, push_address=there, pushes=True)
    few(1)
    desk.world.share(kind="md5", tlp="green")
    shelf, server = Shelf(partner), Taxii(partner)
    shelf.put(indicator(1), indicator(2))
    partner.answers = lambda *asked: (shelf if asked[0] == "GET" else server).answer(*asked)
    assert desk.run() == {"shared": 1, "pushed": 1}
    assert "in a day" in desk.row.trouble


def test_a_source_whose_day_is_full_is_asked_as_often_as_ever(desk, partner):
    Exchange.objects.update(address=f"{partner.address}/root/collections/c1/", failures=5)
    few(1)
    Shelf(partner).put(indicator(1), indicator(2))
    for _ in range(3):
        desk.run()
        assert "in a day" in desk.row.trouble
        assert (desk.row.next_at - desk.now).total_seconds() == desk.row.every_s
    assert desk.world.ledger_kinds().count("exchange.failed") == 1


@pytest.mark.parametrize("mark", ["tlp", "pap"])
def test_what_becomes_stricter_on_a_full_day_ends_at_once_and_is_shared_on_the_next(desk, mark):
    terms = Terms(most_a_day=1, tlp_loosest="green", pap="green")
    Exchange.objects.update(terms=terms.model_dump(mode="json"))
    facts = {"kind": "sha256", "value": hex_value(1), "tlp": "green"}
    desk.take(told(1, facts=facts | {"pap": "green"}))
    stricter = told(1, version="2", facts=facts | {"pap": "green"} | {mark: "amber"})
    for counts in ({"ended": 1}, {}):
        with pytest.raises(RefusalError) as full:
            desk.take(stricter)
        assert (full.value.counts, desk.live()) == (counts, [])
    desk.later(days=1)
    assert desk.take(stricter) == {"shared": 1}
    assert getattr(desk.signal(), mark) == "amber"


def test_what_is_asked_for_again_on_a_full_day_is_counted_and_named_once(desk):
    few(1)
    desk.world.share(kind="sha256", value=hex_value(8))
    wrong, there, ours = (
        RecordError("x", "no pattern"),
        told(8),
        told(9, via=(reads.own_hub(),)),
    )
    page = [told(1), told(2), there, ours]
    for taken in ({"shared": 1, "confirmed": 1}, {}):
        with pytest.raises(RefusalError) as full:
            desk.take(*page, faults=[wrong], notes=("a note",))
        assert full.value.counts == taken
    assert desk.log() == ["pulled: 1 confirmed, 1 shared"]
    desk.later(days=1)
    assert desk.take(*page, faults=[wrong], notes=("a note",)) == {
        "shared": 1,
        "refused": 1,
        "echo": 1,
    }
    assert desk.row.counts == {"shared": 2, "confirmed": 1, "refused": 1, "echo": 1}
    assert desk.log()[:2] == ["a note", "refused: x: no pattern"]


def test_what_becomes_stricter_on_a_full_day_and_others_say_is_replaced_at_once(desk):
    few(1)
    facts = {"kind": "sha256", "value": hex_value(1), "tlp": "green"}
    desk.take(told(1, facts=facts), told(1, facts=facts, key="twin"))
    assert desk.take(told(1, facts=facts | {"tlp": "amber"}, version="2")) == {"changed": 1}
    assert desk.signal().tlp == "amber"
    assert {one.signal.state for one in desk.records()} == {"live"}


def test_what_may_not_go_on_as_it_was_ends_behind_a_full_day_as_well(desk, partner):
    Exchange.objects.update(address=f"{partner.address}/root/collections/c1/")
    green, amber, strict = ({"object_marking_refs": [MARKING_OF[one]]} for one in MARKS)
    bad, left, stricter, other = (indicator(number, **green) for number in range(4))
    shelf = Shelf(partner, most=1)
    shelf.put(bad, left, stricter, other)
    assert desk.run() == {"shared": 4}
    few(4)
    shelf.put(
        indicator(9),
        newer(bad, minutes=1, pattern="[x:y = 'z']"),
        newer(left, minutes=1, **strict),
        newer(stricter, minutes=1, **amber),
        newer(other, minutes=1, confidence=10),
        at=desk.later(hours=1),
    )
    assert desk.run() == {"ended": 1}
    assert "in a day" in desk.row.trouble
    assert desk.live() == [hex_value(3)]
    desk.later(days=1)
    desk.run()
    assert (desk.row.trouble, desk.live()) == ("", sorted(hex_value(one) for one in (2, 3, 9)))
    assert (desk.row.counts["refused"], desk.row.counts["left_out"]) == (1, 1)
