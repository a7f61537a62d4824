# SPDX-License-Identifier: Apache-2.0
"""After a restore a new log begins, which names what is lost, and a second person confirms it."""

from datetime import timedelta

import pytest
from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.transparency.models import Head, Leaf, Log, Node
from stemtide.hub.rooms.transparency.reads import log as reads, restarts
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.writes import leaves, restarts as writes
from stemtide.protocol.enums import Role
from stemtide.protocol.tlog.notes import read_checkpoint
from stemtide.protocol.tlog.statements import Statement, folder_of
from tests.hub.rooms.test_transparency import lift_guards
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value

pytestmark = pytest.mark.django_db

RESTORED = NOON + timedelta(hours=3)


def head():
    """The newest head, as somebody else keeps it."""
    note = reads.head(now=RESTORED, is_member=True).note
    return read_checkpoint(note, trusted=reads.log_keys())


def restart(*, last=None, now=RESTORED):
    return leaves.restart(last=last, backup="stemtide-backup-1", actor="operator", now=now)


@pytest.fixture
def lost(world):
    """A head of a log that goes back to before: as a restore does. It has three more leaves."""
    world.share(value=hex_value(1))
    leaves.follow_ledger(NOON)
    with transaction.atomic():
        for number in range(2, 5):
            world.share(value=hex_value(number))
        leaves.follow_ledger(NOON)
        newest = head()
        transaction.set_rollback(True)
    return newest


def coordinator(party, *, ref="person:91", role=Role.COORDINATOR):
    return Actor(party=party, ref=ref, role=role)


def test_the_log_after_a_restore_has_another_name_and_says_what_is_lost(world, lost):
    before, entries = head(), ledger_reads.heads().entries
    statement = restart(last=lost)

    assert statement.origin == f"{before.origin}/20261124T150000Z"
    assert (statement.overlap, statement.last) == (before.size, lost)
    assert statement.lost == f"entries {entries + 1} to {entries + 3} and any later ones"
    first = Entry.objects.get(number=entries + 1)
    assert (first.kind, first.actor, first.subject) == ("log.restarted", "operator", "log")
    assert first.detail["last"] == lost.text.split()

    world.share(value=hex_value(9))
    leaves.follow_ledger(RESTORED)
    assert head().origin == statement.origin
    assert Statement.read(bytes(Leaf.objects.get(number=0).data)) == statement
    assert verify(outside_heads=[before, lost]).flaws == []


@at_night
@pytest.mark.usefixtures("lost")
def test_a_restart_of_a_long_log_makes_its_inner_hashes_anew():
    with transaction.atomic():
        for _ in range(600):
            ledger.append("thing.done", actor="operator", subject="thing:1", now=NOON)
    leaves.follow_ledger(NOON)
    before, nodes = head(), set(Node.objects.values_list("level", "place", "hash"))
    restart()
    leaves.follow_ledger(RESTORED)
    after = set(Node.objects.values_list("level", "place", "hash"))
    assert len(nodes) == len(nodes & after) + 1  # that over leaf 0 is another
    assert verify(outside_heads=[before]).flaws == []


def test_a_head_that_is_newer_than_the_restore_says_is_a_flaw(lost):
    before = head()
    restart()
    assert reads.head(now=RESTORED, is_member=True).size == before.size
    (flaw,) = verify(outside_heads=[lost]).flaws
    assert flaw.kind == "head-changed"
    assert f"knew of {before.size} only: more is lost than it says" in flaw.text


@at_night
def test_the_later_of_two_heads_is_the_last_known_one(world, lost):
    older = head()
    world.share(value=hex_value(9))
    leaves.follow_ledger(NOON)
    newest = head()
    assert restart(last=older).last == newest
    assert lost


@pytest.mark.usefixtures("lost")
def test_two_restores_of_one_backup_never_continue_each_other():
    with transaction.atomic():
        first = restart()
        leaves.follow_ledger(RESTORED)
        of_first = head()
        transaction.set_rollback(True)
    again = restart(now=RESTORED + timedelta(hours=1))
    assert again.origin != first.origin
    (flaw,) = verify(outside_heads=[of_first]).flaws
    assert "and a head is of" in flaw.text


