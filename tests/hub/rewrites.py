# SPDX-License-Identifier: Apache-2.0
"""What the owner of a hub's database can rewrite, and the words in which it is named.

The table in docs/understand/transparency-log.md has the same rows, in the same order.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from stemtide.hub.rooms.ledger.models import Entry, Numbering
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.retention.writes import purges
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.content import EMPTY
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.snapshots.builder import hub_keys
from stemtide.hub.rooms.transparency.models import (
    ErasedDigest,
    Head,
    Leaf,
    Log,
    MassEnd,
    Node,
    OfferedHead,
    Purge,
)
from stemtide.hub.rooms.transparency.reads.contents import entries_after
from stemtide.hub.rooms.transparency.rules.leaves import entry_commitment
from stemtide.hub.rooms.transparency.writes import leaves, witnesses
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.messages.signals import WithdrawIn
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, Note, sign
from tests.hub.orders import cast
from tests.world import NOON, World, hex_value, signal_in

LATER = months_after(NOON, 6) + timedelta(days=1)
"""When the first withdrawn signal is erased."""

LAST = 3
"""Entries at the end that no row follows from."""

ERASED, WITHDRAWN, SHARED = 3, 4, 1
"""Values of signals: of one that is erased, one that is withdrawn, and a live one."""

COMMAND = "`ledger verify`"
KEPT = "`ledger verify --from` a head that somebody kept"
AUDITOR = "`ledger verify` of an auditor with a copy"
AGENT = "each agent"


@dataclass(frozen=True)
class Rewrite:
    """One rewrite. does: as the table says it. words: N stands for a number, … for anything."""

    does: str
    named_by: str
    words: str
    act: "Callable[[], Flaws]"

    @property
    def row(self) -> str:
        """The row of the table, without its number."""
        return f"{self.does} | {self.named_by} | {self.words} |"

    def is_named_in(self, text: str) -> bool:
        parts = re.split(r"(…|\bN\b)", self.words)
        patterns = {"…": ".*", "N": r"\d+"}
        pattern = "".join(patterns.get(part) or re.escape(part) for part in parts)
        return re.search(pattern, text) is not None


def build(world: World) -> None:
    """Fill a hub: shares, bulks, an order, withdrawals, an expiry, an erasure; and its log."""
    cast.name_competent(world)
    cast.inform(world)
    cast.issue(world)
    for number in range(5):
        world.share(value=hex_value(number))
    _share_bulk(world, range(10, 14))
    _withdraw(world, ERASED, now=NOON)
    leaves.follow_ledger(NOON)
    assert purges.purge_due(LATER) == 1
    _withdraw(world, WITHDRAWN, now=LATER)
    _share_bulk(world, range(20, 23), expires_at=LATER + timedelta(hours=1))
    assert signals.expire_due(LATER + timedelta(hours=2)) == 3
    grow(0, hours=3)
    grow(LAST, hours=3.5)


def grow(count: int, *, hours: float) -> None:
    """Let the hub live on: more entries, their leaves, a head, and its offer to witnesses."""
    now = LATER + timedelta(hours=hours)
    with transaction.atomic():
        for number in range(count):
            ledger.append("thing.done", actor="operator", subject=f"thing:{number}", now=now)
    while leaves.follow_ledger(now):
        pass
    witnesses.offer_head(now)


def _share_bulk(world: World, numbers: range, **facts: object) -> None:
    bodies = [signal_in(value=hex_value(number), **facts) for number in numbers]
    signals.share_many(bodies, by=world.authority, now=LATER if facts else NOON)


def _withdraw(world: World, number: int, *, now: object) -> None:
    row = Signal.objects.get(value=hex_value(number))
    signals.withdraw(row.uid, body=WithdrawIn(reason="mistake"), by=world.authority, now=now)


def lift_guards() -> None:
    """What an owner of the database can do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE ledger_numbering DISABLE TRIGGER USER")
            return
        for trigger in ("entry_no_update", "entry_no_delete", "numbering_forward"):
            cursor.execute(f"DROP TRIGGER ledger_{trigger}")


# The rewrites: each returns the flaws that a check must name then, and no others.

Flaws = set[tuple[str, int | None]]


def rows(*kinds: str):
    return Entry.objects.filter(kind__in=kinds).order_by("number")


def number_of(kind: str) -> int:
    return rows(kind)[0].number


def move(number: int, to: int) -> None:
    Entry.objects.filter(number=number).update(number=to)


def signal(number: int):
    return Signal.objects.filter(value=hex_value(number))


