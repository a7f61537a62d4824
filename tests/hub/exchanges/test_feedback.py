# SPDX-License-Identifier: Apache-2.0
"""Opinions and sightings of another hub: counted once, never against a rule, and in no circle."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import PartnerOpinion, PartnerSighting, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as exchange_reads, feedback as reads
from stemtide.hub.rooms.exchanges.rules import feedback as rules
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads import sightings as own_sightings
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.stix.context import PASSED_ON, SET_ASIDE
from stemtide.interop.stix.objects import EXTENSION, stix_time
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.trust.limits import limits
from tests.hub.exchanges.test_taxii import Shelf, indicator, newer
from tests.world import NOON, add_member, hex_value


def opinion(of, said="disagree", *, minutes=1, **more):
    plain = {
        "type": "opinion",
        "spec_version": "2.1",
        "id": f"opinion--{uuid4()}",
        "created": stix_time(NOON),
        "modified": stix_time(NOON + timedelta(minutes=minutes)),
        "opinion": said,
        "explanation": "It is a news programme.",
        "object_refs": [of["id"]],
    }
    return plain | more


def sighting(of, *, minutes=1, **outcomes):
    return {
        "type": "sighting",
        "spec_version": "2.1",
        "id": f"sighting--{uuid4()}",
        "created": stix_time(NOON),
        "modified": stix_time(NOON + timedelta(minutes=minutes)),
        "first_seen": stix_time(NOON),
        "last_seen": stix_time(NOON + timedelta(minutes=minutes)),
        "count": sum(outcomes.values()),
        "sighting_of_ref": of["id"],
        "summary": True,
        "extensions": {EXTENSION: {"extension_type": "property-extension", "outcomes": outcomes}},
    }


@pytest.fixture
def bridge():
    """The party of the other hub here."""
    return add_member("partner-bridge", title="Partner", kind="consortium")


@pytest.fixture
def shelf(desk, partner, bridge):
    """What the other hub tells; we take its feedback."""
    desk.add(address=partner.address, party=bridge, terms={"feedback": True})
    return Shelf(partner)


@pytest.fixture
def ours(desk):
    """A signal of ours, of which the other hub has a copy."""
    return desk.world.share(kind="sha256", value=hex_value(1), tlp="green")


@pytest.fixture
def copy(shelf, ours):  # noqa: ARG001  # it is a copy of that signal
    """The other hub's copy of our signal, which names us on its way."""
    facts = {"extension_type": "property-extension", "via": [exchange_reads.own_hub()]}
    sent = indicator(1, extensions={EXTENSION: facts})
    shelf.put(sent)
    return sent


def again(desk, **later):
    desk.later(**(later or {"minutes": 5}))
    return desk.run()


def given():
    return {row.party.name: row.opinion for row in OpinionRow.objects.all()}


def test_a_dispute_of_a_copy_there_is_one_dispute_of_the_bridge_here(desk, shelf, copy, ours):
    shelf.put(opinion(copy), opinion(copy), opinion(copy, "agree"))
    assert desk.run() == {"echo": 1, "opinions": 1}
    assert given() == {"partner-bridge": "dispute"}
    row = Signal.objects.get(uid=ours.id)
    assert (row.disputes, row.is_disputed) == (1, False)
    assert OpinionRow.objects.get().note == "Partner: 2 disputed it there: It is a news programme."
    assert again(desk) == {}


@pytest.mark.usefixtures("ours")
def test_an_opinion_before_its_record_waits_for_it(desk, shelf):
    sent = indicator(1)
    shelf.put(opinion(sent))
    assert desk.run() == {}
    shelf.put(sent, at=NOON + timedelta(minutes=1))
    assert again(desk) == {"confirmed": 1, "opinions": 1}
    assert given() == {"partner-bridge": "dispute"}


@pytest.mark.parametrize(
    "change",
    [{"revoked": True}, {"labels": [SET_ASIDE]}, {"labels": [PASSED_ON]}, {"opinion": "neutral"}],
    ids=["taken back", "set aside", "passed on", "neutral"],
)
def test_a_dispute_that_ends_there_ends_here(desk, shelf, copy, change):
    sent = opinion(copy)
    shelf.put(sent)
    desk.run()
    shelf.put(newer(sent, minutes=9, **change), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"opinions": 1}
    assert given() == {"partner-bridge": "seen"}


def test_a_dispute_ends_when_the_copy_does(desk, shelf, copy):
    shelf.put(opinion(copy))
    desk.run()
    shelf.put(newer(copy, minutes=9, revoked=True), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"opinions": 1}
    assert given() == {"partner-bridge": "seen"}


