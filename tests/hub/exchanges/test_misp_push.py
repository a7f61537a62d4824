# SPDX-License-Identifier: Apache-2.0
"""Pushing to a MISP: events, PDQ with its distance, deletions, sightings, as PyMISP reads them."""

import hashlib
import re

import pytest
from pymisp import MISPAttribute, MISPEvent, MISPObject, PyMISP

from stemtide.hub.rooms.exchanges.models import Outgoing
from stemtide.hub.rooms.exchanges.reads.exchanges import own_hub
from stemtide.hub.rooms.exchanges.writes import exchanges as writes
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import outcomes, signals
from stemtide.interop.exchanges import Terms
from stemtide.interop.misp.pushed import SIGNALS_OF_EVENT, EventKey
from stemtide.protocol.enums import Direction, ExchangeKind
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.exchanges.conftest import NOON
from tests.misp_server import KEY, MispServer
from tests.world import add_member, hex_value, outcome, report_of

_PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


@pytest.fixture
def misp():
    server = MispServer().start()
    yield server
    server.stop()


@pytest.fixture
def pushing(desk, misp):
    """Adds the exchange; more: its settings."""

    def add(*, terms=None, **more):
        draft = writes.NewExchange(
            name="partner",
            kind=ExchangeKind.MISP,
            address=misp.address,
            secret=more.pop("secret", KEY),
            direction=Direction.PUSH,
            **more,
        )
        settings = Terms.model_validate(terms or {})
        writes.add(draft, terms=settings, party=desk.party, actor="operator", now=NOON)
        return misp

    return add


def client(misp):
    return PyMISP(misp.address, KEY)


def seen(misp):
    """The events as PyMISP reads them, by title."""
    events = [client(misp).get_event(uuid, pythonify=True) for uuid in misp.events]
    return {event.info: event for event in events}


def share(desk, kind="md5", **more):
    return desk.world.share(kind=kind, **({"tlp": "green"} | more))


def withdraw(desk, shared):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(shared.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))


def test_signals_become_attributes_of_one_event_and_a_pdq_an_object_with_its_distance(
    desk, pushing
):
    misp = pushing()
    share(desk)
    share(desk, "sha256")
    share(desk, "url", value="https://example.org/a")
    desk.world.share(kind="pdq", value=_PDQ, quality=90, within_bits=20, tlp="green")
    assert desk.run() == {"pushed": 4}
    (event,) = seen(misp).values()
    assert re.fullmatch("Stemtide: signals, TLP:GREEN, part [0-9]+", event.info)
    assert {one.type for one in event.attributes} == {"md5", "sha256", "url"}
    assert all(one.to_ids for one in event.attributes)
    assert "tlp:green" in {tag.name for tag in event.attributes[0].tags}
    (thing,) = event.objects
    inner = {one.object_relation: one.value for one in thing.attributes}
    assert (thing.name, inner) == ("perceptual-hash", {"pdq": _PDQ, "within-bits": "20"})
    assert not any(one.to_ids for one in thing.attributes)


def test_pushing_again_changes_nothing_and_new_signals_join_the_event(desk, pushing):
    misp = pushing()
    share(desk)
    desk.run()
    asked = len(misp.asked)
    desk.later(minutes=6)
    assert desk.run() == {}
    assert len(misp.asked) == asked
    share(desk, "sha256")
    desk.later(minutes=6)
    assert desk.run() == {"pushed": 1}
    (event,) = seen(misp).values()
    assert len(event.attributes) == 2


def test_a_withdrawn_signal_is_deleted_there_and_stays_as_deleted(desk, pushing):
    misp = pushing()
    plain, pdq = share(desk), desk.world.share(kind="pdq", value=_PDQ, quality=90, tlp="green")
    desk.run()
    for shared in (plain, pdq):
        withdraw(desk, shared)
    assert desk.run() == {"pushed": 2}
    assert misp.attributes() == {}
    assert hex_value(digits=32) in misp.attributes(deleted=True)
    assert _PDQ in misp.attributes(deleted=True)
    assert [row.state for row in Outgoing.objects.all()] == ["ended", "ended"]


