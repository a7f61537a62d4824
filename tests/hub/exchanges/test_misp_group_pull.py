# SPDX-License-Identifier: Apache-2.0
"""Pulling what a MISP restricts to sharing groups: an audience if all of them are parties here."""

from uuid import UUID

import pytest
from pymisp import MISPEvent, MISPObject, PyMISP

from stemtide.hub.rooms.exchanges.writes import groups as writes
from stemtide.hub.rooms.signals.models import Signal
from tests.misp_server import KEY, MispServer
from tests.world import add_member, hex_value

OWN, FIRST, SECOND, STRANGER = (str(UUID(int=number)) for number in range(1, 5))


@pytest.fixture
def misp(desk):
    """A MISP with the clock of the desk, and the parties that its organisations are."""
    server = MispServer()
    server.clock = lambda: desk.now.timestamp()  # noqa: PLW0108  # the time goes on
    desk.add("misp", address=server.address, secret=KEY)
    for uuid, name in ((OWN, "partner-hub"), (FIRST, "first"), (SECOND, "second")):
        party = desk.party if uuid == OWN else add_member(name, title=name, kind="authority")
        more = {"party": party, "actor": "operator", "now": desk.now}
        writes.match_organisation("partner", UUID(uuid), **more)
    yield server.start()
    server.stop()


def publish(misp, *groups, values=(1,), tags=("tlp:green",)):
    """Publish an event with an object and attributes; groups: of event, object and attributes.

    None: it inherits, or is for all communities.
    """
    source, event = PyMISP(misp.address, KEY), MISPEvent()
    event.info = "Stills"
    for name in tags:
        event.add_tag(name)
    thing = MISPObject("perceptual-hash", strict=False)
    thing.template_uuid, thing.template_version = "e3b6a2b0-6a0d-4a3c-9c36-5d4f8f0b7c21", "1"
    for number in values:
        thing.add_attribute("md5", hex_value(number, digits=32), type="md5")
    event.add_object(thing)
    added = misp.events[source.add_event(event).get("Event")["uuid"]]
    (kept,) = added["Object"]
    of_event, of_object, of_attribute = [*groups, None, None, None][:3]
    restrict(added, of_event, otherwise="3")
    restrict(kept, of_object)
    for attribute in kept["Attribute"]:
        restrict(attribute, of_attribute)
    source.publish(added["uuid"])
    return added


def restrict(thing, group, *, otherwise="5"):
    thing["distribution"] = otherwise if group is None else "4"
    thing["sharing_group_id"] = str(group or 0)


def again(desk, misp, event):
    """Publish an event again, and pull."""
    desk.later(minutes=5)
    misp.touch(event)
    event["published"] = True
    return desk.run()


def signal(number=1):
    return Signal.objects.get(value=hex_value(number, digits=32), state="live")


@pytest.mark.parametrize("place", [(7,), (None, 7), (None, None, 7), (7, 7, 7)])
def test_a_group_of_parties_is_the_audience_of_its_signals(desk, misp, place):
    misp.group(7, OWN, FIRST)
    publish(misp, *place)
    assert desk.run() == {"shared": 1}
    assert (signal().audience, signal().tlp) == ("|first|partner-hub|", "amber")


@pytest.mark.parametrize(
    ("orgs", "more"),
    [
        ((OWN, FIRST, STRANGER), {}),
        ((OWN, FIRST), {"roaming": True}),
        ((OWN, FIRST), {"all_orgs": True}),
    ],
    ids=["stranger", "roaming", "server"],
)
def test_a_group_that_others_may_read_is_tlp_amber_as_before(desk, misp, orgs, more):
    misp.group(7, *orgs, **more)
    publish(misp, 7)
    publish(misp, 99, values=(2,))  # a group that the hub's user does not see
    publish(misp, 7, 99, values=(3,))
    event = publish(misp, 7, values=(4,))
    event["sharing_group_id"] = "9" * 5_000
    assert desk.run() == {"shared": 4}
    assert {(row.audience, row.tlp) for row in Signal.objects.all()} == {("", "amber")}


def test_of_several_groups_only_the_parties_in_all_of_them_may_see_it(desk, misp):
    misp.group(7, OWN, FIRST)
    misp.group(8, OWN, FIRST, SECOND)
    publish(misp, 8, None, 7)
    assert desk.run() == {"shared": 1}
    assert signal().audience == "|first|partner-hub|"


def test_the_groups_are_read_once_in_a_run_and_only_if_an_event_needs_them(desk, misp):
    misp.group(7, OWN, FIRST)
    publish(misp, values=(9,))
    desk.run()
    assert not [path for path in misp.asked if path.startswith("sharing_groups")]
    for number in (1, 2, 3):
        publish(misp, 7, values=(number,))
    desk.later(minutes=5)
    assert desk.run() == {"shared": 3}
    assert len([path for path in misp.asked if path.startswith("sharing_groups")]) == 1


def test_an_event_published_again_has_the_audience_of_its_group_now(desk, misp):
    misp.group(7, OWN, FIRST, SECOND)
    event = publish(misp, 7)
    desk.run()
    misp.group(7, OWN, FIRST)
    desk.later(minutes=5)
    assert desk.run() == {}
    assert signal().audience == "|first|partner-hub|second|"
    assert again(desk, misp, event) == {"changed": 1}
    assert signal().audience == "|first|partner-hub|"
    assert again(desk, misp, event) == {}


def test_a_value_of_two_records_is_for_those_who_may_see_both(desk, misp):
    misp.group(7, OWN, FIRST, SECOND)
    misp.group(8, OWN, FIRST)
    publish(misp, 7)
    assert desk.run() == {"shared": 1}
    desk.later(minutes=5)
    publish(misp, 8)
    assert desk.run() == {"changed": 1}
    assert signal().audience == "|first|partner-hub|"
    desk.later(minutes=5)
    publish(misp, tags=("tlp:clear",))
    desk.run()
    assert (signal().audience, signal().tlp) == ("|first|partner-hub|", "amber")


def test_a_record_for_a_group_narrows_what_a_community_had(desk, misp):
    misp.group(7, OWN, FIRST)
    misp.group(8, SECOND)
    event = publish(misp)
    assert desk.run() == {"shared": 1}
    assert signal().audience == ""
    desk.later(minutes=5)
    publish(misp, 7)
    assert desk.run() == {"changed": 1}
    assert signal().audience == "|first|partner-hub|"
    misp.events.pop(event["uuid"])
    desk.later(minutes=5)
    publish(misp, 8)
    assert desk.run() == {"changed": 1}
    assert signal().audience == "|partner-hub|"  # nobody else is in both groups
