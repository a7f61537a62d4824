# SPDX-License-Identifier: Apache-2.0
"""A log after a restore names the one before, and an audit compares it with heads of both."""

import pytest

from stemtide.protocol.tlog.audit import audit, statement_of
from stemtide.protocol.tlog.notes import Checkpoint
from stemtide.protocol.tlog.statements import Statement, StatementError, folder_of
from tests.protocol.test_tlog_audit import leaves_of, log_of

HUB = "stemtide/00000000-0000-0000-0000-000000000001"
NEW, NEWEST = f"{HUB}/20261129T071648Z", f"{HUB}/20261130T000000Z"
FIRST = Statement(HUB, "2026-11-24T12:00:00.000000+00:00", 0)


def log(statement, *, size, until=10**6, mark="lost"):
    """A log of a size; after a number, its leaves are others."""
    leaves = leaves_of(
        size, **{f"_{number}": f"{mark} {number}".encode() for number in range(until, size)}
    )
    return log_of([statement.data, *leaves[1:]], origin=statement.origin)[0]


def restored(before=FIRST, *, origin=NEW, overlap=300, last=None):
    return Statement(origin, "2026-11-29T07:16:48.000000+00:00", overlap + 4, overlap, last, before)


@pytest.fixture
def lost():
    """The log that was lost, with 500 leaves."""
    return log(FIRST, size=500)


def audited(newest, *heads, copy=None):
    return list(audit(newest, heads=heads, copy=copy))


def test_a_statement_is_read_as_it_was_written(lost):
    once = restored(last=lost.head)
    twice = restored(once, origin=NEWEST, overlap=200)
    for statement in (FIRST, once, twice, Statement(NEW, "t", 5, 0, lost.head)):
        assert Statement.read(statement.data) == statement
    assert FIRST.data == f"stemtide-log/1\n{HUB}\n{FIRST.opened_at}\n0\n".encode()
    assert (once.lost, twice.lost) == (
        "entries 305 to 499 and any later ones",
        "any entries from 205 on",
    )
    for data in (b"", b"leaf 0", FIRST.data[:-3], FIRST.data + b"more\n", b"\xff", once.data[:-9]):
        with pytest.raises(StatementError):
            Statement.read(data)


def test_heads_from_before_the_restore_are_explained(lost):
    newest = log(restored(last=lost.head), size=400, until=300, mark="new")
    heads = [log(FIRST, size=size).head for size in (1, 299, 300, 301, 499, 500)]
    assert audited(newest, newest.head, *heads, copy=lost) == []
    assert statement_of(newest).overlap == 300


def test_a_head_that_is_newer_than_the_restore_names_is_a_fault(lost):
    newest = log(restored(last=lost.head), size=400, until=300)
    more = log(FIRST, size=501).head
    assert audited(newest, more) == [
        (
            f"a head of {HUB} has 501 leaves, and the restore knew of 500 only: more is lost than"
            " it says"
        )
    ]
    without = log(restored(), size=400, until=300)
    assert "knew of 0 only" in audited(without, lost.head)[0]
    assert audited(without, log(FIRST, size=300).head) == []


def test_what_a_restore_claims_to_keep_must_be_as_before(lost):
    other = log(restored(last=lost.head), size=400, until=250)
    kept = log(FIRST, size=280)
    assert audited(other, kept.head) == [
        (
            f"the first 280 leaves of {HUB}, from before the restore, are others than when their"
            " head was kept"
        )
    ]
    assert audited(other, copy=kept)[0].startswith(
        "leaf 250, of the ledger's entry 250, is another"
    )
    assert (
        len(audited(other, copy=lost)) == 50
    )  # each leaf up to 299, which the restore says to keep


def test_another_head_of_the_named_size_and_a_log_of_another_hub_are_faults(lost):
    newest = log(restored(last=lost.head), size=400, until=300)
    fork = Checkpoint(HUB, 500, bytes(32))
    assert "is not the one that the restore names" in audited(newest, fork)[0]
    stranger = Checkpoint("stemtide/other", 5, bytes(32))
    assert audited(newest, stranger) == [f"the log is {NEW}, and a head is of stemtide/other"]
    begun_anew = log(FIRST, size=400)
    assert "and a head is of" in audited(begun_anew, newest.head)[0]


def test_a_log_cannot_claim_to_share_more_than_it_has():
    newest = log(restored(overlap=450), size=400, until=300)
    assert "knew of 0 only" in audited(newest, log(FIRST, size=420).head)[0]


def test_entries_that_were_no_leaves_at_the_backup_are_named():
    assert restored(overlap=300).renewed.startswith("entries 300 to 304 have new leaves")
    assert Statement(NEW, "t", 299, 300).renewed == FIRST.renewed == ""


def test_of_two_restores_the_newest_log_keeps_what_both_kept(lost):
    once = restored(last=lost.head)
    middle = log(once, size=450, until=300, mark="middle")
    twice = restored(once, origin=NEWEST, overlap=350, last=middle.head)
    leaves = leaves_of(600, **{f"_{at}": f"middle {at}".encode() for at in range(300, 350)})
    newest = log_of([twice.data, *leaves[1:]], origin=NEWEST)[0]
    heads = [log(FIRST, size=300).head, log(once, size=350, until=300, mark="middle").head]
    assert audited(newest, *heads, lost.head, middle.head) == []
    assert audited(newest, copy=lost) == []
    assert audited(newest, copy=middle) == []


def test_files_of_a_log_after_a_restore_have_a_folder_of_their_own():
    assert folder_of(HUB) == ""
    assert folder_of(NEW) == "20261129T071648Z/"
    for origin in (f"{HUB}/..", f"{NEW}/x", "other/log/20261129T071648Z", ""):
        assert folder_of(origin) == ""


def test_a_statement_that_tells_of_endless_logs_is_refused():
    """A hostile hub must not exhaust the stack of those who read it."""
    lines = "stemtide-log/1\nstemtide/x\n2026-11-29T12:00:00.000000+00:00\n0\n"
    with pytest.raises(StatementError):
        Statement.read((lines * 2000).encode())
