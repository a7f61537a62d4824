# SPDX-License-Identifier: Apache-2.0
"""The page of the ledger: filters, what is withheld, who read what, and exports."""

import csv
import io
import json
import warnings
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import history
from stemtide.hub.rooms.ledger.reads.history import LedgerFilter
from stemtide.hub.rooms.ledger.rules.ledger import READ_KINDS, stays_in_its_room
from stemtide.hub.rooms.ledger.writes.reading import note_read
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.situation.writes import leads, reading
from stemtide.protocol.enums import Role, Scope
from stemtide.protocol.messages.situation import LeadIn
from tests.rounds import at_night

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(world):
    return world.desk("authority", Role.DATA_PROTECTION_OFFICER)


def share(world, number, **facts):
    return world.share(kind="sha256", value=f"{number:02x}" * 32, **facts)


def text(answer):
    return answer.content.decode()


def numbers(page):
    return [shown["row"].number for shown in page.context["rows"]]


def kinds(page):
    return {shown["row"].kind for shown in page.context["rows"]}


def file_of(desk, **sent):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a test reads the stream without an event loop
        return b"".join(desk.post("/ledger/export", sent)).decode()


def report_lead(world):
    body = LeadIn(
        level="high_specific",
        bases=("voluntary",),
        country="BE",
        facts="Somebody announces an attack on the market at six.",
        reasons="He shows a rifle.",
        callback="+32 2 555 0199",
    )
    return leads.report_lead(body, by=world.actor("authority"), now=world.now).id


def test_the_page_has_what_ones_party_did_with_the_newest_first(world, officer):
    world.share()
    share(world, 9, by="rival")
    page = officer.get("/ledger")
    rows = [shown["row"] for shown in page.context["rows"]]
    assert {row.actor for row in rows} == {world.party["authority"].ref}
    assert numbers(page) == sorted(numbers(page), reverse=True)
    assert "signal.shared" in text(page)


def test_what_others_did_has_its_number_and_no_name(world, officer):
    share(world, 9, by="rival")
    page = officer.get("/ledger?whose=all&kind=signal.shared")
    (shown,) = page.context["rows"]
    assert (shown["row"].actor, shown["row"].subject, shown["facts"]) == (
        "withheld",
        "withheld",
        "",
    )


def test_no_filter_answers_what_the_list_withholds(world, officer):
    uid = share(world, 9, by="rival")
    rival = world.party["rival"]
    for query in (f"subject=signal:{uid}", f"party={rival.name}&kind=signal"):
        assert numbers(officer.get(f"/ledger?whose=all&{query}")) == []
    through = Entry.objects.get(kind="signal.shared").detail.get("through", "key:none")
    chosen = LedgerFilter(is_own=False, person=through)
    assert history.page(chosen, viewer=world.party["authority"]) == []


