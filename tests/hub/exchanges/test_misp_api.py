# SPDX-License-Identifier: Apache-2.0
"""Pulling from a MISP by its API: published events, deletions, distributions, sightings."""

import pytest
from pymisp import MISPEvent, MISPObject, PyMISP

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import PartnerSighting, Record
from stemtide.hub.rooms.exchanges.reads import feedback as reads
from stemtide.hub.rooms.exchanges.sources import misp as port
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.interop.misp.sightings import HUB_SOURCE
from tests.misp_server import KEY, MispServer
from tests.rounds import rounds
from tests.world import NOON, add_member, hex_value

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


@pytest.fixture
def misp(desk):
    """A MISP with the clock of the desk."""
    server = MispServer()
    server.clock = lambda: desk.now.timestamp()  # noqa: PLW0108  # the time goes on
    yield server.start()
    server.stop()


@pytest.fixture
def bridge(desk):  # noqa: ARG001  # the parties of a world are there first
    """The party of that MISP here."""
    return add_member("misp-bridge", title="MISP", kind="consortium")


@pytest.fixture
def source(desk, misp, bridge):
    """The exchange; its sightings are read."""
    desk.add("misp", address=misp.address, secret=KEY, party=bridge, terms={"feedback": True})
    return PyMISP(misp.address, KEY)


def publish(source, *attributes, tags=()):
    """Add an event of (type, value) and publish it; return it."""
    event = MISPEvent()
    event.info = "Stills"
    for name in tags:
        event.add_tag(name)
    for kind, value in attributes:
        event.add_attribute(kind, value)
    added = source.add_event(event, pythonify=True)
    source.publish(added)
    return added


def md5(number=1):
    return "md5", hex_value(number, digits=32)


def again(desk):
    desk.later(minutes=5)
    return desk.run()


def live(bridge):
    return sorted(row.value for row in Signal.objects.filter(shared_by=bridge, state="live"))


def test_published_events_become_signals_and_drafts_do_not(desk, source, misp, bridge):
    event = MISPEvent()
    event.info = "A draft"
    event.add_attribute(*md5(9))
    draft = source.add_event(event, pythonify=True)
    publish(source, md5(), ("url", "https://evil.example/a"), tags=["tlp:green"])
    thing = MISPObject("perceptual-hash", strict=False)
    thing.template_uuid, thing.template_version = "e3b6a2b0-6a0d-4a3c-9c36-5d4f8f0b7c21", "1"
    thing.add_attribute("pdq", type="text", value=PDQ, to_ids=False)
    event = MISPEvent()
    event.info = "Objects"
    event.add_object(thing)
    source.publish(source.add_event(event, pythonify=True))
    assert desk.run() == {"shared": 3}
    assert hex_value(9, digits=32) not in live(bridge)
    asked = len(misp.asked)
    assert again(desk) == {}
    assert misp.asked[asked:] == ["events/index"]
    source.publish(draft)
    assert again(desk) == {"shared": 1}


def test_a_deleted_attribute_ends_its_signal(desk, source, bridge):
    event = publish(source, md5(1), md5(2))
    assert desk.run() == {"shared": 2}
    desk.later(minutes=5)
    source.delete_attribute(event.attributes[0])
    source.publish(event)
    assert again(desk) == {"ended": 1}
    assert live(bridge) == [hex_value(2, digits=32)]


@pytest.mark.parametrize(
    "case",
    [
        (3, ["tlp:clear"], "green"),  # the terms' loosest
        (1, ["tlp:clear"], "green"),
        (1, [], "amber"),
        (3, [], "amber"),
        (4, ["tlp:green"], "amber"),
        (4, [], "amber"),
        (0, ["tlp:green"], None),
        (0, [], None),
    ][:: rounds(3, nightly=1)],
)
@pytest.mark.parametrize("levels", [(None, 5), (3, None)], ids=["event", "attribute"])
@pytest.mark.usefixtures("bridge")
def test_how_far_misp_may_pass_it_on_restricts_it_here(desk, source, misp, levels, case):
    distribution, tags, tlp = case
    event = misp.events[publish(source, md5(), tags=tags).uuid]
    of_event, of_attribute = (distribution if level is None else level for level in levels)
    event["distribution"] = str(of_event)
    event["Attribute"][0]["distribution"] = str(of_attribute)
    counts = desk.run()
    if tlp is None:
        assert counts == {"left_out": 1}
        assert any("TLP:AMBER+STRICT is stricter" in line for line in desk.log())
    else:
        assert counts == {"shared": 1}
        assert Signal.objects.get().tlp == tlp


@pytest.mark.parametrize("looser", ["tlp:clear", "tlp:green"])
def test_a_community_may_have_no_more_than_its_marks_say(desk, misp, bridge, looser):
    """TLP:CLEAR of an event that stays in its community is TLP:GREEN."""
    terms = {"tlp_loosest": "clear"}
    desk.add("misp", address=misp.address, secret=KEY, party=bridge, terms=terms)
    event = publish(PyMISP(misp.address, KEY), md5(), tags=[looser])
    misp.events[event.uuid]["distribution"] = "1"
    assert desk.run() == {"shared": 1}
    assert Signal.objects.get(shared_by=bridge).tlp == "green"


