# SPDX-License-Identifier: Apache-2.0
"""Acts that alert people, at the desk and by machines together: one count, one sentence."""

import pytest

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.ledger.rules.rate_limits import LimitGroup
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Role, Scope
from tests.hub.api.conftest import Machine
from tests.rounds import at_night

WARNING = {
    "name": "Attack at the harbour",
    "happened_at": "2020-01-01T10:00:00Z",
    "countries": ["BE"],
}
FORM = {
    "warning-name": "Attack",
    "warning-happened_at": "2020-01-01T10:00",
    "warning-countries": "BE",
    "warning-framework": "eucp-2023",
}


@pytest.fixture(autouse=True)
def few(settings):
    settings.ALERTING_ACTS = {LimitGroup.WARNING: 4, LimitGroup.LEAD: 4, LimitGroup.HOLD: 4}


@pytest.fixture
def machine(world):
    facts = {"party": world.party["authority"], "scopes": list(Scope), "actor": "operator"}
    return Machine(parties.new_key("k", **facts, now=world.now)[1])


def warn_four_times(desk, machine):
    """Three by key, one by hand, which are all that there are."""
    for _ in range(3):
        assert machine("POST", "/api/v1/crises", WARNING).status_code == 201
    refused = machine("POST", "/api/v1/crises", WARNING)
    assert refused.status_code == 429
    assert desk.post("/crises/new", FORM).status_code == 302
    return refused


def test_what_keys_and_people_send_is_counted_together(world, machine):
    refused = warn_four_times(world.desk("authority", Role.DUTY_OFFICER), machine)
    assert refused.json()["type"] == "/problems/too-many"
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert int(refused.headers["Retry-After"]) == refused.json()["retry_after_s"]
    assert "do at the desk" in refused.json()["detail"]


@at_night
def test_the_page_says_so_before_somebody_writes_and_the_form_keeps_what_was_written(
    world, machine
):
    desk = world.desk("authority", Role.DUTY_OFFICER)
    warn_four_times(desk, machine)
    page, form = desk.get("/crises/new"), desk.post("/crises/new", FORM)
    assert (page.status_code, form.status_code) == (429, 422)
    assert int(page.headers["Retry-After"]) > 3500
    for said in (page.content.decode(), form.content.decode()):
        assert "your party may send 4 an hour" in said
    assert 'value="Attack"' in form.content.decode()
    assert Crisis.objects.count() == 4


@at_night
def test_another_party_warns_meanwhile(world, machine):
    warn_four_times(world.desk("authority", Role.DUTY_OFFICER), machine)
    assert world.desk("agency", Role.DUTY_OFFICER).post("/crises/new", FORM).status_code == 302


@at_night
@pytest.mark.parametrize("language", ["nl", "fr", "de"])
def test_the_sentence_is_in_the_reader_s_language(world, machine, language):
    desk = world.desk("authority", Role.DUTY_OFFICER)
    warn_four_times(desk, machine)
    said = desk.get("/crises/new", headers={"Accept-Language": language}).content.decode()
    assert "your party may send" not in said
    assert "UTC" in said
