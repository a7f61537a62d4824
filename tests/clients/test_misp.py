# SPDX-License-Identifier: Apache-2.0
"""PyMISP, unchanged, reads the feed of a real hub as MISP does."""

import hashlib
import secrets

import httpx
import pytest
from pymisp import MISPEvent, MISPSighting, PyMISP

pytestmark = pytest.mark.flow


def authority(hub, path, body):
    """What an authority does at the hub's own API."""
    headers = {"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    answer = httpx.post(f"{hub['HUB_URL']}/api/v1{path}", json=body, headers=headers)
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
        answer = httpx.get(f"{self._base}/{name}", headers=self._headers)
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
