# SPDX-License-Identifier: Apache-2.0
"""A party has one bulk under way at a time, at every door that writes many."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connections

from stemtide.hub.rooms.signals.writes.bulks import one_bulk
from tests.hub.api.conftest import signal
from tests.rounds import some_of
from tests.world import hex_value

BULK = "/api/v1/signals/bulk"


def rows(count):
    return [signal(hex_value(number)) for number in range(count)]


@contextmanager
def another_bulk_of(party):
    """A bulk of a party that is under way in another thread."""
    begun, over = threading.Event(), threading.Event()

    def hold():
        try:
            with one_bulk(party):
                begun.set()
                over.wait(timeout=300)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert begun.wait(timeout=300)
        try:
            yield
        finally:
            over.set()
        held.result(timeout=300)


@pytest.mark.parametrize("partial", some_of(1, ["", "?partial=1"]))
def test_a_second_bulk_of_a_party_is_told_when_to_come_again(machine, world, partial):
    with another_bulk_of(world.authority):
        refused = machine(world.authority)("POST", f"{BULK}{partial}", {"signals": rows(2)})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert refused.json()["type"] == "/problems/too-many"
        assert "another bulk" in refused.json()["detail"]
        single = machine(world.authority)("POST", "/api/v1/signals", rows(1)[0])
        dry = machine(world.authority)("POST", f"{BULK}?dry_run=1", {"signals": rows(2)})
        others = machine(world.agency)("POST", BULK, {"signals": rows(2)})
    assert [one.status_code for one in (single, dry, others)] == [201, 200, 201]
    again = machine(world.authority)("POST", BULK, {"signals": rows(2)})
    assert (again.status_code, again.json()["created"]) == (201, 1)


TAXII = "application/taxii+json;version=2.1"


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    some_of(
        1,
        [
            ("/misp/events/add", "application/json", {"Event": {"info": "FILLING"}}),
            ("/stopncii/v1/SubmitHashes", "application/json", {"hashRecords": [{"x": "FILLING"}]}),
            ("/taxii2/hub/collections/COLLECTION/objects/", TAXII, {"objects": [{"x": "FILLING"}]}),
        ],
    ),
)
def test_a_large_body_of_another_protocol_is_a_bulk_too(machine, world, path, media_type, body):
    key = world.key(world.authority)
    headers = {"Accept": media_type, "Authorization": f"Bearer {key}", "x-functions-key": key}
    headers["Ocp-Apim-Subscription-Key"] = key
    found = machine(world.authority)("GET", "/taxii2/hub/collections/", headers={"Accept": TAXII})
    path = path.replace("COLLECTION", found.json()["collections"][0]["id"])

    def send(filling):
        sent = json.dumps(body).replace("FILLING", filling).encode()
        return machine(None)("POST", path, sent, content_type=media_type, headers=headers)

    with another_bulk_of(world.authority):
        small, large = send("x"), send("x" * 300_000)
    assert small.status_code in {202, 422}, small.content
    assert (large.status_code, large.headers["Retry-After"]) == (429, "2")
