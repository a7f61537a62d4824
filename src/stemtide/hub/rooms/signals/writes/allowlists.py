# SPDX-License-Identifier: Apache-2.0
"""Change the allow-list, after looking at the live signals that entries cover.

The signals are counted before the ledger's lock is taken: that reads all pictures or addresses,
and other writers must not wait for it. A signal that is shared meanwhile is on the entry's page.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.allowlists import reads, rules, writes
from stemtide.hub.rooms.allowlists.rules import AllowDraft, AllowlistRefusedError
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.reads import allowed
from stemtide.protocol.messages.signals import RowError
from stemtide.protocol.sync.allowlists import (
    AllowEntryOut,
    AllowlistAddedOut,
    AllowlistIn,
    AllowRestoreIn,
)


@needs_no_entry("the room of the allow-list records it")
def add(body: AllowlistIn, *, by: Actor, now: datetime) -> AllowlistAddedOut:
    """Add entries to the allow-list, all or none.

    raises: NotAllowedError; AllowlistRefusedError naming every bad row; ConflictError saying how
            many signals of others they cover, unless that is accepted.
    """
    rules.check_change(kind=by.kind, role=by.role)
    drafts, errors = _read(body, by=by, now=now)
    if errors:
        raise AllowlistRefusedError(errors)
    counted = allowed.coverage(_new(drafts, now=now), by=by.party)
    return writes.add(drafts, coverage=counted, is_accepted=body.accept_covered, by=by, now=now)


@needs_no_entry("nothing is written")
def check(body: AllowlistIn, *, by: Actor, now: datetime) -> AllowlistAddedOut:
    """Return the effect of adding these entries. raises: NotAllowedError."""
    rules.check_change(kind=by.kind, role=by.role)
    drafts, errors = _read(body, by=by, now=now)
    new = _new(drafts, now=now)
    counted = allowed.coverage(new, by=by.party)
    return AllowlistAddedOut(
        created=len(new),
        existing=len(drafts) - len(new),
        covered=counted.covered,
        protected=counted.protected,
        errors=errors,
    )


@needs_no_entry("the room of the allow-list records it")
def restore(uid: UUID, *, body: AllowRestoreIn, by: Actor, now: datetime) -> AllowEntryOut:
    """Put a removed entry back.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    rules.check_change(kind=by.kind, role=by.role)
    counted = allowed.coverage([reads.find(uid)], by=by.party)
    return writes.restore(uid, coverage=counted, is_accepted=body.accept_covered, by=by, now=now)


def _read(
    body: AllowlistIn, *, by: Actor, now: datetime
) -> tuple[list[AllowDraft], list[RowError]]:
    """Return the valid rows, and the errors of the others."""
    errors: list[RowError] = []
    return rules.read_entries(body.entries, errors=errors, role=by.role, now=now), errors


def _new(drafts: Sequence[AllowDraft], *, now: datetime) -> list[AllowDraft]:
    """Return the drafts whose values are not on the list, each value once."""
    before = reads.find_values((draft.kind, draft.value) for draft in drafts)
    by_value = {
        (draft.kind.value, draft.value): draft
        for draft in reversed(drafts)
        if (row := before.get((draft.kind.value, draft.value))) is None
        or (row.expires_at is not None and row.expires_at <= now)
    }
    return list(by_value.values())
