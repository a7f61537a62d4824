# SPDX-License-Identifier: Apache-2.0
"""Write the allow-list: add, remove and restore entries, and count how often agents met them.

Doors add entries through signals/writes/allowlists.py: only the room of signals knows which live
signals an entry covers.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.allowlists import reads, rules
from stemtide.hub.rooms.allowlists.models import AllowEntry, AllowMatches, ListState
from stemtide.hub.rooms.allowlists.rules import AllowDraft, Coverage
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.sync.allowlists import (
    AllowEntryOut,
    AllowlistAddedOut,
    AllowMatchesIn,
    AllowRemoveIn,
)


@transaction.atomic
def add(
    drafts: Sequence[AllowDraft],
    *,
    coverage: Coverage,
    is_accepted: bool,
    by: Actor,
    now: datetime,
) -> AllowlistAddedOut:
    """Add entries. A value that is on the list already keeps its entry.

    coverage: the live signals of others that the drafts cover. is_accepted: they are known.

    raises: NotAllowedError, ConflictError.
    """
    rules.check_change(kind=by.kind, role=by.role)
    rules.check_coverage(coverage, role=by.role, is_accepted=is_accepted)
    ledger.lock_ledger()
    before = reads.find_values((draft.kind, draft.value) for draft in drafts)
    rows: dict[tuple[str, str], AllowEntry] = {
        key: row for key, row in before.items() if not _has_expired(row, now=now)
    }
    created = []
    for draft in drafts:
        key = (draft.kind.value, draft.value)
        if key not in rows:
            rows[key] = _row(draft, by=by, now=now)
            created.append(rows[key])
    rules.check_room(AllowEntry.objects.filter(removed_at=None).count() + len(created))
    for key in {(row.kind, row.value) for row in created} & before.keys():
        _leave(before[key], reason="expired", by=by, now=now)
    AllowEntry.objects.bulk_create(created, batch_size=500)
    if created:
        _note_change(now)
        _record_added(created, coverage=coverage, by=by, now=now)
    return AllowlistAddedOut(
        created=len(created),
        existing=len(drafts) - len(created),
        covered=coverage.covered,
        protected=coverage.protected,
        ids=[rows[draft.kind.value, draft.value].uid for draft in drafts],
    )


@transaction.atomic
def remove(uid: UUID, *, body: AllowRemoveIn, by: Actor, now: datetime) -> AllowEntryOut:
    """Remove an entry: agents act again on content that it covered, from the next upload on.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid)
    rules.check_remove(removed_at=row.removed_at, kind=by.kind, role=by.role)
    _leave(row, reason=body.reason, by=by, now=now)
    _note_change(now)
    ledger.append_by("allow_entry.removed", by=by, subject=row.ref, now=now)
    return reads.describe(row)


@transaction.atomic
def restore(
    uid: UUID, *, coverage: Coverage, is_accepted: bool, by: Actor, now: datetime
) -> AllowEntryOut:
    """Put a removed entry back. coverage, is_accepted: as for `add`.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    rules.check_change(kind=by.kind, role=by.role)
    rules.check_coverage(coverage, role=by.role, is_accepted=is_accepted)
    ledger.lock_ledger()
    row = reads.find(uid)
    rules.check_restore(is_listed=reads.is_listed(row), kind=by.kind, role=by.role)
    row.removed_at, row.removed_by, row.removed_ref, row.removed_reason = None, None, "", ""
    row.save()
    _note_change(now)
    ledger.append_by(
        "allow_entry.restored", by=by, subject=row.ref, now=now, detail=_numbers(coverage)
    )
    return reads.describe(row)


@transaction.atomic
def count_matches(agent: str, *, body: AllowMatchesIn, by: Party, now: datetime) -> None:
    """Store how often an agent has met content of entries. They replace its earlier counts.

    Unknown entries are left out: the hub may have been restored from a backup.
    """
    ledger.lock_ledger()
    counts = {count.entry: count.count for count in body.counts}
    pks = dict(AllowEntry.objects.filter(uid__in=list(counts)).values_list("uid", "pk"))
    AllowMatches.objects.filter(party=by, agent=agent).delete()
    AllowMatches.objects.bulk_create(
        AllowMatches(entry_id=pk, party=by, agent=agent, count=counts[uid])
        for uid, pk in pks.items()
    )
    ledger.append(
        "allow_matches.reported",
        actor=by.ref,
        subject=by.ref,
        now=now,
        detail={"entries": len(pks), "count": sum(counts[uid] for uid in pks)},
    )


def _row(draft: AllowDraft, *, by: Actor, now: datetime) -> AllowEntry:
    """Return a new row of a draft."""
    body = draft.body
    return AllowEntry(
        uid=uuid4(),
        kind=draft.kind.value,
        value=draft.value,
        url=draft.url,
        reach=draft.reach,
        within_bits=draft.within_bits,
        source=body.source,
        source_url=body.source_url,
        reason=body.reason,
        added_by=by.party,
        added_ref=by.ref,
        added_at=now,
        expires_at=body.expires_at,
    )


def _has_expired(row: AllowEntry, *, now: datetime) -> bool:
    """Whether an entry's time is over."""
    return row.expires_at is not None and row.expires_at <= now


def _leave(row: AllowEntry, *, reason: str, by: Actor, now: datetime) -> None:
    """Take a row off the list."""
    row.removed_at, row.removed_by, row.removed_ref = now, by.party, by.ref
    row.removed_reason = reason
    row.save()


def _note_change(now: datetime) -> None:
    """Give the list another version, and a feed position by which every stream wakes."""
    state = ListState.objects.first() or ListState()
    state.version, state.changed_at = uuid4().hex, now
    state.position = ledger.take_positions(1, now=now)
    state.save()


def _record_added(
    rows: Sequence[AllowEntry], *, coverage: Coverage, by: Actor, now: datetime
) -> None:
    """Append added entries to the ledger: one act, however many they are."""
    detail = {"count": len(rows), **_numbers(coverage)}
    subject = rows[0].ref if len(rows) == 1 else by.party.ref
    ledger.append_by("allow_entry.added", by=by, subject=subject, now=now, detail=detail)


def _numbers(coverage: Coverage) -> dict[str, object]:
    """Return how many signals of others are covered, as the ledger records it."""
    return {"covered": coverage.covered, "protected": coverage.protected}
