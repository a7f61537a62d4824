# SPDX-License-Identifier: Apache-2.0
"""Offer heads to witnesses, take their cosignatures, and list witnesses that the hub asks itself.

A cosignature is not an entry of the ledger: each entry grows the log, and
growth is cosigned.
"""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.transparency.models import Cosignature, Log, OfferedHead, Witness
from stemtide.hub.rooms.transparency.reads import log as log_reads, witnesses as reads
from stemtide.hub.rooms.transparency.reads.witnesses import DueWitness
from stemtide.hub.rooms.transparency.rules import witnesses as rules
from stemtide.protocol.sync.witnesses import CosignatureIn
from stemtide.protocol.tlog.cosignatures import WitnessKey
from stemtide.protocol.tlog.notes import Note, NoteError, read_signature

KEPT = timedelta(days=30)
"""How long heads with their cosignatures are kept; the newest stay longer."""


@needs_no_entry("a head follows from the entries of the ledger")
@needs_no_lock("the constraint on origin and size decides between two schedulers")
def offer_head(now: datetime) -> bool:
    """Offer the newest head to witnesses if it is time; return whether it was. Drop old ones."""
    log, newest = Log.objects.first(), log_reads.own_heads().first()
    if log is None or newest is None:
        return False
    ours = OfferedHead.objects.filter(origin=log.origin)
    last = ours.order_by("-size").first()
    offered = (last.size, last.offered_at) if last else (None, None)
    if not rules.is_due(newest.size, offered=offered[0], offered_at=offered[1], now=now):
        return False
    defaults = {"note": newest.note, "offered_at": now}
    with transaction.atomic():
        row, _ = ours.get_or_create(origin=log.origin, size=newest.size, defaults=defaults)
        OfferedHead.objects.filter(offered_at__lt=now - KEPT).exclude(pk=row.pk).delete()
    return True


@transaction.atomic
def add_cosignature(body: CosignatureIn, *, by: Caller, now: datetime) -> None:
    """Store a party's cosignature of an offered head; its first one adds it as a witness.

    Storing it again changes nothing.

    raises: InvalidError, NotFoundError, ConflictError.
    """
    key = rules.read_key(body.key)
    head = _offered(body.size)
    ledger.lock_ledger()
    row = Witness.objects.filter(key=str(key)).first()
    if row is None:
        others = Witness.objects.filter(party=by.party, removed_at=None).count()
        rules.check_party_key(key, party=by.party.name, others=others)
    elif row.party_id != by.party.pk or row.removed_at is not None:
        raise ConflictError(
            "this key is no witness of yours any more: make another, or ask the hub's operator"
        )
    signed_at = _check_line(body.line, key=key, head=head, now=now)
    if row is None:
        _replace(key, party=by.party, actor=by.ref, now=now)
        row = Witness.objects.create(key=str(key), party=by.party, added_at=now)
        detail: dict[str, object] = {"key": str(key)}
        ledger.append_by(
            "witness.added", by=by.actor, subject=f"witness:{key.name}", now=now, detail=detail
        )
    _store(row, head=head, line=body.line, signed_at=signed_at, now=now)


def _replace(key: WitnessKey, *, party: Party, actor: str, now: datetime) -> None:
    """Remove the party's older witness of the same name: an agent lost its key."""
    rows = Witness.objects.filter(party=party, removed_at=None, key__startswith=f"{key.name}+")
    if rows.update(removed_at=now):
        ledger.append("witness.removed", actor=actor, subject=f"witness:{key.name}", now=now)


@transaction.atomic
def list_witness(key_text: str, *, address: str, actor: str, now: datetime) -> WitnessKey:
    """List a witness that the hub asks itself (C2SP, tlog-witness).

    address: to which "/add-checkpoint" is appended.

    raises: InvalidError, ConflictError.
    """
    key = rules.read_key(key_text)
    if not address.startswith(("https://", "http://")):
        raise InvalidError(
            "address", "give the witness's address with https://, without /add-checkpoint"
        )
    ledger.lock_ledger()
    if Witness.objects.filter(key=str(key)).exists():
        raise ConflictError("{name} is or was a witness already", name=key.name)
    Witness.objects.create(key=str(key), address=address.rstrip("/"), added_at=now, next_at=now)
    detail: dict[str, object] = {"key": str(key), "address": address}
    ledger.append(
        "witness.added", actor=actor, subject=f"witness:{key.name}", now=now, detail=detail
    )
    return key