@pytest.mark.parametrize(
    ("tlp", "settings", "expected"),
    [
        ("clear", {}, "3"),
        ("green", {}, "1"),
        ("amber", {"inside": True}, "0"),
        ("amber", {"inside": True, "terms": {"sharing_group": 7}}, "4"),
    ],
)
def test_misp_may_pass_an_event_on_no_further_than_its_tlp(desk, pushing, tlp, settings, expected):
    misp = pushing(**settings)
    share(desk, tlp=tlp)
    desk.run()
    (event,) = misp.events.values()
    assert event["distribution"] == expected
    assert event.get("sharing_group_id") == ("7" if expected == "4" else None)
    (attribute,) = event["Attribute"]
    assert attribute["distribution"] == "5"


def test_each_sharing_group_has_events_of_its_own(desk, pushing):
    """A second exchange with the same MISP passes nothing on to its group that the first sent."""
    misp = pushing(inside=True, terms={"sharing_group": 7, "kinds": ["md5"]})
    first = share(desk, tlp="amber")
    desk.run()
    party = add_member("other-group", title="Other group", kind="consortium")
    terms = {"sharing_group": 8, "kinds": ["sha256"]}
    more = {"secret": KEY, "direction": "push", "inside": True, "terms": terms}
    desk.add("misp", name="other", address=misp.address, party=party, **more)
    share(desk, "sha256", tlp="amber")
    assert desk.run("other") == {"pushed": 1}
    groups = {
        one["type"]: event["sharing_group_id"]
        for event in misp.events.values()
        for one in event["Attribute"]
    }
    assert groups == {"md5": "7", "sha256": "8"}
    withdraw(desk, first)
    assert desk.run() == {"pushed": 1}
    assert [one["type"] for one in misp.attributes().values()] == ["sha256"]


@pytest.mark.parametrize(
    "facts",
    [
        {"tlp": "amber"},
        {"tlp": "amber+strict"},
        {"pap": "red"},
        {"exercise": True},
        {"tlp": "red", "audience": ("partner-hub",)},
        {"tlp": "green", "audience": ("partner-hub",)},
    ],
    ids=["amber", "strict", "pap", "exercise", "red", "named"],
)
def test_what_is_restricted_does_not_leave(desk, pushing, facts):
    misp = pushing()
    share(desk, **facts)
    assert desk.run() == {}
    assert misp.asked == []


def test_only_kinds_that_the_terms_name_leave(desk, pushing):
    misp = pushing(terms={"kinds": ["sha256"]})
    share(desk)
    share(desk, "sha256")
    assert desk.run() == {"pushed": 1}
    assert [one["type"] for one in misp.attributes().values()] == ["sha256"]


def test_a_signal_that_misp_does_not_keep_is_refused_with_a_reason(desk, pushing):
    misp = pushing()
    misp.refused_values.add(hex_value(2, digits=32))
    share(desk)
    share(desk, value=hex_value(2, digits=32))
    assert desk.run() == {"pushed": 1, "push_refused": 1}
    assert any("does not contain it" in line for line in desk.log())


def test_a_refused_signal_takes_the_place_of_none_with_another_tlp(desk, pushing):
    """What one party shared with the community is withdrawn there, though another has it."""
    misp = pushing(inside=True)
    wide = share(desk)
    assert desk.run() == {"pushed": 1}
    misp.refused_values.add(hex_value(digits=32))
    share(desk, by=desk.world.agency, tlp="amber")
    assert desk.run() == {"push_refused": 1}
    withdraw(desk, wide)
    desk.run()
    assert misp.attributes() == {}


def test_matches_are_reported_as_a_sighting_once_for_each_time_they_grew(desk, pushing):
    misp = pushing()
    shared = share(desk)
    desk.run()

    def meet(count):
        outcomes.report_outcomes(
            report_of(outcome(shared.id, count=count)), by=desk.world.big_provider, now=desk.now
        )

    meet(3)
    assert desk.run() == {"sightings": 1}
    assert desk.run() == {}
    meet(2)
    assert desk.run() == {"sightings": 1}
    wrong = outcome(shared.id, "reversed", count=2)
    outcomes.report_outcomes(report_of(wrong), by=desk.world.big_provider, now=desk.now)
    assert desk.run() == {}
    (uuid,) = {uuid for uuid, _ in misp.sightings}
    assert misp.sightings == [(uuid, "Stemtide hub")] * 2
    assert uuid == misp.attributes()[hex_value(digits=32)]["uuid"]


def test_a_wrong_key_is_trouble_of_the_exchange_and_loses_nothing(desk, pushing):
    pushing(secret="wrong")
    share(desk)
    assert desk.run() == {}
    assert "refuses our key" in desk.row.trouble
    assert Outgoing.objects.get().state == "waiting"