@at_night
def test_filters_narrow_and_pages_go_on(world, officer, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    for number in range(5):
        share(world, number + 1)
    first = history.page(LedgerFilter(kind="signal"), viewer=world.party["authority"], limit=2)
    rest = history.page(
        LedgerFilter(kind="signal"), viewer=world.party["authority"], before=first[-1].number
    )
    assert len(first) == 2
    assert len(rest) == 3
    tomorrow = (world.now + timedelta(days=2)).date().isoformat()
    assert numbers(officer.get(f"/ledger?since={tomorrow}")) == []
    assert kinds(officer.get("/ledger?kind=signal.shared")) == {"signal.shared"}


@at_night
@pytest.mark.parametrize("role", [role.value for role in Role])
def test_roles_that_see_people_open_the_ledger(world, role):
    desk = world.desk("authority", Role(role))
    allowed = role in {"data_protection_officer", "coordinator", "administrator"}
    assert desk.get("/ledger").status_code == (200 if allowed else 403)
    assert desk.post("/ledger/export", {"as": "csv"}).status_code == (200 if allowed else 403)


def test_a_lead_that_is_read_is_an_entry_once_an_hour_for_each_person(world, officer):
    uid = report_lead(world)
    duty = world.desk("authority", Role.DUTY_OFFICER)
    for _ in range(3):
        assert duty.get(f"/leads/{uid}").status_code == 200
    (entry,) = Entry.objects.filter(kind="lead.read", subject=f"lead:{uid}")
    person = entry.detail["through"]
    world.desk("authority", Role.ANALYST).get(f"/leads/{uid}")
    assert Entry.objects.filter(kind="lead.read", subject=f"lead:{uid}").count() == 2
    page = officer.get(f"/ledger?reads=on&person={person}")
    assert kinds(page) == {"lead.read"}
    page = officer.get(f"/ledger?reads=on&subject=lead:{uid}&whose=all")
    assert len(numbers(page)) == 2


def test_after_an_hour_reading_is_noted_again(world):
    by = world.actor("authority")
    for minutes in (0, 59, 61):
        now = world.now + timedelta(minutes=minutes)
        note_read("lead.read", by=by, subject="lead:1", now=now)
    assert Entry.objects.filter(kind="lead.read").count() == 2


def test_an_export_has_all_entries_in_order_and_is_one_itself(world, officer):
    for number in range(3):
        share(world, number + 1)
    lines = [json.loads(line) for line in file_of(officer, **{"as": "jsonl"}).splitlines()]
    own = Entry.objects.filter(actor=world.party["authority"].ref).order_by("number")
    assert [line["number"] for line in lines] == list(own.values_list("number", flat=True))
    assert lines[-1]["kind"] == "ledger.exported"
    rows = list(csv.DictReader(io.StringIO(file_of(officer, **{"as": "csv", "kind": "signal"}))))
    assert {row["kind"] for row in rows} == {"signal.shared"}
    assert "position" in json.loads(rows[0]["detail"])


@at_night
def test_an_export_by_another_filter_is_another_entry(world, officer):
    share(world, 1)
    for sent in ({"kind": "signal"}, {"kind": "signal"}, {"kind": "lead"}):
        file_of(officer, **sent)
    entries = Entry.objects.filter(kind="ledger.exported")
    assert len({entry.detail["filter"] for entry in entries}) == entries.count() == 2


def test_an_export_by_an_invalid_filter_exports_nothing(world, officer):
    share(world, 1)
    refused = officer.post("/ledger/export", {"as": "csv", "since": "soon"})
    assert refused.status_code == 422
    assert "Enter a valid date" in refused.content.decode()
    assert not Entry.objects.filter(kind="ledger.exported").exists()


def test_a_lead_is_shown_while_its_entry_cannot_be_written(world, monkeypatch):
    uid = report_lead(world)
    duty = world.desk("authority", Role.DUTY_OFFICER)

    def read_only(*_args, **_named):
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(reading, "note_read", read_only)
    page = duty.get(f"/leads/{uid}")
    assert (page.status_code, "on the market" in page.content.decode()) == (200, True)


def test_who_reads_something_makes_no_room_render_again():
    assert all(stays_in_its_room(kind) for kind in READ_KINDS if kind.endswith(".read"))
    assert not stays_in_its_room("crisis.activated")


def test_a_stream_holds_one_part_at_a_time(world, monkeypatch):
    for number in range(5):
        share(world, number + 1)
    monkeypatch.setattr(history, "AT_ONCE", 2)
    viewer = world.party["authority"]
    chosen = LedgerFilter(kind="signal")
    parts = list(history.stream(chosen, viewer=viewer, until_number=10**6))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert list(history.stream(chosen, viewer=viewer, until_number=0)) == []


@at_night
def test_a_search_that_finds_a_lead_is_an_entry_without_its_words(world):
    uid = report_lead(world)
    desk = world.desk("authority", Role.DUTY_OFFICER)
    desk.get(f"/search?q={uid}")
    entry = Entry.objects.get(kind="people.searched")
    assert entry.detail["groups"] == ["leads"]
    assert str(uid) not in repr(entry.detail)


@at_night
def test_a_program_that_reads_leads_and_exports_is_an_entry_too(world):
    uid = report_lead(world)
    key = parties.new_key(
        "reader",
        party=world.party["authority"],
        scopes=list(Scope),
        actor="operator",
        now=world.now,
    )[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})
    for path in ("leads", f"leads/{uid}", f"search?q={uid}", "signals/export", "complaints"):
        assert client.get(f"/api/v1/{path}").status_code in {200, 403}, path
    kinds = Entry.objects.filter(kind__in=READ_KINDS).values_list("kind", flat=True)
    assert {"lead.read", "people.searched", "signals.exported"} <= set(kinds)
    subjects = Entry.objects.filter(kind="lead.read").values_list("subject", flat=True)
    assert set(subjects) == {f"lead:{uid}", f"leads:{world.party['authority'].name}"}


def test_the_kinds_of_reading_have_sentences():
    from stemtide.hub.desk.ledger_sentences import ENTRY_PHRASES

    assert set(READ_KINDS) <= set(ENTRY_PHRASES)