def test_an_opinion_that_names_another_record_now_is_no_longer_of_the_first(desk, shelf, copy):
    other = indicator(2)
    sent = opinion(copy)
    shelf.put(sent)
    desk.run()
    shelf.put(newer(sent, minutes=9, object_refs=[other["id"]]), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"opinions": 1}
    assert given() == {"partner-bridge": "seen"}


def test_an_opinion_that_the_other_hub_passes_on_is_not_taken(desk, shelf, copy):
    shelf.put(opinion(copy, labels=[PASSED_ON]))
    assert desk.run() == {"echo": 1}
    assert given() == {}
    assert not PartnerOpinion.objects.exists()


def test_an_opinion_is_passed_on_from_the_same_version_on(desk, shelf, copy):
    """Its label may change without its time."""
    sent = opinion(copy)
    shelf.put(sent)
    desk.run()
    shelf.put(sent | {"labels": [PASSED_ON]}, at=NOON + timedelta(minutes=2))
    assert again(desk) == {"opinions": 1}
    assert given() == {"partner-bridge": "seen"}


def test_a_signal_of_the_source_is_disputed_as_the_source_weighs_it(desk, shelf):
    sent = indicator(2)
    shelf.put(sent, opinion(sent))
    assert desk.run() == {"shared": 1}
    assert given() == {}
    assert not Signal.objects.get().is_disputed


def test_no_opinion_is_given_of_a_signal_that_the_party_may_not_see(desk, shelf):
    desk.world.share(
        kind="sha256",
        value=hex_value(3),
        tlp="red",
        audience=(desk.world.big_provider.name,),
    )
    facts = {"extension_type": "property-extension", "via": [exchange_reads.own_hub()]}
    hidden = indicator(3, extensions={EXTENSION: facts})
    shelf.put(hidden, opinion(hidden))
    assert desk.run() == {"echo": 1}
    assert given() == {}
    assert not Record.objects.exists()


def test_no_opinion_is_given_of_a_signal_that_ended_here(desk, shelf, copy, ours):
    desk.run()
    signals.withdraw(
        ours.id, body=WithdrawIn(reason="mistake"), by=desk.world.authority, now=desk.now
    )
    shelf.put(opinion(copy), at=NOON + timedelta(minutes=2))
    assert again(desk) == {}
    assert given() == {}
    assert not PartnerOpinion.objects.filter(is_due=True).exists()


def test_disputes_beyond_those_of_a_day_wait_and_hold_up_nothing(desk, shelf, monkeypatch):
    few = limits().model_copy(update={"dispute": limits().dispute.model_copy(update={"a_day": 2})})
    monkeypatch.setattr("stemtide.hub.rooms.signals.rules.disputes.limits", lambda: few)
    for number in range(10, 13):
        desk.world.share(kind="sha256", value=hex_value(number), tlp="green")
        sent = indicator(number)
        shelf.put(sent, opinion(sent))
    assert desk.run() == {"confirmed": 3, "opinions": 2}
    assert desk.row.trouble == ""
    assert again(desk) == {}
    assert again(desk, days=1) == {"opinions": 1}


def test_a_dispute_that_waits_holds_up_no_opinion_behind_it(desk, shelf, monkeypatch):
    few = limits().model_copy(update={"dispute": limits().dispute.model_copy(update={"a_day": 1})})
    monkeypatch.setattr("stemtide.hub.rooms.signals.rules.disputes.limits", lambda: few)
    monkeypatch.setattr(rules, "DUE_AT_ONCE", 1)
    for number in (10, 11, 12):
        desk.world.share(kind="sha256", value=hex_value(number), tlp="green")
        sent = indicator(number)
        shelf.put(sent, opinion(sent, "agree" if number == 12 else "disagree"))
    runs = [desk.run(), *(again(desk) for _ in range(3))]
    assert [counts.get("opinions", 0) for counts in runs] == [1, 0, 1, 0]
    assert again(desk, days=1) == {"opinions": 1}


def test_sums_of_sightings_are_shown_and_never_added_to_ours(desk, shelf, copy, ours):
    shelf.put(sighting(copy, blocked=12, held=1))
    assert desk.run() == {"echo": 1, "sightings": 1}
    shelf.put(sighting(copy, minutes=3, blocked=15), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"sightings": 1}
    (row,) = reads.partner_counts(ours.id, viewer=desk.world.big_provider)
    assert (row.title, row.outcomes, row.total) == ("Partner", {"blocked": 15}, 15)
    assert own_sightings.totals() == {}