def block(misp, shared):
    """Put the event that a signal belongs to on the blocklist."""
    row = Signal.objects.get(uid=shared.id)
    key = EventKey(Tlp(row.tlp), row.pk // SIGNALS_OF_EVENT)
    misp.blocked.add(str(key.uuid(own_hub())))


def test_a_blocklisted_event_costs_itself_alone_and_is_shown_with_its_reason(desk, pushing):
    misp = pushing()
    for number in (1, 2):
        block(misp, share(desk, value=hex_value(number, digits=32)))
    share(desk, value=hex_value(3, digits=32), tlp="clear")
    assert desk.run() == {"pushed": 1, "push_refused": 2}
    assert list(misp.attributes()) == [hex_value(3, digits=32)]
    assert desk.row.trouble == ""
    words = "MISP does not take this event (403): Event blocked by local blocklist."
    assert f"refused there: {words}" in desk.log()
    states = sorted((row.state, row.last_error) for row in Outgoing.objects.all())
    assert states == [("refused", words), ("refused", words), ("sent", "")]
    assert len([path for path in misp.asked if path == "events/add"]) == 2  # it is not halved


def test_nothing_but_a_blocklisted_event_is_trouble_first_and_loses_nothing(desk, pushing):
    """As with any refusal of everything: the server itself may be at fault for some hours."""
    misp = pushing()
    block(misp, share(desk))
    assert desk.run() == {}
    assert "Event blocked by local blocklist." in desk.row.trouble
    assert Outgoing.objects.get().state == "waiting"
    share(desk, "sha256", tlp="clear")
    desk.later(hours=1)
    assert desk.run() == {"pushed": 1, "push_refused": 1}


def test_the_server_has_misps_shape_for_pymisp(misp):
    pymisp = client(misp)
    event = MISPEvent()
    event.info = "Stills"
    event.uuid = "5e8f0a5e-4d0c-4c8a-9d5b-0a1b2c3d4e5f"
    event.add_attribute("md5", hashlib.md5(b"a", usedforsecurity=False).hexdigest())
    thing = MISPObject("perceptual-hash", strict=False)
    thing.template_uuid, thing.template_version = "e3b6a2b0-6a0d-4a3c-9c36-5d4f8f0b7c21", "1"
    thing.add_attribute("pdq", type="text", value=_PDQ, to_ids=False)
    event.add_object(thing)
    added = pymisp.add_event(event, pythonify=True)
    assert (len(added.attributes), len(added.objects)) == (1, 1)
    again = pymisp.add_event(event)
    assert again["errors"][0] == 403
    added.add_attribute("sha256", hashlib.sha256(b"a").hexdigest())
    assert len(pymisp.update_event(added, pythonify=True).attributes) == 2
    assert pymisp.add_sighting({"type": "0"}, added.attributes[0])["Sighting"]["type"] == "0"
    assert pymisp.delete_attribute(added.attributes[0])["success"]
    assert pymisp.delete_object(added.objects[0])["success"]
    left = pymisp.get_event(event.uuid, pythonify=True)
    assert [one.type for one in left.attributes] == ["sha256"]
    assert left.objects == []
    assert isinstance(left.attributes[0], MISPAttribute)


def test_an_attribute_that_was_deleted_there_holds_up_no_sighting_and_no_signal(desk, pushing):
    misp = pushing()
    gone, kept = share(desk), share(desk, "sha256")
    desk.run()
    (event,) = misp.events.values()
    event["Attribute"] = [one for one in event["Attribute"] if one["type"] == "sha256"]
    reported = [outcome(one.id, count=1) for one in (gone, kept)]
    outcomes.report_outcomes(report_of(*reported), by=desk.world.big_provider, now=desk.now)
    assert desk.run() == {"sightings": 1}
    assert desk.row.trouble == ""
    assert desk.run() == {}


def test_an_exercise_is_marked_as_one_and_detects_nothing(desk, pushing):
    misp = pushing(terms={"exercise": True})
    share(desk, exercise=True)
    share(desk, "sha256")
    assert desk.run() == {"pushed": 1}
    (attribute,) = misp.attributes().values()
    assert 'exercise:generic="comcheck"' in {tag["name"] for tag in attribute["Tag"]}
    assert attribute["to_ids"] is False