def test_what_we_pushed_comes_back_as_an_echo_and_its_sightings_reach_our_signal(
    desk, source, misp, bridge
):
    row = desk.row
    row.pushes = True
    row.save()
    placed = desk.world.share(kind="md5", tlp="green")
    assert desk.run() == {"pushed": 1}
    (event,) = misp.events
    source.publish(event)
    assert again(desk) == {"echo": 1}
    desk.later(minutes=5)
    (attribute,) = source.get_event(event, pythonify=True).attributes
    for kind in ("0", "0", "1"):
        assert source.add_sighting({"type": kind, "source": "a desk"}, attribute)["Sighting"]
    assert source.add_sighting({"type": "0", "source": HUB_SOURCE}, attribute)["Sighting"]
    assert again(desk) == {"opinions": 1, "sightings": 1}
    signal = Signal.objects.get(uid=placed.id)
    given = OpinionRow.objects.get(signal=signal)
    assert (given.party, given.opinion) == (bridge, "dispute")
    assert "false positives there: 1" in given.note
    (counts,) = reads.partner_counts(signal.uid, viewer=desk.world.authority)
    assert (counts.title, counts.outcomes) == ("MISP", {"logged": 2})
    desk.later(minutes=5)
    (event,) = misp.events.values()
    event["Attribute"][0]["Sighting"] = []
    event["sighting_timestamp"] = str(int(misp.clock()))
    assert again(desk) == {"opinions": 1, "sightings": 1}
    assert OpinionRow.objects.get(signal=signal).opinion == "seen"
    assert reads.partner_counts(signal.uid, viewer=desk.world.authority) == []


def test_without_feedback_no_sighting_is_read(desk, misp, bridge):
    desk.add("misp", address=misp.address, secret=KEY, party=bridge)
    source = PyMISP(misp.address, KEY)
    event = publish(source, md5())
    source.add_sighting({"type": "1"}, event.attributes[0])
    assert desk.run() == {"shared": 1}
    desk.later(minutes=5)
    source.add_sighting({"type": "0"}, event.attributes[0])
    assert again(desk) == {}
    assert not PartnerSighting.objects.exists()
    assert not OpinionRow.objects.exists()


def test_an_agency_hears_no_sightings_of_a_misp(desk, misp):
    agency = add_member("agency-bridge", title="Agency", kind="agency")
    more = {"secret": KEY, "party": agency, "terms": {"feedback": True}}
    with pytest.raises(InvalidError, match="is an agency"):
        desk.add("misp", address=misp.address, **more)


def test_an_event_that_cannot_be_read_costs_itself_alone(desk, source, misp, bridge):
    for number in (1, 2, 3):
        publish(source, md5(number))
    first, second, _ = misp.events
    misp.events[first]["Tag"] = [{"name": f"tag-{number}"} for number in range(201)]
    view = misp.shown
    misp.shown = lambda event, **more: [] if event["uuid"] == second else view(event, **more)
    assert desk.run() == {"shared": 1, "refused": 2}
    assert desk.row.trouble == ""
    assert live(bridge) == [hex_value(3, digits=32)]


@pytest.mark.parametrize(
    "index",
    [{"uuid": 1}, [{"uuid": str(number)} for number in range(5)]],
    ids=["none", "too long"],
)
@pytest.mark.usefixtures("source")
def test_an_index_that_is_none_or_too_long_is_shown(desk, misp, monkeypatch, index):
    monkeypatch.setattr(port, "MAX_EVENTS", 4)
    misp.index = index
    assert desk.run() == {}
    assert desk.row.trouble == "its answer is no index, or one of more than 4 events"


def test_a_wrong_clock_of_an_event_passes_it_over(desk, source, misp):
    publish(source, md5())
    (event,) = misp.events.values()
    event["timestamp"] = str(int(NOON.timestamp()) + 30 * 86_400)
    assert desk.run() == {}
    assert any("no time that can be" in line for line in desk.log())
    assert not Record.objects.exists()


def test_a_wrong_key_is_trouble_of_the_exchange(desk, misp, bridge):
    desk.add("misp", address=misp.address, secret="wrong", party=bridge)
    assert desk.run() == {}
    assert "refuses our key" in desk.row.trouble


def test_the_index_and_the_view_have_misps_shape_for_pymisp(source):
    event = publish(source, md5(1), md5(2))
    (head,) = source.search_index(minimal=True, published=True)
    assert (head["uuid"], head["timestamp"].isdecimal()) == (event.uuid, True)
    source.delete_attribute(event.attributes[0])
    assert source.search_index(minimal=True, published=True) == []
    both = source.get_event(event.uuid, deleted=[0, 1], pythonify=True)
    assert sorted(one.deleted for one in both.attributes) == [False, True]
    source.add_sighting({"type": "1", "source": "a desk"}, event.attributes[1])
    (kept,) = source.get_event(event.uuid, pythonify=True).attributes
    assert [(one.type, one.source) for one in kept.sightings] == [("1", "a desk")]
