# SPDX-License-Identifier: Apache-2.0
"""Write to collections: post and delete objects.

The effects of a post on signals are in writes/posts.py, generated objects in writes/builder.py.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.writes.signals import Turn
from stemtide.hub.rooms.signals.writes.waiting import counting_refused
from stemtide.hub.rooms.stix import rules
from stemtide.hub.rooms.stix.models import Receipt, StixObject
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.rules import Collection
from stemtide.hub.rooms.stix.writes import posts
from stemtide.hub.rooms.stix.writes.posts import Posting
from stemtide.interop.stix.objects import stix_time

MAX_OBJECTS = 5_000
"""Maximum objects of a post."""


def post(
    objects: Sequence[object],
    *,
    to: Collection,
    by: Caller,
    now: datetime,
    turn: Turn | None = None,
) -> dict[str, Any]:
    """Take a party's posted objects; return the status of each, as a TAXII status.

    One invalid object does not affect the others. Signals, counts, opinions and withdrawals follow
    the same rules and ledger entries as the hub's own API; the objects are stored as posted.

    Objects are parsed before the write lock is taken. A long post is split into several
    transactions, each with its ledger entry, so that others can write in between; it can be posted
    again after a crash or a limit, as everything taken so far is stored.

    turn: opens each of these transactions. Without one, a post of few objects does not wait for
    long writes of others.

    raises: NotAllowedError if the party may not write here; RateLimitError.
    """
    rules.check_write(to)
    posting = Posting(to, by=by, now=now)
    posting.read(objects)
    if turn is None:
        turn = part if len(objects) > posts.ACTS_IN_A_TURN else transaction.atomic
    body = None
    while body is None:
        with counting_refused(by=by.party, now=now, through=by.ref), turn():
            body = _apply_part(posting, to=to, by=by, now=now)
    return body


def _apply_part(
    posting: Posting, *, to: Collection, by: Caller, now: datetime
) -> dict[str, Any] | None:
    """Take a part of a post that one transaction has room for; return the status once complete."""
    ledger.lock_ledger()
    taken_count, refused_count = posting.apply_part()
    ledger.append_by(
        "objects.posted",
        by=by.actor,
        subject=f"collection:{to.id}",
        now=now,
        detail={"count": taken_count, "refused": refused_count},
        exercise=bool(to.exercise),
        crisis=to.crisis,
    )
    if not posting.is_done:
        return None
    uid = uuid4()
    body = _status(uid, posting, now=now)
    Receipt.objects.create(uid=uid, party=by.party, received_at=now, body=body)
    return body


@transaction.atomic
def take_away(
    stix_id: str,
    *,
    of: Collection,
    versions: frozenset[datetime] | None = None,
    by: Caller,
    now: datetime,
) -> None:
    """Delete a posted object, all of its versions or some.

    raises: NotFoundError, NotAllowedError.
    """
    ledger.lock_ledger()
    rows = list(
        reads.stored_objects(of, viewer=by.party).filter(stix_id=stix_id).order_by("position")
    )
    if not rows and reads.find_signal(stix_id, viewer=by.party) is None:
        raise NotFoundError("this collection has no such object that your party may see")
    is_own = bool(rows) and all(row.shared_by_id == by.party.pk for row in rows)
    is_plain = bool(rows) and all(row.signal_id is None and not row.made_from for row in rows)
    is_plain = is_plain and not reads.parts(stix_id, viewer=by.party)
    rules.check_delete(of, is_own=is_own, is_plain=is_plain)
    gone = [row.pk for row in rows if versions is None or row.version_at in versions]
    if not gone:
        raise NotFoundError("this object has no such version")
    StixObject.objects.filter(pk__in=gone).delete()
    _update_ends(stix_id)
    ledger.append_by(
        "objects.deleted",
        by=by.actor,
        subject=f"collection:{of.id}",
        now=now,
        detail={"count": len(gone)},
        exercise=bool(of.exercise),
        crisis=of.crisis,
    )


@needs_no_lock("it deletes rows, and appends nothing")
@needs_no_entry("it deletes receipts of old posts")
@transaction.atomic
def forget_receipts(now: datetime) -> int:
    """Delete old statuses of posts; return how many."""
    old = Receipt.objects.filter(received_at__lt=now - rules.KEEP_RECEIPTS)
    return old.delete()[0] if old.exists() else 0


def _update_ends(stix_id: str) -> None:
    """Update which version of an object is its first and which its latest, for each crisis."""
    rows = StixObject.objects.filter(stix_id=stix_id).order_by("version_at", "position")
    places: dict[tuple[int, int | None], list[StixObject]] = {}
    for row in rows:
        places.setdefault((row.shared_by_id, row.crisis_id), []).append(row)
    for left in places.values():
        for place, row in enumerate(left):
            row.is_first, row.is_latest = place == 0, place == len(left) - 1
            row.save(update_fields=["is_first", "is_latest"])


def _status(uid: UUID, posting: Posting, *, now: datetime) -> dict[str, Any]:
    """Return the status of a post. Empty lists are left out, as TAXII requires."""
    body: dict[str, Any] = {
        "id": str(uid),
        "status": "complete",
        "request_timestamp": stix_time(now),
        "total_count": len(posting.taken) + len(posting.refused),
        "success_count": len(posting.taken),
        "failure_count": len(posting.refused),
        "pending_count": 0,
    }
    if posting.taken:
        body["successes"] = [fate.as_json() for fate in posting.taken]
    if posting.refused:
        body["failures"] = [fate.as_json() for fate in posting.refused]
    return body
