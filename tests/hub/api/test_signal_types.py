# SPDX-License-Identifier: Apache-2.0
"""The hub takes signals of installed types of other packages, and carries them to agents."""

import json

from stemtide.agent.store.rows import signal_row
from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.signals.models import LongValue, Signal
from stemtide.matching.library import IndexedSignal, Library
from stemtide.protocol.sync.feed import FeedSignal
from tests.hub.api.conftest import signal
from tests.signal_types import MISSING, folder, install, queries, value_of

__all__ = ["folder"]  # a fixture

BULK = "/api/v1/signals/bulk"


def external(packed):
    return signal(packed.hex(), kind="external", quality=None, within_bits=None)


def test_a_signal_travels_from_the_hub_to_a_match(machine, world, folder):
    install(folder)
    found = installed_types()["example.mean"]
    (vector,) = found.vectors
    body = external(value_of(found, vector.near[0]))
    shared = machine(world.authority)("POST", "/api/v1/signals", body)
    assert shared.status_code == 201
    page = machine(world.big_provider)("GET", "/api/v1/feed").json()
    (entry,) = page["entries"]
    row = signal_row(FeedSignal.model_validate(entry), json.dumps(entry))
    library = Library()
    library.put([IndexedSignal(7, Kind(row.kind), row.value)])
    (match,) = library.match(queries(value_of(found, vector.text)))
    assert (match.key, match.kind) == (7, Kind.EXTERNAL)


def test_a_signal_of_a_type_that_is_not_installed_is_refused_with_the_remedy(machine, world):
    answer = machine(world.authority)("POST", "/api/v1/signals", external(MISSING))
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "value")
    assert "vendor.missing, whose package is not installed here" in error["message"]
    assert (Signal.objects.count(), LongValue.objects.count()) == (0, 0)


def test_a_value_that_its_type_does_not_take_is_refused(machine, world, folder):
    install(folder)
    body = {"signals": [external(b"example.mean\0" + bytes(47))]}
    answer = machine(world.authority)("POST", f"{BULK}?partial=1", body)
    assert "is no example.mean value" in answer.json()["errors"][0]["message"]
    assert not Signal.objects.exists()


def test_a_value_that_names_no_type_is_refused(machine, world):
    answer = machine(world.authority)("POST", "/api/v1/signals", external(b"nothing"))
    assert answer.status_code == 422
    assert "name of its type" in json.dumps(answer.json())