def test_sums_of_two_copies_of_one_signal_are_added(desk, shelf, copy, ours):
    twin = copy | {"id": f"indicator--{uuid4()}"}
    shelf.put(twin, sighting(copy, blocked=12), sighting(twin, minutes=3, blocked=2))
    assert desk.run() == {"echo": 2, "sightings": 2}
    (row,) = reads.partner_counts(ours.id, viewer=desk.world.big_provider)
    assert row.outcomes == {"blocked": 14}


def test_an_opinion_that_is_about_no_indicator_any_more_is_taken_back(desk, shelf, copy):
    sent = opinion(copy)
    shelf.put(sent)
    desk.run()
    other = {"object_refs": [f"malware--{uuid4()}"]}
    shelf.put(newer(sent, minutes=9, **other), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"opinions": 1}
    assert given() == {"partner-bridge": "seen"}


def test_sightings_of_a_signal_are_for_those_who_see_it(desk, shelf):
    hidden = desk.world.share(
        kind="sha256",
        value=hex_value(4),
        tlp="red",
        audience=(desk.world.big_provider.name,),
    )
    sent = indicator(4)
    shelf.put(sent, sighting(sent, blocked=3))
    desk.run()
    row = Signal.objects.get(uid=hidden.id)
    Record.objects.update(signal=row, is_own=False)
    assert reads.partner_counts(hidden.id, viewer=desk.world.big_provider)
    assert reads.partner_counts(hidden.id, viewer=desk.world.small_provider) == []


def test_a_hostile_source_fills_no_table(desk, shelf, copy, monkeypatch):
    monkeypatch.setattr(rules, "MAX_STORED", 3)
    for _ in range(9):
        shelf.put(opinion(copy), sighting({"id": f"indicator--{uuid4()}"}, blocked=1))
    desk.run()
    assert (PartnerOpinion.objects.count(), PartnerSighting.objects.count()) == (3, 3)


def test_very_many_opinions_of_one_signal_are_counted_at_once(desk, shelf, copy):
    """A source cannot make each page read all its opinions again."""
    shelf.put(*(opinion(copy, minutes=number) for number in range(rules.DUE_AT_ONCE + 50)))
    assert desk.run() == {"echo": 1, "opinions": 1}
    assert "150 disputed it there" in OpinionRow.objects.get().note
    assert not PartnerOpinion.objects.filter(is_due=True).exists()


def test_a_clock_of_the_source_dates_no_sighting_after_today(desk, shelf, copy, ours):
    shelf.put(sighting(copy, blocked=1) | {"last_seen": "9999-12-31T23:59:59Z"})
    assert desk.run() == {"echo": 1, "sightings": 1}
    (row,) = reads.partner_counts(ours.id, viewer=desk.world.big_provider)
    assert row.last_at == desk.now


def test_a_sum_that_is_taken_back_there_is_shown_no_longer(desk, shelf, copy, ours):
    sent = sighting(copy, blocked=1)
    shelf.put(sent)
    desk.run()
    shelf.put(newer(sent, minutes=9, revoked=True), at=NOON + timedelta(minutes=2))
    assert again(desk) == {"sightings": 1}
    assert reads.partner_counts(ours.id, viewer=desk.world.big_provider) == []


def test_labels_there_do_not_reach_the_database(desk, shelf, copy):
    """PostgreSQL stores no NUL: a page with one could never be written."""
    shelf.put(opinion(copy, labels=["stemtide:\x00=x"]))
    assert desk.run() == {"echo": 1, "opinions": 1}
    assert "\x00" not in PartnerOpinion.objects.get().version


def test_bad_feedback_is_named_and_costs_only_itself(desk, shelf, copy):
    bad = opinion(copy, "shouts")
    negative = sighting(copy, blocked=1) | {"count": -1}
    shelf.put(bad, negative, opinion(copy), {"type": "opinion"}, opinion({"id": "x\x00"}))
    assert desk.run() == {"echo": 1, "opinions": 1, "refused": 3}
    assert any(line.startswith(f"refused: {bad['id']}: opinion") for line in desk.log())


def test_without_the_option_only_indicators_are_asked_for(desk, partner):
    desk.add(address=partner.address)
    Shelf(partner)
    desk.run()
    asked = parse_qs(urlsplit(partner.asked[0][1]).query)
    assert asked["match[type]"] == ["indicator"]


@pytest.mark.parametrize(("kind", "party"), [("stopncii", "consortium"), ("taxii", "agency")])
def test_feedback_is_refused_where_it_does_not_exist_or_would_count_too_much(desk, kind, party):
    other = add_member("other", title="Other", kind=party)
    with pytest.raises(InvalidError):
        desk.add(kind, party=other, terms={"feedback": True})
