# SPDX-License-Identifier: Apache-2.0
"""What the clock makes of the ledger: parties, opinions, sums of sightings, crises."""

from datetime import timedelta

import pytest

from stemtide.hub.rooms.ledger.reads.ledger import heads
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import sightings
from stemtide.hub.rooms.signals.writes import disputes as writes_disputes, signals
from stemtide.hub.rooms.stix.writes import builder
from stemtide.interop.stix.context import PASSED_ON, SET_ASIDE
from stemtide.interop.stix.objects import EXTENSION
from stemtide.protocol.messages.signals import OpinionIn, SetAsideIn
from tests.hub.stix.conftest import indicator, said_of
from tests.world import NOON, hex_value, outcome, report_of


def told(shelf, kind, party=None, of="signals"):
    return shelf.told(party, of=of, types=frozenset({kind}))


def opine(signal, said, *, by, minutes=0):
    now = NOON + timedelta(minutes=minutes)
    signals.give_opinion(signal, body=OpinionIn(opinion=said, note="seen"), by=by, now=now)


def test_every_party_has_an_identity_which_its_indicators_name(shelf):
    shelf.world.share()
    assert shelf.make() == len(shelf.world.everyone)
    assert shelf.make() == 0
    names = {one["id"]: one["name"] for one in told(shelf, "identity", shelf.world.observer)}
    (ours,) = shelf.indicators()
    assert names[ours["created_by_ref"]] == "Belgian Crisis Centre"


def test_an_opinion_given_at_another_door_is_told_and_replaced(shelf):
    shared = shelf.world.share()
    opine(shared.id, "agree", by=shelf.world.agency)
    shelf.make()
    (first,) = told(shelf, "opinion")
    (ours,) = shelf.indicators()
    assert (first["opinion"], first["object_refs"]) == ("agree", [ours["id"]])
    opine(shared.id, "dispute", by=shelf.world.agency, minutes=1)
    shelf.make()
    (second,) = told(shelf, "opinion")
    assert (second["id"], second["opinion"]) == (first["id"], "disagree")
    assert second["created"] == first["created"] < second["modified"]


def test_an_opinion_that_was_posted_is_revoked_when_its_party_says_something_else(shelf):
    target = indicator()
    shelf.post(target)
    by = shelf.world.big_provider
    shelf.post(said_of(target["id"]), by=by)
    shelf.make()
    opine(Signal.objects.get().uid, "agree", by=by, minutes=1)
    shelf.make()
    found = {one["opinion"]: one.get("revoked", False) for one in told(shelf, "opinion")}
    assert found == {"disagree": True, "agree": False}


def test_sightings_are_told_in_sum_and_again_when_they_change(shelf):
    world, shared = shelf.world, shelf.world.share()
    rows = [outcome(shared.id, "blocked", count=4), outcome(shared.id, "reversed", count=1)]
    signals.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
    more = report_of(outcome(shared.id, "held", count=2))
    signals.report_outcomes(more, by=world.small_provider, now=NOON)
    shelf.make()
    (first,) = told(shelf, "sighting", world.consortium)
    assert (first["count"], first["summary"]) == (6, True)
    assert first["extensions"][EXTENSION]["outcomes"] == {"blocked": 3, "held": 2, "reversed": 1}
    again = report_of(outcome(shared.id, "blocked", count=10))
    signals.report_outcomes(again, by=world.small_provider, now=NOON)
    shelf.make(NOON + timedelta(seconds=5))
    assert told(shelf, "sighting") == [first]
    shelf.make(NOON + timedelta(seconds=31))
    (second,) = told(shelf, "sighting")
    assert (second["id"], second["count"]) == (first["id"], 16)


def test_many_sums_are_told_in_parts_each_once_and_the_changed_ones_again(shelf, monkeypatch):
    monkeypatch.setattr(builder, "_SUMS_AT_ONCE", 2)
    world = shelf.world
    shared = [world.share(value=hex_value(number)) for number in range(5)]
    rows = [outcome(one.id, "blocked", count=4) for one in shared]
    signals.report_outcomes(report_of(*rows), by=world.big_provider, now=NOON)
    shelf.make()
    first = {one["id"]: one["count"] for one in told(shelf, "sighting")}
    assert sorted(first.values()) == [4] * 5
    more = report_of(outcome(shared[3].id, "blocked", count=1))
    signals.report_outcomes(more, by=world.big_provider, now=NOON)
    assert shelf.make(NOON + timedelta(seconds=31)) == 1
    second = {one["id"]: one["count"] for one in told(shelf, "sighting")}
    assert sorted(second.values()) == [4, 4, 4, 4, 5]
    assert second.keys() == first.keys()