def test_a_restore_of_a_backup_without_a_log_begins_one_with_a_name_of_its_own(world, lost):
    for model in (Leaf, Node, Head, Log):
        model.objects.all().delete()
    statement = restart(last=lost)
    while leaves.follow_ledger(RESTORED):
        pass
    assert (statement.overlap, statement.before) == (0, None)
    assert folder_of(head().origin) == "20261124T150000Z/"
    assert verify(outside_heads=[lost]).flaws == []
    assert world


@pytest.mark.usefixtures("lost")
def test_a_statement_that_is_rewritten_is_named():
    restart()
    lift_guards()
    leaf = Leaf.objects.get(number=0)
    leaf.data = bytes(leaf.data).replace(b"overlap ", b"overlap 1")
    leaf.save()
    kinds = {flaw.kind for flaw in verify().flaws}
    assert "head-changed" in kinds


@on_sqlite
@pytest.mark.usefixtures("lost")
def test_strangers_read_no_head_of_the_log_before(settings):
    restart()
    settings.LOG_LAG_HOURS = 0
    note = reads.head(now=RESTORED, is_member=False).note
    assert note.splitlines()[0].endswith("/20261124T150000Z")
    settings.LOG_LAG_HOURS = 1
    with pytest.raises(NotFoundError, match="no signed head to show yet"):
        reads.head(now=RESTORED, is_member=False)


# The second person


@on_sqlite
def test_a_coordinator_who_did_not_restore_confirms_once(world, lost):
    origin = restart(last=lost).origin
    assert [row.state for row in restarts.restarts()] == ["not confirmed yet"]
    for by in (
        coordinator(world.agency, role=Role.DUTY_OFFICER),
        coordinator(world.authority),
        coordinator(world.agency, ref="operator"),
    ):
        with pytest.raises(NotAllowedError):
            writes.confirm(origin, by=by, now=RESTORED)
    with pytest.raises(NotFoundError):
        writes.confirm("stemtide/other", by=coordinator(world.agency), now=RESTORED)
    writes.confirm(origin, by=coordinator(world.agency), now=RESTORED)
    assert restarts.restarts()[0].state == "confirmed 2026-11-24T15:00Z"
    assert (world.last_entry().kind, world.last_entry().subject) == ("log.confirmed", "log")
    with pytest.raises(ConflictError):
        writes.confirm(origin, by=coordinator(world.agency, ref="person:92"), now=RESTORED)


def test_an_account_that_the_operator_may_use_does_not_count_as_the_second_person(world, lost):
    origin = restart(last=lost).origin
    person = world.person(world.agency, role=Role.COORDINATOR)
    Person.objects.filter(pk=person.pk).update(controllers="operator")
    by = coordinator(world.agency, ref=person.ref)
    with pytest.raises(NotAllowedError, match="needs a second person"):
        writes.confirm(origin, by=by, now=RESTORED)


def test_the_hub_says_to_everybody_whether_its_restore_is_confirmed(world, lost, client):
    assert client.get("/log/restores").content == b""
    origin = restart(last=lost).origin
    assert client.get("/log/restores").content.decode() == f"{origin} not confirmed yet\n"
    writes.confirm(origin, by=coordinator(world.agency), now=RESTORED)
    assert client.get("/log/restores").content.decode().startswith(f"{origin} confirmed 20")


def test_files_of_the_log_before_are_no_longer_served_under_their_paths(world, lost, client):
    headers = {"authorization": f"Bearer {world.key(world.authority)}"}
    assert client.get("/log/tile/entries/000.p/1", headers=headers).status_code == 200
    folder = folder_of(restart(last=lost).origin)
    refused = client.get("/log/tile/entries/000.p/1", headers=headers)
    assert (refused.status_code, f"/log/{folder}" in refused.json()["detail"]) == (404, True)
    for path in (f"/log/{folder}tile/entries/000.p/1", f"/log/{folder}checkpoint"):
        assert client.get(path, headers=headers).status_code == 200
    newest = client.get("/log/checkpoint", headers=headers).content.decode()
    assert newest.splitlines()[0].endswith(folder.rstrip("/"))
    assert client.get("/log/20200101T000000Z/checkpoint", headers=headers).status_code == 404