def about(number: int, kind: str) -> int:
    """The number of the entry about a signal."""
    return Entry.objects.get(kind=kind, subject=signal(number).get().ref).number


def certificate_gone() -> Flaws:
    """No certificate is left that says why salts are gone."""
    purge = Purge.objects.get()
    return {("purge-wrong", purge.entry), *(("salt-gone", number) for number, _ in purge.leaves)}


def change_an_entry() -> Flaws:
    number = number_of("signal.shared")
    Entry.objects.filter(number=number).update(actor="party:eu-referral-unit")
    return {("changed", number)}


def change_a_detail() -> Flaws:
    entry = rows("signals.shared")[0]
    Entry.objects.filter(pk=entry.pk).update(detail=entry.detail | {"count": 3})
    return {("changed", entry.number)}


def backdate_an_entry() -> Flaws:
    number = number_of("order.issued")
    Entry.objects.filter(number=number).update(recorded_at=NOON - timedelta(days=2))
    return {("changed", number)}


def delete_an_entry() -> Flaws:
    number = number_of("order.issued")
    Entry.objects.filter(number=number).delete()
    return {("deleted", number)}


def delete_and_close_the_gap() -> Flaws:
    number, last = number_of("order.issued"), Numbering.objects.get().entries
    Entry.objects.filter(number=number).delete()
    for later in range(number + 1, last + 1):
        move(later, later - 1)
    Numbering.objects.update(entries=last - 1)
    moved = {("moved", later) for later in range(number + 1, last + 1)}
    return {("deleted", number), ("set-back", None)} | moved | certificate_gone()


def insert_an_entry() -> Flaws:
    number, last = number_of("signals.shared"), Numbering.objects.get().entries
    copy = Entry.objects.get(number=number)
    for later in range(last, number - 1, -1):
        move(later, later + 1)
    copy.pk, copy.kind = None, "party.changed"
    copy.save(force_insert=True)
    Numbering.objects.update(entries=last + 1)
    moved = {("moved", later) for later in range(number, last + 1)}
    return {("inserted", number)} | moved | certificate_gone()


def swap_two_entries() -> Flaws:
    first, second = (entry.number for entry in rows("signal.shared")[:2])
    move(first, 0)
    move(second, first)
    move(0, second)
    return {("moved", first), ("moved", second)}


def set_the_counter_back() -> Flaws:
    last = Numbering.objects.get().entries
    Entry.objects.filter(number=last).delete()
    Numbering.objects.update(entries=last - 1)
    return {("set-back", None), ("deleted", last)}


def swap_the_sharer() -> Flaws:
    signal(SHARED).update(shared_by=Party.objects.get(name="big-video"))
    return {("content-changed", about(SHARED, "signal.shared"))}


def change_a_value() -> Flaws:
    entries = Entry.objects.filter(subject=signal(WITHDRAWN).get().ref)
    signal(WITHDRAWN).update(value=hex_value(99))
    assert len(entries) == 2
    return {("content-changed", entry.number) for entry in entries}


def change_a_label() -> Flaws:
    signal(12).update(labels=["other"])
    return {("content-changed", number_of("signals.shared"))}


def change_a_severity() -> Flaws:
    signal(SHARED).update(severity="low")
    return {("content-changed", about(SHARED, "signal.shared"))}


def change_the_handling() -> Flaws:
    signal(12).update(tlp="clear")
    return {("content-changed", number_of("signals.shared"))}


def drop_a_withdrawal() -> Flaws:
    number = about(WITHDRAWN, "signal.withdrawn")
    Entry.objects.filter(number=number).delete()
    signal(WITHDRAWN).update(state="live", withdrawn_at=None)
    return {("deleted", number)}


def undo_a_withdrawal_in_its_row() -> Flaws:
    signal(WITHDRAWN).update(state="live", withdrawn_at=None)
    return {("state-changed", about(WITHDRAWN, "signal.withdrawn"))}


def undo_an_expiry() -> Flaws:
    signal(21).update(state="live", expires_at=None)
    return {("state-changed", number_of("signals.expired"))}


def end_a_signal() -> Flaws:
    signal(SHARED).update(state="withdrawn", withdrawn_at=NOON)
    return {("state-changed", None)}


def insert_a_signal() -> Flaws:
    row = signal(SHARED).get()
    row.pk, row.uid, row.value = None, "0" * 32, hex_value(50)
    row.position += 1000
    row.save(force_insert=True)
    return {("signal-inserted", None)}


def delete_a_signal() -> Flaws:
    number = about(SHARED, "signal.shared")
    signal(SHARED).delete()
    return {("content-gone", number)}


