# SPDX-License-Identifier: Apache-2.0
"""Every page, file and endpoint still works once what it showed is erased."""

from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync

from stemtide.hub.desk.crises import blocks as room_blocks
from stemtide.hub.platform import rate_windows
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.media import writes as media
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.retention.writes import purges
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.situation.models import Lead, Message
from stemtide.hub.rooms.situation.writes import leads
from stemtide.protocol.enums import Role, Scope, SignalState
from stemtide.protocol.law.retention import RowClass
from tests import scene
from tests.hub.api.conftest import Machine
from tests.hub.api.schema import SCHEMA
from tests.hub.api.test_strangers import PART_OF
from tests.hub.desk.page_table import PARTS, TABLE
from tests.hub.desk.test_page_table import ask, browser, where
from tests.rounds import at_night, few, rounds

pytestmark = pytest.mark.django_db

FAR = timedelta(days=2000)
PEOPLE = [
    ("agency", Role.COORDINATOR),
    ("provider", Role.DUTY_OFFICER),
    ("authority", Role.DUTY_OFFICER),
]
PAGES = [name for method, name, *_ in map(str.split, TABLE.strip().splitlines()) if method == "GET"]
WITH_CONTENT = {"signal", "referral", "batch", "order", "lead", "preview", "report"}
QUICK_PAGES = [
    *(name for name in PAGES if WITH_CONTENT & set(PARTS.get(name, {}).values())),
    *("board", "referrals", "orders", "crisis", "crisis-log", "crisis-content", "leads"),
]
"""Pages of one thing with content, and the lists and rooms in which most of them stand."""

STREAM = "/api/v1/events/stream"
"""It waits for news, and only the hub's own server serves it: tests/hub/api/test_stream.py."""

ENDPOINTS = [one for one, methods in SCHEMA["paths"].items() if "get" in methods and one != STREAM]


@pytest.fixture
def erased(world, settings, tmp_path):
    """The scene, with each row of each class in it erased."""
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"
    world.party["forum"] = world.party["rival"]
    room_blocks.block_cache.clear()
    rate_windows.windows._windows.clear()
    parts = scene.assemble(world)
    for row_class, model in (
        (RowClass.SIGNAL, Signal),
        (RowClass.REFERRAL, Referral),
        (RowClass.ORDER, Order),
        (RowClass.MESSAGE, Message),
    ):
        for uid in list(model.objects.values_list("uid", flat=True)):
            assert purges.purge_again(row_class, uid, actor="operator", now=world.now)
    media.destroy_due(world.now + FAR)
    leads.erase_due_leads(world.now + FAR)
    complaints.erase_due_words(world.now + FAR)
    assert not Signal.objects.filter(state=SignalState.LIVE).exists()
    assert not Preview.objects.filter(destroyed_at=None).exists()
    assert not Lead.objects.filter(erased_at=None).exists()
    assert Complaint.objects.exclude(erased_at=None).exists()
    return parts


@pytest.mark.parametrize(("party", "role"), few((2,), of=PEOPLE))
def test_no_page_breaks_once_its_content_is_erased(world, erased, party, role):
    client = browser(world, party, role)
    pages = rounds(QUICK_PAGES, nightly=PAGES)
    answers = {name: ask(client, "GET", where(name, erased), name).status_code for name in pages}
    assert {name: code for name, code in answers.items() if code >= 500} == {}
    assert {answers[name] for name in ("board", "signal", "referrals", "orders", "crisis")} == {200}


@at_night
@pytest.mark.parametrize("party", [party for party, _ in PEOPLE])
def test_no_endpoint_breaks_once_its_content_is_erased(world, erased, party):
    _, key = parties.new_key(
        "all", party=world.party[party], scopes=list(Scope), actor="operator", now=world.now
    )
    machine, answers = Machine(key), {}
    for path in ENDPOINTS:
        for row_class in RowClass if "{row_class}" in path else [RowClass.SIGNAL]:
            rate_windows.windows._windows.clear()
            address = _address(path, erased, row_class=row_class)
            answer = machine("GET", address)
            if answer.streaming:
                async_to_sync(_read)(answer)
            answers[address] = answer.status_code
    assert answers.pop("/api/v1/private-match") == 503  # nothing is evaluated before it is asked
    assert {path: code for path, code in answers.items() if code >= 500} == {}
    assert answers[f"/api/v1/signals/{erased['signal']}"] == 200


async def _read(answer):
    """All of a file that is sent piece by piece."""
    pieces = answer.streaming_content
    return b"".join([piece async for piece in pieces] if answer.is_async else pieces)


def _address(path, parts, *, row_class):
    """The address of an endpoint in the scene; what has no part there gets an id of its own."""
    word = "retention" if "{row_class}" in path else path.split("/")[3]
    part = row_class.value if word == "retention" else PART_OF.get(word, "")
    given = {"uid": parts.get(part, str(uuid4())), "name": "provider", "version": "1"}
    return path.format(**given, row_class=row_class.value)
