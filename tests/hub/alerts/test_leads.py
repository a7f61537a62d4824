# SPDX-License-Identifier: Apache-2.0
"""The alert of a lead to a threat to life: urgent, to its addressee, and silent about its words."""

from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.hub.rooms.situation.writes import leads as writes_leads
from stemtide.protocol.messages.situation import LeadIn
from tests.hub.situation.conftest import LEAD
from tests.world import NOON


def raise_all():
    while writes.raise_from_ledger(NOON):
        pass


def test_a_lead_asks_its_addressee_until_somebody_received_it_and_tells_no_word_of_it(world):
    crisis = world.warn()
    world.join(crisis, world.big_provider)
    raise_all()
    body = LeadIn(**LEAD | {"crisis": crisis.id, "country": "BE"})
    by = world.actor(world.big_provider, role="duty_officer")
    lead = writes_leads.report_lead(body, by=by, now=NOON)
    raise_all()
    (row,) = Alert.objects.filter(kind="lead")
    assert (row.party.name, row.urgency, row.crisis) == ("be-crisis-centre", "now", None)
    assert set(row.parameters) == {"by", "party"}
    by = world.actor(world.authority, role="duty_officer")
    writes_leads.receive_lead(lead.id, by=by, now=NOON)
    raise_all()
    row.refresh_from_db()
    assert row.state == "overtaken"