@transaction.atomic
def remove_witness(name: str, *, actor: str, now: datetime) -> None:
    """Remove a witness: its cosignatures are shown no more. raises: NotFoundError."""
    ledger.lock_ledger()
    rows = Witness.objects.filter(removed_at=None, key__startswith=f"{name}+")
    if not rows.update(removed_at=now, next_at=None):
        raise NotFoundError(
            "there is no witness {name}: see `stemtide ledger witness list`", name=name
        )
    ledger.append("witness.removed", actor=actor, subject=f"witness:{name}", now=now)


@needs_no_entry("it is of the transport")
@needs_no_lock("the row count of the claim decides between two schedulers")
def claim_due(now: datetime, *, until: datetime, limit: int) -> list[DueWitness]:
    """Claim listed witnesses that are to be asked. until: when the claim ends."""
    claimed = []
    for witness in reads.due(now)[:limit]:
        row = Witness.objects.get(pk=witness.pk)
        if claim(row, until=until):
            claimed.append(witness)
    return claimed


@needs_no_entry("a cosignature is no entry: the log would grow by it")
@needs_no_lock("the constraint on witness and head decides")
@transaction.atomic
def note_answer(witness: int, *, size: int, line: str, now: datetime) -> None:
    """Store the cosignature that a listed witness gave. raises: InvalidError, NotFoundError."""
    row = Witness.objects.select_for_update().get(pk=witness)
    head = _offered(size)
    signed_at = _check_line(line, key=rules.read_key(row.key), head=head, now=now)
    row.next_at, row.trouble = now, ""
    row.save(update_fields=["next_at", "trouble"])
    _store(row, head=head, line=line, signed_at=signed_at, now=now)


@needs_no_entry("it is of the transport")
@needs_no_lock("one scheduler has claimed the row")
def note_failure(witness: int, *, trouble: str, next_at: datetime, size: int | None = None) -> None:
    """Record why a listed witness did not cosign. size: of the head that it says it has."""
    changes: dict[str, object] = {"trouble": trouble, "next_at": next_at}
    if size is not None:
        changes["size"] = size
    Witness.objects.filter(pk=witness).update(**changes)


def _offered(size: int) -> OfferedHead:
    """Return the offered head of a size. raises: NotFoundError."""
    log = Log.objects.first()
    head = OfferedHead.objects.filter(origin=log.origin, size=size).first() if log else None
    if head is None:
        raise NotFoundError(
            "the hub offered no head of {size} leaves: cosign the one at /log/offered", size=size
        )
    return head


def _check_line(line: str, *, key: WitnessKey, head: OfferedHead, now: datetime) -> datetime:
    """Return when a key cosigned a head. raises: InvalidError."""
    try:
        at = key.signed_at(Note.read(head.note).text, read_signature(line.rstrip("\n")))
        signed_at = datetime.fromtimestamp(at, UTC)
    except NoteError as error:
        raise InvalidError("line", "{why}", why=str(error)) from error
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidError("line", "its time is no time") from error
    rules.check_time(signed_at, now=now)
    return signed_at


def _store(
    row: Witness, *, head: OfferedHead, line: str, signed_at: datetime, now: datetime
) -> None:
    """Store a cosignature, and that the witness was seen."""
    defaults = {"line": line.rstrip("\n") + "\n", "signed_at": signed_at}
    Cosignature.objects.get_or_create(witness=row, head=head, defaults=defaults)
    if head.size >= row.size:
        Witness.objects.filter(pk=row.pk).update(size=head.size, seen_at=now)
