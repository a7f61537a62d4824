# SPDX-License-Identifier: Apache-2.0
"""The library that HMA fetches with, unchanged, while others write."""

import hashlib
import secrets
import threading

import httpx
import pytest
from threatexchange.exchanges.clients.stopncii.api import (
    StopNCIIAPI,
    StopNCIICaseStatus,
    StopNCIICSPFeedback as Feedback,
    StopNCIICSPFeedbackValue as Says,
    StopNCIIEndpoint as Endpoint,
    StopNCIISignalType as Type,
)

from stemtide.interop.stopncii import canary
from tests.rounds import rounds

pytestmark = pytest.mark.flow
SIZES = rounds((3,), nightly=tuple(range(1, 8)))
"""Pages of how many records are followed."""

ALL = 500
WRITTEN = rounds(30, nightly=90)
"""How many hashes are shared meanwhile."""


def value_of(number):
    return hashlib.sha256(f"written {number}".encode()).hexdigest()


class Writer(threading.Thread):
    """An authority that shares a hash a time and takes every third back, until it has enough."""

    def __init__(self, hub):
        super().__init__()
        self.values = [secrets.token_hex(32) for _ in range(WRITTEN)]
        self._hub = hub
        self.live = set()
        self.trouble = None

    def run(self):
        base = f"{self._hub['HUB_URL']}/api/v1"
        headers = {"Authorization": f"Bearer {self._hub['HUB_TOKEN']}"}
        try:
            with httpx.Client(base_url=base, headers=headers, timeout=60) as http:
                for number, value in enumerate(self.values):
                    self._write(http, number, value)
        except httpx.HTTPError as error:
            self.trouble = error

    def _write(self, http, number, value):
        body = {"kind": "pdq", "value": value, "severity": "high"}
        answer = http.post("/signals", json=body | {"labels": ["livestream"]})
        answer.raise_for_status()
        self.live.add(value)
        if number % 3 == 0:
            uid = answer.json()["id"]
            http.post(f"/signals/{uid}/withdraw", json={"reason": "mistake"}).raise_for_status()
            self.live.remove(value)


def test_the_library_ends_with_what_is_live_however_it_pages(hub):
    fetch, subscription, address = hub["STOPNCII_KEYS"].split(",")
    client = StopNCIIAPI(subscription, fetch, base_url_override=address)
    held = {size: {} for size in SIZES}
    starts = dict.fromkeys([*held, ALL], client.DEFAULT_START_TIME)

    def follow(size):
        """One run of pages, as HMA makes them: only the time is kept between two runs."""
        start, token, more = starts[size], "", True
        while more:
            page = client.fetch_hashes(page_size=size, start_timestamp=start, next_page=token)
            assert page.nextSetTimestamp >= starts[size]
            starts[size] = page.nextSetTimestamp
            held.setdefault(size, {}).update(
                {record.hashValue: record.hashStatus for record in page.hashRecords}
            )
            token, more = page.nextPageToken or "", page.hasMoreRecords

    follow(ALL)
    assert set(canary.HASHES) <= held.pop(ALL).keys()
    starts = dict.fromkeys(held, starts[ALL])  # other tests shared what lies before
    writer = Writer(hub)
    writer.start()
    while writer.is_alive():
        for size in held:
            follow(size)
    writer.join()
    assert writer.trouble is None
    for size, records in held.items():
        follow(size)
        active = {one for one, status in records.items() if status is StopNCIICaseStatus.Active}
        assert active & set(writer.values) == writer.live, size


@pytest.mark.nightly
def test_the_library_submits_a_text_beside_a_picture(hub):
    _, subscription, address = hub["STOPNCII_KEYS"].split(",")
    key = {Endpoint.SubmitHashes: hub["STOPNCII_SUBMIT_KEY"]}
    client = StopNCIIAPI(subscription, "unused", key, base_url_override=address)
    sent = {(Type.Text, "words"): Feedback(Says.Blocked)}
    client.submit_hashes(sent | {(Type.ImagePDQ, value_of(1000)): Feedback(Says.Blocked)})
    feed = httpx.get(
        f"{hub['HUB_URL']}/api/v1/feed", headers={"Authorization": f"Bearer {hub['HUB_TOKEN']}"}
    ).json()
    assert value_of(1000) in {one.get("value") for one in feed["entries"]}
