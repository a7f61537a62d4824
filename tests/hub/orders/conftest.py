# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.hub.rooms.ledger.models import Entry
from tests.hub.orders import cast


@pytest.fixture
def orders(world):
    """The cast with its competences, and a provider that was informed the day before."""
    cast.name_competent(world)
    cast.inform(world)
    world.entries_before = Entry.objects.count()
    return world
