# SPDX-License-Identifier: Apache-2.0
"""Rows say why they are kept, and are erased at their date, with a certificate."""

import hashlib
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.media import writes as previews
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.orders.models import Appeal, Order
from stemtide.hub.rooms.orders.writes import orders
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.retention.reads import rows, shown
from stemtide.hub.rooms.retention.writes import filling, holds, purges
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.writes import entries, signals
from stemtide.hub.rooms.transparency.models import ErasedDigest, Leaf, Purge
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.enums import PartyKind, Role, SignalState
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RetentionPurpose, RowClass, retention
from stemtide.protocol.law.retention.messages import (
    LegalHoldIn,
    LiftIn,
    RetentionChangeIn,
    RetentionIn,
)
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.orders import cast
from tests.hub.outside import check_purge
from tests.rounds import at_night
from tests.world import NOON, hex_value, signal_in

FAR = months_after(NOON, 43)
HALF_A_YEAR = months_after(NOON, 6) + timedelta(days=1)


def withdraw(world, uid):
    body = WithdrawIn(reason="mistake")
    signals.withdraw(uid, body=body, by=world.authority, now=NOON)


def share_bulk(world, numbers):
    bodies = [signal_in(value=hex_value(number)) for number in numbers]
    return signals.share_many(bodies, by=world.authority, now=NOON)


def officer(world, party=None, role="data_protection_officer"):
    return world.actor(party, role=role)


