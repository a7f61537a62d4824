# SPDX-License-Identifier: Apache-2.0
"""What is erased does not lie about in the database's file."""

from pathlib import Path

import pytest
from django.db import connection

from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.writes import leads as writes
from stemtide.protocol.messages.situation import LeadIn
from tests.hub.situation.conftest import LEAD
from tests.world import NOON

WORDS = "Somebody whose words are gone after their date. " * 40


@pytest.mark.django_db(transaction=True)
def test_the_words_of_an_erased_lead_are_overwritten_in_the_file(committed_world):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL keeps old rows until it vacuums them: docs/run/hub.md")
    provider = committed_world.actor(committed_world.big_provider, role="analyst")
    writes.report_lead(LeadIn(**(LEAD | {"facts": WORDS})), by=provider, now=NOON)
    path = Path(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    encrypted = Lead.objects.get().facts.encode()
    assert encrypted[:60] in path.read_bytes()
    assert WORDS[:40].encode() not in path.read_bytes()

    writes.erase_due_leads(Lead.objects.get().erase_due)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert encrypted[:60] not in path.read_bytes()
