# SPDX-License-Identifier: Apache-2.0
"""Public figures are counted again from the ledger, and a changed one is named."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.reads.public import figures as reads
from stemtide.hub.rooms.reports.reads.recount.check import check, quarters
from stemtide.hub.rooms.reports.writes.public_figures import publish_due
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import dismissals, signals
from stemtide.hub.rooms.signals.writes.endings import erasure
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.figures.messages import TableName, digest_of
from stemtide.protocol.figures.proofs import proof_faults, read_figures
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.tlog.audit import LogCopy
from stemtide.protocol.tlog.notes import NoteKey, read_checkpoint
from stemtide.protocol.trust.disputes import DismissIn
from tests.hub.orders import cast
from tests.hub.reports.quarter import DUE, LATER, Quarter
from tests.world import NOON, hex_value, make_world, signal_in

QUARTER = "2026-Q4"


@pytest.fixture
def busy(db):  # noqa: ARG001  # the tables must be there
    """A quarter with something of everything."""
    quarter = Quarter(make_world())
    world = quarter.world
    for _ in range(2):
        for by in quarter.sharers:
            quarter.share(by, "incitement")
            quarter.share(by, "glorification", "incitement", expires_at=NOON + timedelta(days=3))
    many = [signal_in(value=hex_value(n), labels=("manifesto",)) for n in range(5)]
    signals.share_many(many, by=world.authority, now=NOON)
    disputed = [quarter.share(world.agency, "incitement") for _ in range(4)]
    for signal in disputed:
        for provider in quarter.providers:
            quarter.opine(signal, by=provider)
            if signal is disputed[1]:
                quarter.opine(signal, "agree", by=provider)
    quarter.withdraw(disputed[0], by=world.agency)
    count = len(disputed) - 2
    body = DismissIn(count=count, reason="It is not.")
    agency = world.actor(world.agency, role="coordinator")
    dismissals.dismiss("service-0", body=body, by=agency, now=NOON + LATER)
    signals.expire_due(NOON + timedelta(days=4))
    for provider in quarter.providers:
        for days, is_upheld in ((1, True), (3, True), (5, False)):
            quarter.complain(provider, disputed[2], days=days, is_upheld=is_upheld)
    quarter.refer_some()
    quarter.refer(world.big_provider, answer="")
    cast.name_competent(world)
    cast.inform(world)
    quarter.order()
    quarter.order(executed_after=None)
    crisis = world.activate()
    world.join(crisis, *quarter.providers)
    world.calm(crisis, now=NOON + LATER)
    world.close(crisis, now=NOON + LATER)
    return quarter


@pytest.fixture
def quarter(busy):
    """The same after its figures are published."""
    assert publish_due(DUE) == 1
    return busy


def faults():
    return check(QUARTER).faults


def change_body(change):
    """Change the stored figures, with their digest, as the owner of the database can."""
    row = PublishedFigures.objects.get()
    facts = json.loads(row.body)
    change({table["name"]: table for table in facts["tables"]})
    row.body = json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n"
    row.digest = digest_of(row.body)
    row.save()


def test_figures_of_a_busy_quarter_hold_whatever_happens_or_is_erased_later(quarter):
    result = check(QUARTER)
    assert (result.faults, result.gone) == ([], [])
    assert result.figures > 60
    assert quarters() == [QUARTER]
    shown = {table.name: table for table in reads.figures(QUARTER).tables}
    assert all(table.rows for table in shown.values())
    outcomes = {row.name for row in shown[TableName.DISPUTES].rows}
    assert outcomes == {"open", "set_aside", "signal_withdrawn", "taken_back"}

    ended = list(Signal.objects.filter(state="withdrawn"))
    world, later = quarter.world, DUE + timedelta(days=1)
    live = Signal.objects.filter(state="live", shared_by=world.authority)
    body = WithdrawIn(reason="mistake")
    signals.withdraw(live[0].uid, body=body, by=world.authority, now=later)
    quarter.share(world.authority, at=later)
    assert faults() == []

    erasure.erase(ended, now=DUE)  # with their labels
    result = check(QUARTER)
    assert (result.faults, result.gone) == ([], ["signals_shared_by_label"])


def lessen_complaints(tables):
    (signal,) = tables["complaints_filed"]["rows"]
    signal["count"] = tables["complaints_filed"]["total"] = 12


def publish_orders(tables):
    tables["orders_by_answer"]["total"] = 2


def withhold_complaints(tables):
    tables["complaints_filed"]["rows"][0]["count"] = None


@contextmanager
def undone():
    """Undo afterwards what a block changes: it takes seconds to make a busy quarter."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("quarter")
