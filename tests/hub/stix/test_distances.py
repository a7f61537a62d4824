# SPDX-License-Identifier: Apache-2.0
"""No indicator widens what a signal matches, whenever it was posted."""

from importlib import import_module

from django.apps import apps
from django.db import connection

from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.interop.stix.objects import EXTENSION
from tests.hub.stix.conftest import indicator

FACTS = {"extension_type": "property-extension", "within_bits": 30}


def test_a_posted_indicator_cannot_widen_its_match(shelf):
    wide = {EXTENSION: FACTS | {"within_bits": 32}}
    (failure,) = shelf.post(indicator(extensions=wide))["failures"]
    assert failure["message"] == "within_bits: Input should be less than or equal to 31"


def test_an_indicator_without_our_extension_does_not_stop_the_migration(shelf):
    shelf.post(indicator(x_tool={"within_bits": 64}))
    before = StixObject.objects.get(type="indicator").body
    import_module("stemtide.hub.rooms.stix.migrations.0004_distances").limit(
        apps, connection.schema_editor()
    )
    assert StixObject.objects.get(type="indicator").body == before


def test_distances_of_an_older_hub_are_limited_wherever_they_are_told(shelf):
    shelf.post(indicator(extensions={EXTENSION: FACTS}))
    Signal.objects.update(within_bits=64)
    posted = StixObject.objects.get(type="indicator")
    posted.body = posted.body.replace('"within_bits":30', '"within_bits":64')
    posted.save()
    for room in ("signals.migrations.0009_distances", "stix.migrations.0004_distances"):
        import_module(f"stemtide.hub.rooms.{room}").limit(apps, connection.schema_editor())
    assert Signal.objects.get().within_bits == 31
    (told,) = shelf.indicators()
    assert told["extensions"][EXTENSION] == FACTS | {"within_bits": 31}
