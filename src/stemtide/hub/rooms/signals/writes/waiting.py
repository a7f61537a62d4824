# SPDX-License-Identifier: Apache-2.0
"""Ask for a second look at new signals; count those shared, and those refused, in a day."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.approvals.writes.approvals import Asking, WaitingRow
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import RefusedTally
from stemtide.hub.rooms.signals.reads.sharing.second_looks import is_counted
from stemtide.hub.rooms.signals.rules.signals import (
    EXCHANGE,
    BulkRefusedError,
    RefusedTooOftenError,
    SignalDraft,
    check_counted,
    refused_rows,
)
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason


class _Share(NamedTuple):
    """Signals that are looked at together: all of these are the same for them."""

    reasons: tuple[WaitReason, ...]
    at_once: bool
    tlp: str
    audience: str
    crisis: UUID | None
    exercise: bool


@needs_no_entry("approvals record that somebody asks")
def ask(drafts: Iterable[SignalDraft], *, by: Party, now: datetime, through: str | None) -> None:
    """Ask for a second look at those drafts that need it. Call it in the transaction of the share.

    raises: RateLimitError if too many signals of the party wait.
    """
    shares: dict[_Share, list[SignalDraft]] = {}
    for draft in drafts:
        if draft.wait is not None:
            shares.setdefault(_share_of(draft), []).append(draft)
    for share, of_share in shares.items():
        asking = Asking(
            act=WaitingAct.SHARE,
            ref=through or "",
            reasons=share.reasons,
            count=len(of_share),
            tlp=share.tlp,
            audience=share.audience,
            crisis=share.crisis,
            exercise=share.exercise,
            is_done=share.at_once,
            signals=[_row(draft) for draft in of_share],
        )
        approvals.ask(asking, by=by, now=now)


@needs_no_entry("the share records itself")
def count(drafts: Sequence[SignalDraft], *, by: Party, now: datetime) -> None:
    """Count the signals that travel among those that the party shares today."""
    counts = Counter(draft.body.exercise for draft in drafts if is_counted(draft, by=by))
    for exercise, number in counts.items():
        approvals.count_acts(WaitingAct.SHARE, number, party=by, exercise=exercise, now=now)


@needs_no_entry("count_refused records them")
@contextmanager
def counting_refused(*, by: Party, now: datetime, through: str | None) -> Iterator[None]:
    """Count the values that were refused as known abuse material by a share that is rolled back.

    Open it outside the transaction of the share, so that the count is not rolled back.

    raises: RefusedTooOftenError instead of a refusal that names rows, if shares that ran beside
            this one have reached the limit meanwhile.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, RefusedTooOftenError):
            count_refused(error.count, by=by, now=now, through=through)
            raise
        refused = _refused_by(error) or _refused_by(error.__cause__)
        before = count_refused(refused, by=by, now=now, through=through)
        check_counted(refused, before=before, through=through, now=now)
        raise


def _refused_by(error: BaseException | None) -> int:
    """Return how many values an error refuses as known abuse material."""
    return refused_rows(error.errors) if isinstance(error, BulkRefusedError) else 0


@transaction.atomic
def count_refused(refused: int, *, by: Party, now: datetime, through: str | None) -> int:
    """Count values that were refused as known abuse material, and record their number only.

    Those that came through an exchange are recorded, and do not count against the party's limit.
    Return how many values the party had before on the same day.
    """
    if not refused:
        return 0
    ledger.lock_ledger()
    before = 0
    if not (through or "").startswith(EXCHANGE):
        today = now.astimezone(UTC).date()
        tally = RefusedTally.objects.filter(party=by, day=today).first()
        before = tally.count if tally else 0
        tallied = {"day": today, "count": before + refused}
        RefusedTally.objects.update_or_create(party=by, defaults=tallied)
    detail: dict[str, object] = {"count": refused}
    if through:
        detail["through"] = through
    ledger.append(
        "signals.refused",
        actor=by.ref,
        subject=by.ref,
        now=now,
        detail=detail,
        exercise=by.exercise,
    )
    return before


def _share_of(draft: SignalDraft) -> _Share:
    """Return the facts that a signal shares with those that are looked at with it."""
    assert draft.wait is not None  # noqa: S101  # the caller checked it
    wait, facts = draft.wait, draft.facts
    return _Share(
        wait.reasons, wait.at_once, facts.tlp, facts.audience, facts.crisis, draft.body.exercise
    )


def _row(draft: SignalDraft) -> WaitingRow:
    """Return the stored form of a draft until somebody decides."""
    assert draft.wait is not None  # noqa: S101  # the caller checked it
    return WaitingRow(
        uid=draft.uid,
        kind=draft.kind.value,
        value=draft.value,
        body=draft.body.model_dump_json(exclude_none=True),
        notes=dict(draft.wait.notes),
    )