def test_a_figure_that_was_changed_published_withheld_or_deleted_is_named():
    digest = "the stored figures are others than those whose digest is in the ledger"
    for change, text in (
        (lessen_complaints, "complaints_filed / signal / all: published 12, the ledger gives 15"),
        (publish_orders, "orders_by_answer / all / all: published 2, though the rule withholds it"),
        (
            withhold_complaints,
            "complaints_filed / signal / all: not published, though the rule allows 15",
        ),
    ):
        with undone():
            change_body(change)
            assert {text, digest} <= set(faults())
    with undone():
        PublishedFigures.objects.all().delete()
        assert quarters() == [QUARTER]
        assert faults() == ["there is an entry of the ledger of these figures, without the other"]
    assert faults() == []


@pytest.mark.nightly
def test_rows_that_were_changed_before_or_have_no_entry_are_named(busy):
    Complaint.objects.update(basis="own")
    publish_due(DUE)
    assert faults() == [
        "complaints_filed / own / all: published 15, the ledger gives 0",
        "complaints_filed / signal / all: not published, though the rule allows 15",
    ]

    row = Signal.objects.filter(shared_by=busy.world.authority, labels=["manifesto"])[0]
    Signal.objects.filter(pk=row.pk).update(shared_at=NOON + timedelta(hours=1))
    named = faults()
    assert any("that be-crisis-centre shared at" in text for text in named)
    assert any("are in no entry" in text for text in named)
    Signal.objects.filter(pk=row.pk).update(shared_at=NOON, withdrawn_at=NOON + LATER)
    assert f"no entry says that signal {row.uid} was withdrawn" in faults()


def public_log():
    """The public log and the figures as a stranger gets them, a day after the publication."""

    def read(path):
        answer = Client().get(f"/log/{path}")
        assert answer.status_code == 200, path
        return answer.content

    keys = [NoteKey.read(line) for line in read("keys").decode().splitlines()]
    note = read("checkpoint").decode()
    return LogCopy(read_checkpoint(note, trusted=keys), read)


def stranger_faults(text, proof):
    figures = read_figures(text, quarter=QUARTER)
    return list(proof_faults(text, proof=proof, figures=figures, log=public_log()))


@pytest.mark.usefixtures("quarter")
def test_a_stranger_proves_figures_from_the_public_log(monkeypatch):
    monkeypatch.setattr("stemtide.hub.api.compat.tlog.now", lambda: DUE + timedelta(days=2))
    monkeypatch.setattr("stemtide.hub.api.compat.figures.now", lambda: DUE + timedelta(hours=1))
    leaves.follow_ledger(DUE)
    assert Client().get(f"/figures/{QUARTER}/proof").status_code == 404
    monkeypatch.setattr("stemtide.hub.api.compat.figures.now", lambda: DUE + timedelta(days=2))
    text = Client().get(f"/figures/{QUARTER}.json").content.decode()
    proof = Client().get(f"/figures/{QUARTER}/proof").content.decode()
    assert stranger_faults(text, proof) == []

    digest = "the figures are others than those whose digest is in the ledger"
    other = text.replace('"count":15', '"count":14', 1)
    assert stranger_faults(other, proof) == [digest]
    # A hub that shows another entry for it, too, has no leaf for that.
    changed = json.loads(proof)
    changed["opening"]["entry"]["detail"]["digest"] = digest_of(other)
    leaf = "the leaf of the entry does not commit to it"
    assert stranger_faults(other, json.dumps(changed)) == [leaf]
    changed = json.loads(proof)
    changed["opening"]["leaf"] = "00" * 64
    told = stranger_faults(text, json.dumps(changed))
    assert told == [leaf, "the signed head of the log does not have this leaf"]
