# SPDX-License-Identifier: Apache-2.0
"""The limit of requests that people set at the desk holds for answers from memory, too."""

import pytest

from stemtide.hub.rooms.ledger.models import HubSetting
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.wire import admission
from stemtide.hub.wire.memory import Memory

pytestmark = pytest.mark.django_db


def test_a_limit_that_another_process_changed_is_counted_with(world, settings):
    settings.RATES = {"reading": 6000}
    caller = Caller(party=world.small_provider, key="of-a-test", scopes=frozenset())
    admitted = admission.Admitted(caller, "token", {})
    assert "q=6000" in admission.count(admitted, "reading")["RateLimit-Policy"]

    hub_settings.value("rate_reading")
    HubSetting.objects.create(name="rate_reading", value=1500)
    Memory().refresh()

    assert "q=1500" in admission.count(admitted, "reading")["RateLimit-Policy"]