def change_an_order() -> Flaws:
    annex = Order.objects.get().annex | {"urls": ["https://big-video.example/another"]}
    Order.objects.update(annex=annex)
    return {("content-changed", number_of("order.issued"))}


def erase_without_a_certificate() -> Flaws:
    number = about(SHARED, "signal.shared")
    signal(SHARED).update(**EMPTY, erased_at=LATER)
    Leaf.objects.filter(number=number).update(content_salt=None)
    return {("salt-gone", number)}


def forge_a_certificate() -> Flaws:
    """Say that something else was erased, and sign that with another key."""
    purge = Purge.objects.get()
    text = Note.read(purge.note).text.replace("erased 1\n", "erased 9\n")
    name = text.splitlines()[1]
    Purge.objects.update(note=sign(text, name=name, keys=[Ed25519PrivateKey.generate()]))
    return certificate_gone()


def put_an_erased_value_back() -> Flaws:
    row = Signal.objects.exclude(erased_at=None)
    row.update(value=hex_value(ERASED), erased_at=None)
    return {("purge-wrong", None)}


def swap_salts() -> Flaws:
    numbers = [entry.number for entry in rows("signal.shared")[:2]]
    first, second = Leaf.objects.filter(number__in=numbers)
    first.salt, second.salt = second.salt, first.salt
    first.save()
    second.save()
    return {("changed", first.number), ("changed", second.number)}


def delete_a_leaf() -> Flaws:
    number = number_of("signal.shared")
    Leaf.objects.filter(number=number).delete()
    return {("leaf-gone", number), ("tree-changed", None)}


def rewrite_an_entry_with_its_leaf() -> Flaws:
    change_an_entry()
    leaf = Leaf.objects.get(number=number_of("signal.shared"))
    row = entries_after(leaf.number - 1, limit=1)[0]
    leaf.data = entry_commitment(row, bytes(leaf.salt)) + bytes(leaf.data)[32:]
    leaf.save()
    return {("head-changed", None), ("tree-changed", None)}


def change_a_tile() -> Flaws:
    grow(256, hours=5)
    assert Node.objects.filter(level=1, place=0).update(hash=bytes(32)) == 1
    return {("tree-changed", None)}


def change_the_right_edge() -> Flaws:
    log = Log.objects.get()
    Log.objects.update(frontier=bytes(len(bytes(log.frontier))))
    return {("tree-changed", None)}


def sign_with_another_key() -> Flaws:
    key = Ed25519PrivateKey.generate()
    for model in (Head, OfferedHead):
        for row in model.objects.all():
            row.note = Checkpoint.read(Note.read(row.note).text).sign([key])
            row.save()
    return {("head-changed", None)}


def shrink_the_log() -> Flaws:
    """Put the rows of some entries ago back, as an old backup has them, and sign a head of them."""
    log = Log.objects.get()
    size, frontier = log.size - LAST, Frontier()
    Entry.objects.filter(number__gte=size).delete()
    Numbering.objects.update(entries=size - 1)
    Leaf.objects.filter(number__gte=size).delete()
    for leaf in Leaf.objects.order_by("number"):
        frontier.append(leaf_hash(bytes(leaf.data)))
    Log.objects.update(size=size, frontier=frontier.pack())
    note = Checkpoint(log.origin, size, frontier.root()).sign(hub_keys().private)
    for model in (Head, OfferedHead):
        last = model.objects.order_by("-size")[0]
        model.objects.exclude(pk=last.pk).delete()
        model.objects.update(size=size, note=note)
    return set()


def make_the_log_anew() -> Flaws:
    """The owner has the signing key: all that the hub has of its own holds."""
    opened_at = Log.objects.get().opened_at
    for model in (Leaf, Node, MassEnd, Head, OfferedHead, Log, Purge, ErasedDigest):
        model.objects.all().delete()
    while leaves.follow_ledger(opened_at):
        pass
    grow(LAST, hours=4)
    return set()


def rewrite_and_make_the_log_anew() -> Flaws:
    change_an_entry()
    return make_the_log_anew()


CHANGED = "entry N (…) was changed"
CONTENT = "what entry N (…) speaks of, …, was changed: its sharer, value, labels, handling or text"

