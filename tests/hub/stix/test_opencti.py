# SPDX-License-Identifier: Apache-2.0
"""Indicators and observables in OpenCTI's shape, posted to the hub and pulled by it."""

import pytest

from stemtide.hub.rooms.signals.models import Signal
from tests.hub.stix.conftest import indicator
from tests.world import hex_value

_EXTENSION = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"


def opencti(number=1, **more):
    """An indicator with the properties that OpenCTI adds."""
    facts = {
        "extension_type": "property-extension",
        "id": "0f8b2b51-9d7c-4f3a-8f41-2a5d9f0a6a11",
        "type": "Indicator",
        "created_at": "2026-11-24T11:00:00.000Z",
        "updated_at": "2026-11-24T11:00:00.000Z",
        "is_inferred": False,
        "detection": False,
        "score": 80,
        "main_observable_type": "StixFile",
    }
    plain = {
        "name": f"{number}.mp4",
        "description": "",
        "lang": "en",
        "revoked": False,
        "confidence": 75,
        "pattern": f"[file:hashes.'SHA-256' = '{hex_value(number)}']",
        "extensions": {_EXTENSION: facts},
        "object_marking_refs": ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],
        "x_opencti_score": 80,
        "x_opencti_detection": False,
    }
    return indicator(**(plain | more))


def observable():
    return {
        "type": "file",
        "spec_version": "2.1",
        "id": "file--2f5e3b0a-7f0d-5d1c-9a63-1c9d9f0b7a22",
        "hashes": {"SHA-256": hex_value(2)},
        "name": "2.mp4",
        "x_opencti_score": 80,
    }


def test_an_indicator_of_opencti_is_a_signal_with_its_tlp_and_confidence(shelf):
    sent = opencti()
    status = shelf.post(sent)
    assert (status["success_count"], status["failure_count"]) == (1, 0)
    row = Signal.objects.get()
    assert (row.kind, row.value, row.tlp, row.confidence) == ("sha256", hex_value(), "green", 75)
    (told,) = shelf.indicators()
    assert told["extensions"] == sent["extensions"]


def test_an_observable_of_opencti_is_kept_and_compared_with_nothing(shelf):
    status = shelf.post(observable())
    assert (status["success_count"], status["failure_count"]) == (1, 0)
    assert not Signal.objects.exists()


@pytest.mark.parametrize("pattern", ["[file:name = 'a.mp4']", "rule a { condition: true }"])
def test_an_indicator_that_is_no_signal_fails_nothing_beside_it(shelf, pattern):
    kind = "stix" if pattern.startswith("[") else "yara"
    status = shelf.post(opencti(3, pattern=pattern, pattern_type=kind), opencti())
    assert status["failure_count"] == 0
    assert Signal.objects.count() == 1


def test_a_bad_object_of_a_bundle_is_a_failure_named_by_its_id(shelf):
    bad = opencti(4, confidence=700)
    status = shelf.post(bad, opencti())
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    assert status["failures"][0]["id"] == bad["id"]
