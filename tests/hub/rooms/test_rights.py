# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects: their term, who notes and answers them, and what is kept of them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stemtide.hub.backups import erasures
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.retention.models import LegalHold
from stemtide.hub.rooms.retention.reads import shown
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.hub.rooms.retention.writes import holds
from stemtide.hub.rooms.rights import reads, writes
from stemtide.hub.rooms.rights.models import RightsRequest
from stemtide.hub.scheduler import run_deadlines
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.rights import DataLaw, DataRight
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.retention.messages import LegalHoldIn
from stemtide.protocol.law.rights import answer_due, rights
from stemtide.protocol.law.rights.messages import (
    RightsAnswerIn,
    RightsExtensionIn,
    RightsRequestIn,
)
from tests.rounds import at_night
from tests.world import NOON

TODAY = NOON.date()
OFFICER = "data_protection_officer"


def note(world, party=None, *, role=OFFICER, **facts):
    body = {"reference": "DP-2026-7", "right": "access", "received_on": TODAY} | facts
    by = world.actor(party or world.big_provider, role=role)
    return writes.note(RightsRequestIn.model_validate(body), by=by, now=NOON)


def extend(world, uid, *, informed_on=TODAY, party=None, now=NOON):
    body = RightsExtensionIn(reason="complexity", informed_on=informed_on)
    by = world.actor(party or world.big_provider, role=OFFICER)
    return writes.extend(uid, body=body, by=by, now=now)


def answer(world, uid, *, answered_on=TODAY, now=NOON, role=OFFICER):
    body = RightsAnswerIn(outcome="granted", answered_on=answered_on)
    return writes.answer(uid, body=body, by=world.actor(world.big_provider, role=role), now=now)


# The term


@pytest.mark.parametrize(
    ("law", "received", "due", "longest"),
    [
        ("gdpr", date(2026, 11, 24), date(2026, 12, 24), date(2027, 2, 24)),
        ("gdpr", date(2026, 1, 31), date(2026, 2, 28), date(2026, 4, 30)),
        ("led", date(2026, 11, 30), date(2026, 12, 30), date(2027, 2, 28)),
        ("europol", date(2026, 11, 30), date(2027, 2, 28), date(2027, 2, 28)),
    ],
)
def test_a_term_ends_with_the_last_day_of_its_months(law, received, due, longest):
    law = DataLaw(law)
    first = answer_due(law, received_on=received)
    last = answer_due(law, received_on=received, extended=True)
    midnight = [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (due, longest)]
    assert [first, last] == [at + timedelta(days=1) for at in midnight]


@pytest.mark.parametrize(
    ("party", "law", "article"),
    [
        ("big_provider", "gdpr", "Art. 15"),
        ("consortium", "gdpr", "Art. 15"),
        ("observer", "gdpr", "Art. 15"),
        ("authority", "led", "Art. 14"),
        ("agency", "europol", "Art. 36, with Regulation (EU) 2018/1725 Art. 80"),
    ],
)
def test_the_kind_of_party_says_which_law_binds_it(world, party, law, article):
    noted = note(world, getattr(world, party))
    assert (noted.law, noted.article) == (law, article)
    assert noted.due_at == answer_due(DataLaw(law), received_on=TODAY)


def test_an_authority_that_is_no_police_names_its_law(world):
    assert note(world, world.authority, law="gdpr", right="objection").law == DataLaw.GDPR
    with pytest.raises(InvalidError, match="law: europol does not bind your kind of party"):
        note(world, world.authority, law="europol", reference="DP-8")


def test_a_law_that_knows_no_objection_refuses_it(world):
    with pytest.raises(InvalidError, match="gives no right to objection"):
        note(world, world.agency, right="objection")


def test_every_kind_of_party_and_every_law_is_in_the_data():
    version = rights()
    assert set(version.defaults) == set(PartyKind)
    assert set(version.laws) == set(DataLaw)
    assert set(version.laws[DataLaw.GDPR].rights) == set(DataRight)


# Who


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_officers_coordinators_and_administrators_note_and_answer(world, role):
    if role in {OFFICER, "coordinator", "administrator"}:
        noted = note(world, role=role)
        assert answer(world, noted.id, role=role).state == "answered"
        return
    with pytest.raises(NotAllowedError, match="ask the data protection officer"):
        note(world, role=role)
    uid = note(world).id
    with pytest.raises(NotAllowedError):
        answer(world, uid, role=role)
    assert RightsRequest.objects.get().state == "open"


def test_another_party_does_not_learn_of_a_request(world):
    uid = note(world).id
    with pytest.raises(NotFoundError):
        reads.request(uid, viewer=world.agency, now=NOON)
    with pytest.raises(NotFoundError):
        extend(world, uid, party=world.small_provider)
    assert reads.requests(viewer=world.agency, now=NOON).requests == []


# The moves


def test_an_extension_moves_the_term_from_the_day_of_receipt(world):
    uid = note(world).id
    extended = extend(world, uid, informed_on=TODAY + timedelta(days=1))
    assert extended.due_at == answer_due(DataLaw.GDPR, received_on=TODAY, extended=True)
    assert (extended.state, extended.may_extend) == ("extended", False)
    with pytest.raises(ConflictError, match="extended once"):
        extend(world, uid)


