# SPDX-License-Identifier: Apache-2.0
"""Write that somebody read or exported something: once an hour for each reader and thing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.rules.ledger import PARTY_OF_EXERCISE, READ_ONCE_IN, ActorLike
from stemtide.hub.rooms.ledger.writes import ledger


@transaction.atomic
def note_read(
    kind: str,
    *,
    by: ActorLike,
    subject: str,
    now: datetime,
    detail: dict[str, object] | None = None,
    exercise: bool = False,
    crisis: UUID | None = None,
    distinct: Sequence[str] = (),
) -> None:
    """Append that somebody read something, unless they did so within the last hour.

    distinct: names of details: with another value of them it is another thing.

    Parties that exist for an exercise read invented things, also while it stands still.

    The first look asks without the lock, so that a page that is loaded again waits for nobody.
    """
    if by.party.ref.startswith(PARTY_OF_EXERCISE):
        return
    same = {name: (detail or {})[name] for name in distinct}
    if _is_noted(kind, by=by, subject=subject, same=same, now=now):
        return
    ledger.lock_ledger()
    if not _is_noted(kind, by=by, subject=subject, same=same, now=now):
        ledger.append_by(
            kind,
            by=by,
            subject=subject,
            now=now,
            detail=detail,
            exercise=exercise,
            crisis=crisis,
        )


@needs_no_lock("note_read takes it")
def note_people_searched(groups: Sequence[str], *, by: ActorLike, now: datetime) -> None:
    """Append that a search found rows about people. groups: of its results; never its words."""
    detail: dict[str, object] = {"groups": sorted(groups)}
    distinct = ("groups",)
    note_read("people.searched", by=by, subject=by.ref, now=now, detail=detail, distinct=distinct)


@needs_no_lock("note_read takes it")
def note_signals_exported(file_format: str, *, by: ActorLike, now: datetime) -> None:
    """Append that somebody exported signals as a file."""
    detail: dict[str, object] = {"as": file_format}
    distinct = ("as",)
    note_read("signals.exported", by=by, subject=by.ref, now=now, detail=detail, distinct=distinct)


@needs_no_lock("note_read takes it")
def note_ledger_exported(
    file_format: str, *, filter_digest: str, by: ActorLike, now: datetime
) -> None:
    """Append that somebody exported the ledger of their party. Another filter is another export."""
    detail: dict[str, object] = {"as": file_format, "filter": filter_digest}
    note_read(
        "ledger.exported",
        by=by,
        subject=by.party.ref,
        now=now,
        detail=detail,
        distinct=("filter",),
    )


def _is_noted(
    kind: str, *, by: ActorLike, subject: str, same: Mapping[str, object], now: datetime
) -> bool:
    """Whether the last hour has such an entry. It asks by subject, which has an index."""
    return Entry.objects.filter(
        subject=subject,
        kind=kind,
        actor=by.party.ref,
        detail__through=by.ref,
        recorded_at__gt=now - READ_ONCE_IN,
        **{f"detail__{name}": value for name, value in same.items()},
    ).exists()
