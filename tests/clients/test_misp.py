# SPDX-License-Identifier: Apache-2.0
"""PyMISP, unchanged, reads the feed of a real hub as MISP does."""

import hashlib
import secrets

import httpx
import pytest
from pymisp import MISPAttribute, MISPEvent, MISPObject, MISPSighting, PyMISP

pytestmark = pytest.mark.flow


def authority(hub, path, body):
    """What an authority does at the hub's own API."""
    headers = {"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    answer = httpx.post(f"{hub['HUB_URL']}/api/v1{path}", json=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.json()


def share(hub, **facts):
    plain = {"kind": "sha256", "value": secrets.token_hex(32), "severity": "high"}
    body = plain | {"labels": ["livestream"]} | facts
    return body, authority(hub, "/signals", body)


class Feed:
    """A MISP that follows the feed by its rules: what has no higher timestamp is not taken."""

    def __init__(self, hub):
        self._base = f"{hub['MISP_URL']}feed"
        self._headers = {"Authorization": hub["MISP_KEY"]}
        self._stored = {}
        self.held = {}

    def get(self, name):
        answer = httpx.get(f"{self._base}/{name}", headers=self._headers, timeout=60)
        answer.raise_for_status()
        return answer

    def fetch(self):
        for uuid, entry in self.get("manifest.json").json().items():
            if int(entry["timestamp"]) > self._stored.get(uuid, 0):
                event = MISPEvent()
                event.load(self.get(f"{uuid}.json").json())
                self._take(event)

    def _take(self, event):
        at = int(event.timestamp.timestamp())
        if at <= self._stored.get(event.uuid, 0):
            return
        self._stored[event.uuid] = at
        for one in [*event.attributes, *(inner for o in event.objects for inner in o.attributes)]:
            had = self.held.get(one.uuid)
            if had is None or one.timestamp > had.timestamp:
                self.held[one.uuid] = one

    @property
    def live(self):
        return {one.value for one in self.held.values() if not one.deleted}


def test_pymisp_follows_the_feed_and_learns_of_a_withdrawal_at_once(hub):
    feed = Feed(hub)
    kept, _ = share(hub)
    gone, placed = share(hub, kind="pdq")
    feed.fetch()
    assert {kept["value"], gone["value"]} <= feed.live
    authority(hub, f"/signals/{placed['id']}/withdraw", {"reason": "mistake"})
    while gone["value"] in feed.live:  # not in the second of the last fetch, but ever
        feed.fetch()
    assert kept["value"] in feed.live


def test_hashes_lead_to_the_event_of_a_value(hub):
    body, _ = share(hub, kind="url", value="https://evil.example/a?b=c")
    name = hashlib.md5(body["value"].encode(), usedforsecurity=False).hexdigest()
    lines = dict(line.split(",") for line in Feed(hub).get("hashes.csv").text.splitlines())
    event = MISPEvent()
    event.load(Feed(hub).get(f"{lines[name]}.json").json())
    assert body["value"] in {one.value for one in event.attributes}


def test_pymisp_searches_says_what_it_met_and_sees_a_withdrawal(hub):
    body, placed = share(hub)
    client = PyMISP(hub["MISP_URL"], hub["MISP_KEY"])
    (event,) = client.search("events", value=body["value"], pythonify=True)
    assert body["value"] in {one.value for one in event.attributes}
    (one,) = client.search("attributes", value=body["value"], pythonify=True)
    for attribute in (one, None):
        said = MISPSighting()
        said.from_dict(value=body["value"], type="0", source="a proxy")
        told = client.add_sighting(said, attribute, pythonify=True)
        assert told.type == "0", told
    authority(hub, f"/signals/{placed['id']}/withdraw", {"reason": "mistake"})
    assert client.search("attributes", value=body["value"], pythonify=True) == []
    assert client.add_sighting({"value": body["value"]})["errors"][0] == 404


def posted(*attributes):
    """An event as an analyst makes one, with a PDQ hash in an object."""
    event = MISPEvent()
    event.info = "Stills of an attack"
    event.add_tag("tlp:green")
    event.add_tag('stemtide:label="incitement"')
    for kind, value in attributes:
        event.add_attribute(kind, value)
    thing = MISPObject("perceptual-hash", standalone=False, strict=False)
    thing.template_uuid, thing.template_version = "e3b6a2b0-6a0d-4a3c-9c36-5d4f8f0b7c21", "1"
    thing.add_attribute("pdq", type="text", value=secrets.token_hex(32), to_ids=False)
    event.add_object(thing)
    return event, thing.attributes[0].value


def test_pymisp_shares_an_event_adds_to_it_and_takes_back(hub):
    client = PyMISP(hub["MISP_URL"], hub["HUB_TOKEN"])
    digest, other = secrets.token_hex(32), secrets.token_hex(16)
    event, pdq = posted(("sha256", digest), ("ip-dst", "192.0.2.7"))
    told = client.add_event(event, pythonify=True)
    assert [one.value for one in told.attributes] == [digest]
    assert [one.value for one in told.objects[0].attributes] == [pdq]
    added = MISPAttribute()
    added.from_dict(type="md5", value=other)
    more = client.add_attribute(told, added, pythonify=True)
    assert more.value == other
    reader = PyMISP(hub["MISP_URL"], hub["MISP_KEY"])
    held = {one.value for one in reader.search("attributes", pythonify=True)}
    assert {digest, pdq, other} <= held
    gone = client.delete_attribute(more)
    assert gone["success"] is True
    assert reader.search("attributes", value=other, pythonify=True) == []


def test_pymisp_is_told_what_is_refused_and_by_whom(hub):
    client = PyMISP(hub["MISP_URL"], hub["HUB_TOKEN"])
    event, _ = posted(("sha256", "zz"))
    status, said = client.add_event(event)["errors"]
    assert status == 422
    assert "Attribute.0.value" in str(said)
    (mine,) = client.add_event(posted()[0], pythonify=True).objects
    refused = PyMISP(hub["MISP_URL"], hub["MISP_KEY"]).delete_attribute(mine.attributes[0])
    assert refused["errors"][0] == 403
