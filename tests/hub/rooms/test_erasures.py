# SPDX-License-Identifier: Apache-2.0
"""What was erased since a backup is erased again after its restore, from a list kept apart."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from stemtide.hub.backups import erasure_list, erasures
from stemtide.hub.backups.manifest import BackupError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.local_features import writes as local_features
from stemtide.hub.rooms.local_features.models import LocalFeatures
from stemtide.hub.rooms.media import keys as media_keys, writes as previews
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.writes import orders
from stemtide.hub.rooms.parties.models import ApiKey, Person, PersonSession
from stemtide.hub.rooms.parties.writes import parties, people, sessions
from stemtide.hub.rooms.rights import writes as rights
from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.writes import leads
from stemtide.hub.rooms.transparency.reads import openings
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.rules.leaves import entry_commitment
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.law.rights.messages import RightsAnswerIn, RightsRequestIn
from stemtide.protocol.messages.complaints import ComplaintIn
from stemtide.protocol.messages.previews import PreviewIn
from stemtide.protocol.messages.situation import LeadIn
from stemtide.protocol.sync.local_features import LocalFeaturesIn
from tests.fingerprints.pictures import photo
from tests.hub.orders import cast
from tests.hub.situation.conftest import LEAD
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, signal_in

local = pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")

pytestmark = pytest.mark.django_db

FAR = NOON + timedelta(days=800)


def send_features(world, folder):
    picture = signals.share(signal_in(value=hex_value(77)), by=world.authority, now=NOON).id
    value = local.features_of(photo("coffee.png").convert("L")).to_bytes().hex()
    local_features.send(
        picture,
        body=LocalFeaturesIn(value=value),
        by=world.actor(world.authority),
        now=NOON,
        keys=media_keys.keys_in(folder / "media.key"),
    )
    return picture


@pytest.fixture
def erased(world, tmp_path):
    """Erase one thing of each kind, write the list, and go back to before: as a restore does."""
    signal = signals.share(signal_in(crisis=world.warn().id), by=world.authority, now=NOON).id
    preview = previews.add(
        signal,
        body=PreviewIn(excerpt="Words of it.", expires_at=NOON + timedelta(days=2)),
        by=world.actor(world.authority),
        now=NOON,
        keys=media_keys.keys_in(tmp_path / "media.key"),
        most=timedelta(days=14),
    )
    picture = send_features(world, tmp_path)
    leads.report_lead(LeadIn(**LEAD), by=world.actor(world.big_provider, role="analyst"), now=NOON)
    complaint = ComplaintIn(
        reference="case-1",
        basis="signal",
        ground=signal,
        measure="blocked",
        acted_at=NOON - timedelta(hours=1),
        text="This is my own report.",
    )
    reviewer = world.actor(world.big_provider, role="duty_officer")
    complaints.file_for(complaint, by=reviewer, now=NOON)
    person = world.person(world.authority, role="analyst")
    sessions.start_session(person, door="password", browser="", now=NOON)
    world.key(world.authority)
    prefix = ApiKey.objects.filter(party=world.authority).latest("pk").prefix

    rights.note(
        RightsRequestIn(reference="DP-2026-7", right="access", received_on=NOON.date()),
        by=(officer := world.actor(world.big_provider, role="data_protection_officer")),
        now=NOON,
    )
    request = RightsRequest.objects.get().uid
    answered = RightsAnswerIn(outcome="granted", answered_on=NOON.date())
    rights.answer(request, body=answered, by=officer, now=NOON)

    cast.name_competent(world)
    cast.inform(world)
    draft = cast.draft(world)
    leaves.follow_ledger(NOON)

    path = tmp_path / erasure_list.NAME
    with transaction.atomic():
        leads.erase_due_leads(FAR)
        complaints.erase_due_words(FAR)
        rights.erase_due_references(NOON + timedelta(days=1200))
        previews.destroy(preview.id, by=world.actor(world.authority), now=NOON, on_hold=())
        local_features.remove(picture, by=world.actor(world.authority), now=NOON)
        parties.revoke_key(prefix, actor="operator", now=NOON)
        people.erase_again(person.pk, erased_at=NOON, actor="operator", now=NOON)
        orders.discard(draft.id, by=world.actor(world.authority), now=NOON, on_hold=())
        assert erasures.add_to_list(path) == 8
        transaction.set_rollback(True)
    assert Lead.objects.get().facts
    return path, person, prefix


def test_each_kind_of_erasure_is_repeated_once_and_recorded(erased):
    path, person, prefix = erased
    listed = erasure_list.read_list(path, hub=ledger_reads.heads().hub)

    assert {one.kind for one in listed} == set(erasures.KINDS)
    assert erasures.repeat(listed, actor="operator", now=NOON) == 8
    assert (Order.objects.get().annex, Order.objects.get().state) == ({}, "discarded")
    assert (Lead.objects.get().facts, Complaint.objects.get().text) == ("", "")
    assert bytes(Preview.objects.get().whole) == b""
    assert {bytes(row.value) for row in LocalFeatures.objects.all()} == {b""}
    assert ApiKey.objects.get(prefix=prefix).revoked_at == NOON
    after = Person.objects.get(pk=person.pk)
    assert (after.is_active, after.erased_at, person.email in after.email) == (False, NOON, False)
    assert not PersonSession.objects.filter(person=person).exists()
    recorded = Entry.objects.filter(kind__in=erasures.KINDS, actor="operator")
    assert set(recorded.values_list("kind", flat=True)) == set(erasures.KINDS)
    assert erasures.repeat(listed, actor="operator", now=NOON) == 0


@on_sqlite
def test_no_leaf_covers_what_is_erased(erased):
    path, person, _ = erased
    listed = erasure_list.read_list(path, hub=ledger_reads.heads().hub)
    count = ledger_reads.heads().entries
    opened = str([openings.opening(number).facts() for number in range(1, count + 1)])
    for words in (LEAD["facts"], LEAD["reasons"], "This is my own report.", person.email):
        assert words not in opened

    erasures.repeat(listed, actor="operator", now=NOON)
    leaves.follow_ledger(NOON)
    assert verify().flaws == []
    reported = Entry.objects.get(kind="lead.reported").number
    opening = openings.opening(reported)
    assert opening.salt is not None
    assert opening.leaf[:32] == entry_commitment(opening.entry, opening.salt)
    assert Lead.objects.get().salt == Complaint.objects.get().salt == ""  # of the digests there


@on_sqlite
def test_the_list_names_no_person_and_keeps_what_the_hub_no_longer_knows(erased):
    path, person, _ = erased
    before = path.read_text("utf-8")

    assert person.email not in before
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert erasures.add_to_list(path) == 8  # the hub, gone back, has none of them
    assert path.read_text("utf-8") == before


@at_night
def test_what_does_not_exist_is_passed_over(erased):
    path, _, _ = erased
    Preview.objects.all().delete()
    listed = erasure_list.read_list(path, hub=ledger_reads.heads().hub)

    assert erasures.repeat(listed, actor="operator", now=NOON) == 7


@at_night
def test_who_got_the_number_of_an_erased_person_after_a_restore_is_not_erased(erased):
    path, person, _ = erased
    listed = erasure_list.read_list(path, hub=ledger_reads.heads().hub)
    for one in listed:
        one.at = NOON - timedelta(days=9)  # before the person was added, and the features sent

    assert erasures.repeat(listed, actor="operator", now=NOON) == 6
    assert Person.objects.get(pk=person.pk).erased_at is None
    assert LocalFeatures.objects.get().value


@at_night
def test_a_line_that_names_nothing_is_refused_by_its_text(erased):
    path, _, _ = erased
    listed = erasure_list.read_list(path, hub=ledger_reads.heads().hub)
    listed[0].subject = "lead:nobody"
    listed[0].kind = "lead.erased"

    with pytest.raises(BackupError, match="lead:nobody"):
        erasures.repeat(listed, actor="operator", now=NOON)


@at_night
def test_a_list_of_another_hub_is_refused(erased):
    path, _, _ = erased
    with pytest.raises(BackupError, match="is of the hub"):
        erasure_list.read_list(path, hub=uuid4())


def test_after_a_restore_nobody_is_signed_in(world):
    person = world.person(world.authority)
    sessions.start_session(person, door="password", browser="", now=NOON)

    assert sessions.end_all_sessions(NOON) == 1
    assert PersonSession.objects.get(person=person).ended_at == NOON