def everything():
    """All that the database holds, as text."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        text = []
        for name in names:
            cursor.execute(f'SELECT * FROM "{name}"')  # noqa: S608  # our own tables
            text.append(repr([tuple(map(plain, row)) for row in cursor.fetchall()]))
    return "\n".join(text)


def plain(cell):
    return bytes(cell) if isinstance(cell, memoryview) else cell


# What a row says


@at_night
@pytest.mark.parametrize(
    ("by", "basis"),
    [("authority", "led"), ("agency", "europol"), ("big_provider", "gdpr_interest")],
)
def test_a_signal_has_the_default_of_its_sharers_kind(world, by, basis):
    told = reads.signal(world.share(getattr(world, by)).id, viewer=getattr(world, by)).retention
    assert (told.legal_basis, told.purpose, told.given) == (basis, "contain_spread", False)
    assert told.until == months_after(NOON, 42)


def test_a_signal_that_expires_is_kept_for_six_months_more(world):
    expires = NOON + timedelta(days=10)
    shared = world.share(expires_at=expires)
    assert reads.signal(shared.id, viewer=world.authority).retention.until == months_after(
        expires, 6
    )


def test_a_sharer_gives_basis_purpose_and_date(world):
    until = NOON + timedelta(days=30)
    given = RetentionIn(legal_basis="national", purpose="contain_spread", until=until)
    told = reads.signal(world.share(retention=given).id, viewer=world.authority).retention
    assert (told.legal_basis, told.given, told.until) == ("national", True, months_after(until, 6))
    assert Signal.objects.get().expires_at == until  # so that agents know it, too


def test_a_signal_that_its_sharer_extends_is_kept_as_long(world):
    shared = world.share(expires_at=NOON + timedelta(days=10))
    until = NOON + timedelta(days=100)
    entries.extend(shared.id, until=until, by=world.authority, now=NOON, through="person:1")
    purges.purge_due(NOON + timedelta(days=99))
    row = Signal.objects.get()
    assert (row.state, row.erase_due) == (SignalState.LIVE, months_after(until, 6))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"legal_basis": "europol"}, "legal_basis"),
        ({"until": NOON - timedelta(days=1)}, "until"),
        ({"until": FAR}, "until"),
        ({"purpose": "investigate"}, "audience"),
    ],
)
def test_what_a_sharer_may_not_say_is_refused(world, given, field):
    with pytest.raises(InvalidError) as refused:
        world.share(retention=RetentionIn(**given))
    assert refused.value.field == field


def test_a_purpose_limits_who_may_read(world):
    given = RetentionIn(purpose="investigate")
    world.share(retention=given, audience=("fr-referral-unit",))
    with pytest.raises(InvalidError, match="big-video is none"):
        world.share(value=hex_value(1), retention=given, audience=("big-video",))


def test_every_class_has_a_default_for_every_kind():
    version = retention()
    assert set(version.classes) == set(RowClass)
    assert all(set(rule.bases) == set(PartyKind) for rule in version.classes.values())
    assert set(version.bases) == set(LegalBasis)
    assert set(version.purposes) == set(RetentionPurpose)


def test_older_rows_are_filled_in_with_a_note(world):
    shared = world.share()
    Signal.objects.update(legal_basis=None, purpose=None, retention_rule=None, erase_due=None)
    assert reads.signal(shared.id, viewer=world.authority).retention is None
    filling.fill_in(NOON)
    told = reads.signal(shared.id, viewer=world.authority).retention
    assert (told.legal_basis, told.filled_later) == ("led", True)
    assert told.until > NOON + timedelta(days=180)
    assert filling.fill_in(NOON) == 0


def test_an_older_live_signal_has_the_whole_grace_until_it_expires(world):
    world.share()
    columns = ("legal_basis", "purpose", "retention_rule", "erase_due")
    Signal.objects.update(**dict.fromkeys(columns), shared_at=months_after(NOON, -48))
    filling.fill_in(NOON)
    purges.purge_due(NOON + timedelta(days=180))
    assert Signal.objects.get().state == SignalState.LIVE
    purges.purge_due(NOON + timedelta(days=215))
    assert Signal.objects.get().state == SignalState.EXPIRED


# What is erased


def test_an_erased_signal_leaves_no_trace_and_all_proofs(world):
    value, title = hex_value(1), "Rare words of a title"
    gone, stays = world.share(value=value), world.share(value=hex_value(2))
    Signal.objects.filter(uid=gone.id).update(title=title)
    withdraw(world, gone.id)
    leaves.follow_ledger(NOON)
    Signal.objects.filter(uid=gone.id).update(erase_due=NOON)
    assert value in everything()
    assert purges.purge_due(NOON) == 1
    leaves.follow_ledger(NOON)
    assert value not in everything()
    assert title not in everything()
    assert verify().flaws == []
    row = Signal.objects.get(uid=gone.id)
    assert (row.state, row.erased_at) == (SignalState.WITHDRAWN, NOON)
    assert Signal.objects.get(uid=stays.id).value == hex_value(2)
    assert purges.purge_due(NOON) == 0


@at_night
def test_others_of_a_bulk_can_still_be_checked(world):
    bulk = share_bulk(world, range(10, 14))
    uids = [signal.id for signal in bulk.signals]
    leaves.follow_ledger(NOON)
    for uid in uids[:2]:
        withdraw(world, uid)
    leaves.follow_ledger(NOON)
    Signal.objects.filter(uid__in=uids[:2]).update(erase_due=NOON)
    assert purges.purge_due(NOON) == 2
    leaves.follow_ledger(NOON)
    assert verify().flaws == []
    assert ErasedDigest.objects.count() == 2
    Signal.objects.filter(uid=uids[2]).update(value=hex_value(99))
    assert "content-changed" in {flaw.kind for flaw in verify().flaws}
    Signal.objects.filter(uid=uids[2]).update(value=hex_value(12))
    for uid in uids[2:]:
        withdraw(world, uid)
    leaves.follow_ledger(NOON)
    Signal.objects.filter(uid__in=uids[2:]).update(erase_due=NOON)
    assert purges.purge_due(NOON) == 2
    leaves.follow_ledger(NOON)
    assert ErasedDigest.objects.count() == 0
    assert verify().flaws == []


def test_a_live_signal_expires_before_it_is_erased(world):
    shared = world.share()
    after_the_term = months_after(NOON, 36) + timedelta(days=1)
    assert purges.purge_due(after_the_term) == 0
    row = Signal.objects.get(uid=shared.id)
    assert (row.state, row.erased_at) == (SignalState.EXPIRED, None)
    assert world.ledger_kinds()[-1] == "signals.expired"
    assert purges.purge_due(FAR) == 1


def test_a_salt_that_goes_without_a_certificate_is_a_flaw(world):
    world.share()
    leaves.follow_ledger(NOON)
    Leaf.objects.filter(content_salt__isnull=False).update(content_salt=None)
    assert {flaw.kind for flaw in verify().flaws} == {"salt-gone"}


def test_a_certificate_of_a_signal_that_is_still_there_is_a_flaw(world):
    shared = world.share()
    withdraw(world, shared.id)
    leaves.follow_ledger(NOON)
    before = Signal.objects.get(uid=shared.id)
    Signal.objects.update(erase_due=NOON)
    purges.purge_due(NOON)
    leaves.follow_ledger(NOON)
    Signal.objects.filter(uid=shared.id).update(value=before.value, erased_at=None)
    assert {flaw.kind for flaw in verify().flaws} == {"purge-wrong"}


def test_a_changed_certificate_is_a_flaw(world):
    withdraw(world, world.share().id)
    Signal.objects.update(erase_due=NOON)
    purges.purge_due(NOON)
    leaves.follow_ledger(NOON)
    Purge.objects.update(leaves=[[1, "00"]])
    assert "purge-wrong" in {flaw.kind for flaw in verify().flaws}


def test_the_ledger_has_the_digest_of_the_certificate(world):
    withdraw(world, world.share().id)
    Signal.objects.update(erase_due=NOON)
    purges.purge_due(NOON)
    purge, entry = Purge.objects.get(), Entry.objects.get(kind="rows.purged")
    assert entry.detail["certificate"] == hashlib.sha256(purge.note.encode()).hexdigest()
    assert (entry.detail["class"], entry.detail["count"]) == ("signal", 1)
    assert "erased 1\n" in purge.note


def test_a_stranger_checks_a_certificate_without_seeing_content(world, client, settings):
    settings.LOG_LAG_HOURS = 0
    bulk = share_bulk(world, range(10, 13))
    leaves.follow_ledger(NOON)
    for signal in bulk.signals:
        withdraw(world, signal.id)
    leaves.follow_ledger(NOON)
    Signal.objects.update(erase_due=NOON)
    purges.purge_due(NOON)
    leaves.follow_ledger(NOON)
    entry = Purge.objects.get().entry
    assert client.get("/log/purges").content.decode() == f"{entry} signal 3\n"

    def fetch(path):
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer.content

    text = check_purge.check(fetch, entry)
    assert "class signal\n" in text
    assert "leaves 4 " in text  # three withdrawals and the bulk
    Purge.objects.update(leaves=[])
    with pytest.raises(check_purge.WrongError, match="others than those that were signed"):
        check_purge.check(fetch, entry)


def test_a_purge_that_fails_erases_nothing(world):
    """A database that refuses the certificate stands for a disk that is full."""
    shared = world.share()
    withdraw(world, shared.id)
    leaves.follow_ledger(NOON)
    Signal.objects.update(erase_due=NOON)
    with refused_certificates(), pytest.raises(DatabaseError, match="disk is full"):
        purges.purge_due(NOON)
    assert Signal.objects.get().erased_at is None
    assert Leaf.objects.filter(content_salt__isnull=False).exists()
    assert verify().flaws == []
    assert purges.purge_due(NOON) == 1


REFUSE = {
    "sqlite": """
        CREATE TRIGGER "full" BEFORE INSERT ON transparency_purge
        BEGIN SELECT RAISE(ABORT, 'disk is full'); END""",
    "postgresql": """
        CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'disk is full'; END $$;
        CREATE TRIGGER "full" BEFORE INSERT ON transparency_purge
        FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()""",
}


@contextmanager
def refused_certificates():
    """Let the database refuse the last row that a purge writes, for as long as this lasts."""
    on = " ON transparency_purge" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE[connection.vendor])
        yield
        cursor.execute(f'DROP TRIGGER "full"{on}')


@at_night
def test_a_run_ends_before_all_is_erased_and_the_next_goes_on(world, monkeypatch):
    monkeypatch.setattr(purges, "AT_ONCE", 1)
    monkeypatch.setattr(purges, "BATCHES", 2)
    for number in range(5):
        world.share(value=hex_value(number))
    live = Signal.objects.filter(state=SignalState.LIVE)
    left = [(purges.purge_due(FAR), live.count()) for _ in range(3)]
    assert left == [(2, 3), (2, 1), (1, 0)]


@at_night
def test_no_purge_reads_the_whole_ledger(world):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a small table as a whole, whatever indexes it has")
    for signal in share_bulk(world, range(3)).signals:
        withdraw(world, signal.id)
    leaves.follow_ledger(NOON)
    Signal.objects.update(erase_due=NOON)
    with CaptureQueriesContext(connection) as queries:
        assert purges.purge_due(NOON) == 3
    asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        plans = [cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in asked]
    assert any("bulks_by_time" in str(plan) for plan in plans)
    assert not any("SCAN ledger_entry" in str(plan) for plan in plans)


# What stops it


def test_a_hold_stops_an_erasure_until_it_is_lifted(world):
    shared = world.share()
    withdraw(world, shared.id)
    body = LegalHoldIn(reason="a court asked")
    kept = holds.hold(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    assert kept.kept_by == ["a legal hold"]
    assert purges.purge_due(FAR) == 0
    lifted = LiftIn(reason="the court has decided")
    holds.lift(RowClass.SIGNAL, shared.id, body=lifted, by=officer(world), now=NOON)
    assert purges.purge_due(FAR) == 1
    with pytest.raises(ConflictError, match="was erased"):
        holds.hold(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=FAR)


def test_a_hold_that_ends_by_itself_stops_nothing_after_it(world):
    shared = world.share()
    withdraw(world, shared.id)
    body = LegalHoldIn(reason="a court asked", until=NOON + timedelta(days=5))
    holds.hold(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    assert purges.purge_due(FAR) == 1


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COORDINATOR])
def test_who_may_stop_an_erasure(world, role):
    shared = world.share()
    body = LegalHoldIn(reason="a court asked")
    by = officer(world, role=role)
    if role in {Role.DATA_PROTECTION_OFFICER, Role.ADMINISTRATOR}:
        assert holds.hold(RowClass.SIGNAL, shared.id, body=body, by=by, now=NOON).holds
    else:
        with pytest.raises(NotAllowedError):
            holds.hold(RowClass.SIGNAL, shared.id, body=body, by=by, now=NOON)


def test_nobody_holds_rows_of_another_party(world):
    shared = world.share()
    body = LegalHoldIn(reason="to keep it for ever")
    by = officer(world, world.big_provider)
    with pytest.raises(NotFoundError):
        holds.hold(RowClass.SIGNAL, shared.id, body=body, by=by, now=NOON)


@at_night
def test_an_extension_needs_a_later_date_within_the_term(world):
    shared = world.share(expires_at=NOON + timedelta(days=1))
    for until, wrong in ((NOON, "not later"), (months_after(NOON, 43), "at most 42 months")):
        body = RetentionChangeIn(reason="an appeal", until=until)
        with pytest.raises(InvalidError, match=wrong):
            holds.change(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    body = RetentionChangeIn(reason="an appeal", until=months_after(NOON, 12))
    kept = holds.change(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    assert kept.retention.until == months_after(NOON, 12)
    assert [(row.by, row.reason) for row in kept.changes] == [(world.authority.name, "an appeal")]
    assert world.ledger_kinds()[-1] == "retention.changed"


def held_signal(world, by=None):
    shared = world.share()
    body = LegalHoldIn(reason="a court asked")
    holds.hold(RowClass.SIGNAL, shared.id, body=body, by=by or officer(world), now=NOON)
    return shared


def test_an_overdue_row_stays_for_seven_days_after_the_lift(world):
    shared = held_signal(world)
    withdraw(world, shared.id)
    Signal.objects.update(erase_due=NOON)
    body = LiftIn(reason="it is over")
    kept = holds.lift(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    assert kept.kept_by == ["a legal hold, lifted less than 7 days ago"]
    assert kept.not_before == NOON + timedelta(days=7)
    assert purges.purge_due(NOON + timedelta(days=6)) == 0
    told = shown.overview(viewer=world.authority, now=NOON)
    assert {row.row_class: row.held for row in told.sums}[RowClass.SIGNAL] == 0
    assert purges.purge_due(NOON + timedelta(days=7)) == 1


def test_a_key_holds_and_cannot_lift(world):
    key = parties.Actor(party=world.authority, ref="key:abcd2345")
    shared = held_signal(world, by=key)
    with pytest.raises(NotAllowedError, match="only a person can lift"):
        holds.lift(RowClass.SIGNAL, shared.id, body=LiftIn(reason="over"), by=key, now=NOON)
    assert shown.kept_row(RowClass.SIGNAL, shared.id, viewer=world.authority, now=NOON).holds


@pytest.mark.parametrize(
    "given",
    [{"legal_basis": "europol"}, {"purpose": "redress"}, {"until": months_after(NOON, 41)}],
)
def test_an_agency_holds_signals_of_others_and_changes_nothing(world, given):
    shared = world.share(expires_at=NOON + timedelta(days=1))
    by = officer(world, world.agency)
    body = RetentionChangeIn(reason="we need it", **given)
    before = Signal.objects.values().get()
    with pytest.raises(NotAllowedError, match=f"only {world.authority.name} can change"):
        holds.change(RowClass.SIGNAL, shared.id, body=body, by=by, now=NOON)
    assert Signal.objects.values().get() == before
    held = LegalHoldIn(reason="a court asked")
    assert holds.hold(RowClass.SIGNAL, shared.id, body=held, by=by, now=NOON).holds


def test_an_agency_reads_who_changed_a_signal(world):
    shared = world.share()
    body = RetentionChangeIn(reason="our law", legal_basis="national")
    holds.change(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    kept = shown.kept_row(RowClass.SIGNAL, shared.id, viewer=world.agency, now=NOON)
    assert [(row.by, row.reason) for row in kept.changes] == [(world.authority.name, "our law")]


def preview_of(world):
    return Preview.objects.create(
        uid=uuid4(),
        signal=Signal.objects.get(uid=world.share().id),
        kind="excerpt",
        whole=b"x",
        size_bytes=1,
        added_at=NOON,
        expires_at=NOON + timedelta(days=2),
    )


def test_a_held_preview_is_not_destroyed_by_hand(world):
    preview, by = preview_of(world), officer(world, role="administrator")
    body = LegalHoldIn(reason="a court asked")
    holds.hold(RowClass.PREVIEW, preview.uid, body=body, by=by, now=NOON)
    held = rows.held_ids(RowClass.PREVIEW, now=NOON)
    key = parties.Actor(party=world.authority, ref="key:abcd2345")
    with pytest.raises(ConflictError, match="can lift it under Retention"):
        previews.destroy(preview.uid, by=key, now=NOON, on_hold=held)
    assert Preview.objects.get().destroyed_at is None


def test_a_preview_is_not_extended_past_the_limit_of_the_hub(world):
    preview = preview_of(world)
    body = RetentionChangeIn(reason="we need it", until=NOON + timedelta(days=3))
    with pytest.raises(ConflictError, match="cannot be extended"):
        holds.change(RowClass.PREVIEW, preview.uid, body=body, by=officer(world), now=NOON)
    assert Preview.objects.get().expires_at == NOON + timedelta(days=2)


def draft_order(world):
    cast.name_competent(world)
    cast.inform(world)
    return cast.draft(world)


def test_a_held_draft_is_not_discarded(world):
    draft = draft_order(world)
    body = LegalHoldIn(reason="a court asked")
    holds.hold(RowClass.ORDER, draft.id, body=body, by=officer(world), now=NOON)
    held = rows.held_ids(RowClass.ORDER, now=NOON)
    with pytest.raises(ConflictError, match="can lift it under Retention"):
        orders.discard(draft.id, by=world.actor(world.authority), now=NOON, on_hold=held)
    assert Order.objects.get().annex


def test_a_pending_appeal_stops_the_erasure_of_its_order(world):
    draft = draft_order(world)
    Order.objects.update(erase_due=NOON)
    row = Order.objects.get()
    appeal = Appeal.objects.create(
        uid=uuid4(),
        order=row,
        lodged_by="provider",
        kind="judicial",
        body="A court",
        lodged_on=NOON.date(),
        entered_by=world.authority,
        entered_at=NOON,
    )
    assert purges.purge_due(NOON) == 0
    kept = shown.kept_row(RowClass.ORDER, draft.id, viewer=world.authority, now=NOON)
    assert kept.kept_by == ["an appeal against the order is pending"]
    Appeal.objects.filter(pk=appeal.pk).update(outcome="closed")
    assert purges.purge_due(NOON) == 1


def test_only_who_decides_a_complaint_learns_of_it(world):
    shared = world.share(world.big_provider)
    signal = Signal.objects.get(uid=shared.id)
    complain_about(signal, world.small_provider)
    for viewer in (world.big_provider, world.agency):
        kept = shown.kept_row(RowClass.SIGNAL, shared.id, viewer=viewer, now=NOON)
        assert kept.kept_by == ["a procedure of another party"]
    complain_about(signal, world.big_provider)
    kept = shown.kept_row(RowClass.SIGNAL, shared.id, viewer=world.big_provider, now=NOON)
    assert kept.kept_by == ["a complaint about it is open"]


def complain_about(signal, party):
    uid = uuid4()
    Complaint.objects.create(
        uid=uid,
        party=party,
        reference=str(uid),
        basis="signal",
        signal=signal,
        code_hash=uid.hex,
        measure="removed",
        acted_at=NOON,
        language="en",
        filed_at=NOON,
        due_at=NOON,
        erase_due=FAR,
    )


# What is shown


@at_night
def test_an_overview_counts_rows_by_when_they_are_erased(world):
    world.share(value=hex_value(1), expires_at=NOON + timedelta(days=20))
    world.share(value=hex_value(2))
    world.share(world.big_provider, value=hex_value(3))
    told = shown.overview(viewer=world.authority, now=NOON)
    sums = {row.row_class: row for row in told.sums}
    signal = sums[RowClass.SIGNAL]
    assert (signal.total, signal.in_a_year, signal.later, signal.overdue) == (2, 1, 1, 0)
    assert [row.row_class for row in told.rows] == ["signal", "signal"]


@at_night
def test_an_overview_names_what_something_stops(world):
    shared = world.share()
    world.share(value=hex_value(2))
    body = LegalHoldIn(reason="a court asked")
    holds.hold(RowClass.SIGNAL, shared.id, body=body, by=officer(world), now=NOON)
    told = shown.overview(viewer=world.authority, now=NOON, is_stopped=True)
    assert [row.id for row in told.rows] == [shared.id]