@pytest.mark.parametrize("reports", [1, 120])
def test_counts_that_change_while_sums_are_told_are_told_the_next_time(shelf, monkeypatch, reports):
    world, shared = shelf.world, shelf.world.share()

    def report():
        rows = report_of(outcome(shared.id, "blocked", count=1))
        signals.report_outcomes(rows, by=world.big_provider, now=NOON)

    def sums_before_more(pks):
        read = sums(pks)
        for _ in range(reports):
            report()
        return read

    report()
    sums = sightings.sums
    monkeypatch.setattr(sightings, "sums", sums_before_more)
    shelf.make()
    monkeypatch.setattr(sightings, "sums", sums)
    builder.FOLLOWER.skip_to(heads().entries)  # another process has read the reports meanwhile
    shelf.make(NOON + timedelta(seconds=31))
    (last,) = told(shelf, "sighting")
    assert last["count"] == 1 + reports
    assert shelf.make(NOON + timedelta(seconds=62)) == 0


def test_a_crisis_has_an_incident_a_grouping_and_at_its_end_a_report(shelf):
    world = shelf.world
    crisis = world.activate(name="Attack in a city")
    of = f"crisis-{crisis.id}"
    world.share(value=hex_value(1), crisis=crisis.id)
    shelf.post(indicator(hex_value(2)), to=of)
    shelf.make()
    (incident,) = told(shelf, "incident", of=of)
    assert incident["name"] == "Attack in a city"
    links = told(shelf, "relationship", of=of)
    assert {one["target_ref"] for one in links} == {incident["id"]}
    assert {one["source_ref"] for one in links} == {one["id"] for one in shelf.indicators(of=of)}
    (grouping,) = told(shelf, "grouping", of=of)
    assert grouping["object_refs"][0] == incident["id"]
    assert told(shelf, "report", of=of) == []
    world.close(crisis)
    shelf.make(NOON + timedelta(minutes=1))
    (report,) = told(shelf, "report", of=of)
    assert set(report["object_refs"][1:]) == {one["id"] for one in shelf.indicators(of=of)}
    assert told(shelf, "incident") == []


def test_a_grouping_names_only_what_its_reader_may_see(shelf):
    world = shelf.world
    crisis = world.activate()
    world.join(crisis, world.big_provider)
    world.share(value=hex_value(1), crisis=crisis.id, tlp="red", audience=("small-forum",))
    world.share(value=hex_value(2), crisis=crisis.id)
    world.calm(crisis)
    shelf.make(NOON + timedelta(minutes=1))
    of = f"crisis-{crisis.id}"
    sizes = [
        len(told(shelf, "grouping", party, of=of)[0]["object_refs"])
        for party in (world.authority, world.big_provider)
    ]
    assert sizes == [3, 2]


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_hub_that_has_told_everything_makes_nothing(shelf, seconds):
    shelf.world.warn()
    assert shelf.make() > 0
    assert shelf.make(NOON + timedelta(seconds=seconds)) == 0


def test_a_dispute_that_an_agency_set_aside_is_told_as_such_until_it_counts_again(shelf):
    shared, by = shelf.world.share(), shelf.world.big_provider
    opine(shared.id, "dispute", by=by)
    agency = shelf.world.actor(shelf.world.agency, role="coordinator")
    writes_disputes.set_aside(
        shared.id, by.name, body=SetAsideIn(reason="It is no news."), by=agency, now=NOON
    )
    shelf.make()
    (aside,) = told(shelf, "opinion")
    assert SET_ASIDE in aside["labels"]
    writes_disputes.restore(shared.id, by.name, by=agency, now=NOON + timedelta(minutes=1))
    shelf.make()
    (counting,) = told(shelf, "opinion")
    assert SET_ASIDE not in counting["labels"]
    assert aside["modified"] <= counting["modified"]


def test_an_opinion_from_another_hub_is_told_as_passed_on_even_if_set_aside(shelf):
    shared, by = shelf.world.share(), shelf.world.big_provider
    body = OpinionIn(opinion="dispute", note="Partner: 1 disputed it there")
    signals.give_opinion(shared.id, body=body, by=by, now=NOON, actor_ref="exchange:partner")
    shelf.make()
    (first,) = told(shelf, "opinion")
    assert PASSED_ON in first["labels"]
    agency = shelf.world.actor(shelf.world.agency, role="coordinator")
    writes_disputes.set_aside(
        shared.id, by.name, body=SetAsideIn(reason="It is no news."), by=agency, now=NOON
    )
    shelf.make()
    (second,) = told(shelf, "opinion")
    assert {PASSED_ON, SET_ASIDE} <= set(second["labels"])
