# SPDX-License-Identifier: Apache-2.0
"""Read batches, for senders and agencies, and check rows before they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import marked_for
from stemtide.hub.rooms.referrals.models import Batch, BatchRow, Hold, Referral
from stemtide.hub.rooms.referrals.reads import search, targets
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.referrals.rules.batches import (
    ReferralDraft,
    UnreadableRow,
    check_open,
    read_row,
    repeats,
)
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import RowOutcome
from stemtide.protocol.messages.batches import (
    BatchOut,
    BatchRowIn,
    BatchRowOut,
    CheckRowsIn,
    RowPage,
    RowsOut,
)

MAX_PAGE = 1000
"""Rows in one page."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of one row. draft: None for a bad row. own: the sender's referral of the same."""

    number: int
    outcome: RowOutcome
    message: str = ""
    draft: ReferralDraft | None = None
    provider: Party | None = None
    holds: tuple[Hold, ...] = ()
    own: Referral | None = None


def batch(uid: UUID, *, viewer: Party) -> BatchOut:
    """Return a batch that the viewer may see.

    raises: NotFoundError, also for a batch that the viewer may not see.
    """
    return describe_batch(find_batch(uid, viewer=viewer), viewer=viewer)


def find_batch(uid: UUID, *, viewer: Party) -> Batch:
    """Return the row of a batch, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no batch {uid} that your party may see", uid=uid)
    return row


def batches(*, viewer: Party, limit: int = 100) -> list[BatchOut]:
    """Return the batches that a party may see, the latest first."""
    return [describe_batch(row, viewer=viewer) for row in _visible(viewer)[:limit]]


def rows(uid: UUID, *, viewer: Party, after: int = 0, limit: int = MAX_PAGE) -> RowPage:
    """Return the outcomes of a batch's rows, by number.

    raises: NotFoundError.
    """
    of = find_batch(uid, viewer=viewer)
    size = max(1, min(limit, MAX_PAGE))
    fetched = list(
        of.rows.filter(number__gt=after).select_related("referral").order_by("number")[: size + 1]
    )
    page = [describe_row(row) for row in fetched[:size]]
    return RowPage(rows=page, next=page[-1].number if page else after, more=len(fetched) > size)


def check_rows(body: CheckRowsIn, *, viewer: Party, role: Role | None, now: datetime) -> RowsOut:
    """Return the outcome that each row would have. Nothing is stored, and nobody learns of it.

    role: of the person who asks; None for a machine.

    raises: NotAllowedError; InvalidError for a crisis that does not fit.
    """
    check_open(kind=PartyKind(viewer.kind), role=role)
    targets.crisis(body.crisis, exercise=body.exercise, viewer=viewer)
    judged = judge(body.rows, viewer=viewer, exercise=body.exercise, again=body.again, now=now)
    rows_by_number = {row.number: row for row in body.rows}
    return RowsOut(
        rows=[
            BatchRowOut(
                number=judged_row.number,
                url=rows_by_number[judged_row.number].url[:4096],
                provider=rows_by_number[judged_row.number].provider[:60],
                outcome=judged_row.outcome,
                message=judged_row.message,
                referral=judged_row.own.uid if judged_row.own else None,
                reference=judged_row.own.reference if judged_row.own else "",
            )
            for judged_row in judged
        ]
    )


def judge(
    rows: Sequence[BatchRowIn],
    *,
    viewer: Party,
    exercise: bool,
    again: bool,
    now: datetime,
) -> list[Judged]:
    """Return the outcomes of rows in their order, in numbered steps.

    1. Each row is read by itself.  2. Providers are looked up, all at once.
    3. What is around the addresses is looked up, all at once.  4. The rules speak on each.
    """
    read = [read_row(row, exercise=exercise) for row in rows]  # 1
    names = {draft.body.provider for draft in read if isinstance(draft, ReferralDraft)}
    providers = targets.providers(names, exercise=exercise)  # 2
    good = [
        draft
        for draft in read
        if isinstance(draft, ReferralDraft) and draft.body.provider in providers
    ]
    around = search.surroundings(  # 3
        {draft.digest for draft in good}, viewer=viewer, exercise=exercise, now=now
    )
    twice = repeats(
        (draft.number, (draft.digest, providers[draft.body.provider].pk)) for draft in good
    )
    return [  # 4
        _judge(row, providers=providers, around=around, twice=twice, again=again) for row in read
    ]


def _judge(
    row: ReferralDraft | UnreadableRow,
    *,
    providers: dict[str, Party],
    around: search.Surroundings,
    twice: dict[int, int],
    again: bool,
) -> Judged:
    """Return the outcome of one row."""
    if isinstance(row, UnreadableRow):
        return Judged(row.number, row.outcome, row.message)
    provider = providers.get(row.body.provider)
    if provider is None:
        message = f"there is no provider {row.body.provider!r}: see the list of parties"
        return Judged(row.number, RowOutcome.UNKNOWN_PROVIDER, message)
    if row.number in twice:
        message = f"row {twice[row.number]} names the same address"
        return Judged(row.number, RowOutcome.DUPLICATE, message)
    outcome = rules.verdict(around.around(row.digest, provider.pk), again=again)
    own = around.own.get((row.digest, provider.pk))
    holds = tuple(around.holds.get(row.digest, ()))
    return Judged(
        row.number,
        outcome,
        _why(outcome, own=own, holds=holds),
        draft=row,
        provider=provider,
        holds=holds if outcome is RowOutcome.HELD else (),
        own=own if outcome is RowOutcome.DUPLICATE else None,
    )


def _why(outcome: RowOutcome, *, own: Referral | None, holds: tuple[Hold, ...]) -> str:
    """Return why a row is not simply sent, and the remedy."""
    if outcome is RowOutcome.DUPLICATE and own:
        return f"your party refers it already, as {own.reference}"
    if outcome is RowOutcome.HELD:
        last = max(holds, key=lambda hold: hold.until)
        until = f"{last.until:%Y-%m-%d %H:%M} UTC"
        return f"waits for a hold of {last.holder.name} until {until}: call {last.contact}"[:500]
    if outcome is RowOutcome.REFERRED_BY_OTHERS:
        return "another authority's referral awaits its answer: search for it to see whose"
    return ""


def describe_batch(row: Batch, *, viewer: Party) -> BatchOut:
    """Return a batch as the message of the API."""
    counts = row.rows.order_by().values_list("outcome").annotate(Count("pk"))
    outcomes = {RowOutcome(outcome): count for outcome, count in counts}
    return BatchOut(
        id=row.uid,
        name=row.name,
        sender=row.sender.name,
        crisis=crises.visible_id(row.crisis, viewer=viewer),
        exercise=row.exercise,
        opened_at=row.opened_at,
        rows=sum(outcomes.values()),
        outcomes=outcomes,
    )


def describe_row(row: BatchRow) -> BatchRowOut:
    """Return a row as the message of the API."""
    return BatchRowOut(
        number=row.number,
        url=row.url,
        provider=row.provider,
        outcome=RowOutcome(row.outcome),
        message=row.message,
        referral=row.referral.uid if row.referral else None,
        reference=row.referral.reference if row.referral else "",
    )


def _visible(viewer: Party) -> QuerySet[Batch]:
    """Return a party's own batches; all batches for agencies."""
    batches = marked_for(viewer, Batch.objects.select_related("sender", "crisis"))
    return batches if viewer.kind == PartyKind.AGENCY else batches.filter(sender=viewer)
