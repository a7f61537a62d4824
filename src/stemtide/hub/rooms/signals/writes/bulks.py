# SPDX-License-Identifier: Apache-2.0
"""Share bulks: one at a time per party, in parts between which other parties can write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes.transactions import part, try_lock
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals import long_values
from stemtide.hub.rooms.signals.reads.sharing import bulk
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.signals import BulkOut, SharedSignal

ROWS_IN_A_PART = 4_000
"""Rows that one transaction of a partial bulk shares: 0.1 s of work."""

AGAIN_AFTER_S = 2
"""Retry-After for a bulk refused because another is running: most bulks take less time."""


@needs_no_entry("it is a lock")
@contextmanager
def one_bulk(by: Party) -> Iterator[None]:
    """Hold the party's lock for bulks, across all processes of the hub.

    raises: RateLimitError while another bulk of the party is being written.
    """
    with try_lock(f"bulk-{by.pk}") as is_ours:
        if not is_ours:
            raise RateLimitError(
                "your party has another bulk under way, and each party may write one at a time:"
                " send this one again in {seconds} s",
                retry_after_s=AGAIN_AFTER_S,
                seconds=AGAIN_AFTER_S,
            )
        yield


@needs_no_entry("share_parsed records the rows")
def share_bulk(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    partial: bool = False,
    actor_ref: str | None = None,
) -> BulkOut:
    """Share rows: all of them in one part, or none; with partial, the valid ones in many parts.

    A partial bulk that broke off can be sent again unchanged: rows that were written exist already,
    and the others follow. Call this within one_bulk.

    raises: NotAllowedError for observers; BulkRefusedError naming every bad row; RateLimitError.
    """
    rules.check_share(kind=PartyKind(by.kind))
    if not partial:
        return writes.share_parsed(ready, by=by, now=now, actor_ref=actor_ref, turn=part)
    if any(draft.long is not None for draft in ready.drafts):
        whole = bulk.plan(ready, by=by, now=now, is_dry_run=True)  # of sizes only
        long_values.check_budget([*whole.new, *whole.waiting], by=by, now=now)
    outs = [
        writes.share_parsed(
            ready_part, by=by, now=now, partial=True, actor_ref=actor_ref, turn=part
        )
        for ready_part in _in_parts(ready)
    ]
    return _merged(outs)


def _in_parts(ready: ParsedRows) -> Iterator[ParsedRows]:
    """Yield the drafts in parts that keep their row numbers; the errors go with the first part."""
    errors = ready.errors
    for start in range(0, len(ready.drafts) or 1, ROWS_IN_A_PART):
        yield replace(ready, drafts=ready.drafts[start : start + ROWS_IN_A_PART], errors=errors)
        errors = ()


def _merged(outs: Sequence[BulkOut]) -> BulkOut:
    """Return the result of all parts of a bulk, row by row."""
    signals: list[SharedSignal | None] = [None] * len(outs[0].signals)
    for out in outs:
        for row, shared in enumerate(out.signals):
            signals[row] = shared or signals[row]
    return BulkOut(
        created=sum(out.created for out in outs),
        waiting=sum(out.waiting for out in outs),
        existing=sum(out.existing for out in outs),
        refused=signals.count(None),
        signals=signals,
        errors=sorted((error for out in outs for error in out.errors), key=lambda error: error.row),
    )