def test_nobody_extends_after_the_term(world):
    noted = note(world, received_on=TODAY - timedelta(days=60))
    first_late = noted.due_at.date()
    with pytest.raises(InvalidError, match="informed_on: is after the term ended"):
        extend(world, noted.id, informed_on=first_late)
    in_time = first_late - timedelta(days=1)
    assert extend(world, noted.id, informed_on=in_time).state == "extended"


def test_europol_has_three_months_and_no_extension(world):
    uid = note(world, world.agency).id
    with pytest.raises(ConflictError, match="no extension is possible"):
        extend(world, uid, party=world.agency)


def test_an_answered_request_stays_answered(world):
    uid = note(world).id
    answer(world, uid)
    with pytest.raises(ConflictError, match="this request is answered"):
        answer(world, uid)
    with pytest.raises(ConflictError, match="this request is answered"):
        writes.withdraw(uid, by=world.actor(world.big_provider, role=OFFICER), now=NOON)


def test_days_lie_between_receipt_and_today(world):
    with pytest.raises(InvalidError, match="received_on: is in the future"):
        note(world, received_on=TODAY + timedelta(days=2))
    uid = note(world).id
    with pytest.raises(InvalidError, match="answered_on: is before"):
        answer(world, uid, answered_on=TODAY - timedelta(days=1))


def test_a_file_is_noted_once_for_a_right(world):
    note(world)
    with pytest.raises(ConflictError, match="has noted this right for this file already"):
        note(world)
    assert note(world, right="erasure").reference == "DP-2026-7"
    assert note(world, world.small_provider).reference == "DP-2026-7"


# What is kept


def test_the_ledger_has_dates_and_no_reference(world):
    uid = note(world).id
    extend(world, uid)
    answer(world, uid)
    entries = Entry.objects.filter(subject=f"rights_request:{uid}")
    assert [entry.kind.partition(".")[2] for entry in entries] == ["noted", "extended", "answered"]
    assert "DP-2026-7" not in repr([entry.detail for entry in entries])


def test_an_overdue_request_is_noted_once_and_again_after_an_extension(world):
    noted = note(world, received_on=TODAY - timedelta(days=40))
    assert (writes.note_overdue(NOON), writes.note_overdue(NOON)) == (1, 0)
    entry = Entry.objects.get(kind="rights_request.missed")
    assert entry.detail == {"party": world.big_provider.ref, "right": "access"}
    extended = extend(world, noted.id, informed_on=TODAY - timedelta(days=20))
    assert not extended.is_overdue
    assert writes.note_overdue(extended.due_at) == 1


@at_night
def test_the_reference_is_erased_three_years_after_the_answer(world):
    waiting = note(world, reference="DP-OPEN").id
    uid = note(world).id
    erase_due = answer(world, uid).erase_due
    assert erase_due == months_after(NOON, 36)
    writes.erase_due_references(erase_due - timedelta(seconds=1))
    assert RightsRequest.objects.get(uid=uid).reference == "DP-2026-7"
    run_deadlines(erase_due)
    erased = reads.request(uid, viewer=world.big_provider, now=erase_due)
    assert (erased.reference, erased.outcome, erased.erased_at) == ("", "granted", erase_due)
    assert RightsRequest.objects.get(uid=waiting).reference == "DP-OPEN"


def test_a_legal_hold_keeps_the_reference(world):
    uid = note(world).id
    erase_due = answer(world, uid).erase_due
    by = world.actor(world.big_provider, role=OFFICER)
    holds.hold(RowClass.RIGHTS, uid, body=LegalHoldIn(reason="A claim."), by=by, now=NOON)
    writes.erase_due_references(erase_due, except_for=held_ids(RowClass.RIGHTS, now=erase_due))
    assert LegalHold.objects.get().row == uid
    kept = shown.kept_row(RowClass.RIGHTS, uid, viewer=world.big_provider, now=erase_due)
    assert (kept.kept_by, kept.erased_at) == (["a legal hold"], None)


def test_a_restored_backup_loses_the_reference_again(world):
    uid = note(world).id
    answer(world, uid)
    repeat, erase = erasures._REPEATS["rights_request.erased"]
    assert erase(repeat(str(uid)), actor="operator", now=NOON)
    assert not erase(repeat(str(uid)), actor="operator", now=NOON)
    assert RightsRequest.objects.get().reference == ""


def test_the_list_has_what_is_due_first_and_goes_on(world):
    days = [5, 25, 15]
    for day in days:
        note(world, reference=f"DP-{day}", received_on=TODAY - timedelta(days=day))
    viewer = world.big_provider
    first = reads.requests(viewer=viewer, now=NOON, is_open=True, limit=2)
    rest = reads.requests(viewer=viewer, now=NOON, is_open=True, limit=2, after=first.next)
    names = [row.reference for row in (*first.requests, *rest.requests)]
    assert (names, rest.next) == (["DP-25", "DP-15", "DP-5"], None)
    assert (first.open, first.overdue) == (3, 0)