REWRITES = [
    Rewrite("writes another actor into an entry", COMMAND, CHANGED, change_an_entry),
    Rewrite("changes the detail of an entry", COMMAND, CHANGED, change_a_detail),
    Rewrite("backdates an entry", COMMAND, CHANGED, backdate_an_entry),
    Rewrite("deletes an entry", COMMAND, "entry N was deleted", delete_an_entry),
    Rewrite(
        "deletes an entry, and numbers all later ones anew",
        COMMAND,
        "entry N was deleted",
        delete_and_close_the_gap,
    ),
    Rewrite("inserts an entry", COMMAND, "entry N (…) was inserted", insert_an_entry),
    Rewrite("swaps two entries", COMMAND, "entry N (…) has the number N now", swap_two_entries),
    Rewrite(
        "deletes the last entry, and sets the counter back",
        COMMAND,
        "the ledger's counter says N, and the log has N entries",
        set_the_counter_back,
    ),
    Rewrite("gives a signal to another sharer", COMMAND, CONTENT, swap_the_sharer),
    Rewrite("changes the value of a signal", COMMAND, CONTENT, change_a_value),
    Rewrite("changes a label of a signal in a bulk", COMMAND, CONTENT, change_a_label),
    Rewrite("changes the severity of a signal", COMMAND, CONTENT, change_a_severity),
    Rewrite("changes the TLP of a signal in a bulk", COMMAND, CONTENT, change_the_handling),
    Rewrite("drops a withdrawal with its entry", COMMAND, "entry N was deleted", drop_a_withdrawal),
    Rewrite(
        "makes a withdrawn signal live again",
        COMMAND,
        "signal … is live, and entry N says that it is withdrawn",
        undo_a_withdrawal_in_its_row,
    ),
    Rewrite(
        "makes an expired signal of a bulk live again",
        COMMAND,
        "signal … is live, and entry N says that it is expired",
        undo_an_expiry,
    ),
    Rewrite(
        "ends a signal without an entry",
        COMMAND,
        "signal … is withdrawn, and no entry says that it ended",
        end_a_signal,
    ),
    Rewrite(
        "inserts a signal without an entry",
        COMMAND,
        "no entry says that signal … was shared: it was inserted",
        insert_a_signal,
    ),
    Rewrite(
        "deletes a signal",
        COMMAND,
        "what entry N (…) speaks of, …, is gone or in part",
        delete_a_signal,
    ),
    Rewrite("changes what an order demands", COMMAND, CONTENT, change_an_order),
    Rewrite(
        "erases a signal and its salt without a certificate",
        COMMAND,
        "the salt of entry N is gone: nobody can check the entry any more",
        erase_without_a_certificate,
    ),
    Rewrite(
        "forges the certificate of an erasure",
        COMMAND,
        "the certificate of an erasure in entry N is not signed by the hub: …",
        forge_a_certificate,
    ),
    Rewrite(
        "keeps what a certificate says was erased",
        COMMAND,
        "a certificate says that signal … was erased, and it is still there",
        put_an_erased_value_back,
    ),
    Rewrite("swaps the salts of two leaves", COMMAND, CHANGED, swap_salts),
    Rewrite("deletes a leaf", COMMAND, "the leaf of entry N is gone", delete_a_leaf),
    Rewrite(
        "changes an entry and its leaf alike",
        COMMAND,
        "the hub's head of … has another root than the first N leaves have",
        rewrite_an_entry_with_its_leaf,
    ),
    Rewrite(
        "changes a tile",
        COMMAND,
        "the hash over leaves N to N is another than the log's",
        change_a_tile,
    ),
    Rewrite(
        "changes the right edge of the tree, from which it grows",
        COMMAND,
        "the log's row has another right edge than the leaves: later heads will be wrong",
        change_the_right_edge,
    ),
    Rewrite(
        "signs the heads with another key",
        COMMAND,
        "the hub's head of …: it is signed by …, and by no key that you trust",
        sign_with_another_key,
    ),
    Rewrite(
        "shrinks the log, or puts an old copy of the database back",
        KEPT,
        "the head of N leaves that you gave has N leaves, and the log only N: it was set back",
        shrink_the_log,
    ),
    Rewrite(
        "changes an entry, and makes the whole log anew with the hub's key",
        KEPT,
        "the head of N leaves that you gave has another root than the first N leaves have",
        rewrite_and_make_the_log_anew,
    ),
    Rewrite(
        "changes a leaf in the tiles that the hub shows",
        AUDITOR,
        "leaf N, of the ledger's entry N, is another than in your copy",
        rewrite_an_entry_with_its_leaf,
    ),
    Rewrite(
        "shrinks the log, or puts an old copy of the database back (as above)",
        AGENT,
        "it has N leaves, and had N: it was set back",
        shrink_the_log,
    ),
    Rewrite(
        "makes the whole log anew with the hub's key (as above)",
        AGENT,
        "the tree of N leaves does not continue that of N",
        rewrite_and_make_the_log_anew,
    ),
]
