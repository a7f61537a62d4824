# SPDX-License-Identifier: Apache-2.0
"""Find the new signals that need a second look before they travel, and why. Decision 0113."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from stemtide.hub.rooms.allowlists.reads import met
from stemtide.hub.rooms.approvals.models import WaitingSignal
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.rules import NOTES
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.reads.runaways import lowered_before
from stemtide.hub.rooms.signals.reads.sharing.breadth import estimate
from stemtide.hub.rooms.signals.rules import breadth as breadth_rules
from stemtide.hub.rooms.signals.rules.signals import SignalDraft, Wait
from stemtide.protocol.messages.signals import SignalIn
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason, second_look
from stemtide.protocol.trust.standing import EXACT_DIGESTS, WHOLE_SITES

Noted = dict[int, dict[WaitReason, str]]
"""For each draft, by its index, the reasons for a second look with what was found."""


def waits(
    drafts: Sequence[SignalDraft],
    *,
    by: Party,
    active: Collection[UUID],
    now: datetime,
    approved: Collection[WaitReason] | None = None,
) -> dict[int, Wait]:
    """Return why new signals need a second look, by their index in drafts; the others travel.

    active:   the crises among theirs that are active.
    approved: reasons for which they had a second look; None: they had none.
    """
    noted: Noted = {}
    _look_at_reach(drafts, noted)
    _look_at_breadth(drafts, noted, by=by)
    _look_at_allow_list(drafts, noted, now=now)
    if approved is None:
        _look_at_number(drafts, noted, by=by, now=now)
    waiting = {}
    for place, notes in noted.items():
        reasons = tuple(r for r in WaitReason if r in notes and r not in (approved or ()))
        if reasons:
            is_at_once = second_look().is_at_once_in_crisis(reasons)
            at_once = is_at_once and drafts[place].body.crisis in active
            waiting[place] = Wait(reasons, {r: notes[r] for r in reasons if notes[r]}, at_once)
    return waiting


def _look_at_reach(drafts: Sequence[SignalDraft], noted: Noted) -> None:
    """Find the signals that cover a folder or host of the web."""
    for place, draft in enumerate(drafts):
        if draft.body.reach in WHOLE_SITES:
            noted.setdefault(place, {})[WaitReason.REACH] = ""


def _look_at_breadth(drafts: Sequence[SignalDraft], noted: Noted, *, by: Party) -> None:
    """Find the signals that would match much other content, or whose value did before."""
    notes = {
        place: [breadth.note]
        for place, breadth in estimate(drafts, by=by).items()
        if breadth.is_broad
    }
    lowered = lowered_before({draft.value for draft in drafts}, by=by)
    for place, draft in enumerate(drafts):
        if (draft.kind.value, draft.value, draft.body.exercise) in lowered:
            notes.setdefault(place, []).append(
                breadth_rules.NOTES[breadth_rules.BreadthReason.LOWERED_BEFORE]
            )
    for place, of_place in notes.items():
        noted.setdefault(place, {})[WaitReason.BROAD] = "; ".join(of_place)


def _look_at_allow_list(drafts: Sequence[SignalDraft], noted: Noted, *, now: datetime) -> None:
    """Find the signals that meet the hub's allow-list."""
    for place, entry in met(drafts, now=now).items():
        note = NOTES[WaitReason.ALLOW_LISTED].format(
            reason=entry.reason, source=entry.source, by=entry.added_by.title
        )
        noted.setdefault(place, {})[WaitReason.ALLOW_LISTED] = note


def _look_at_number(
    drafts: Sequence[SignalDraft], noted: Noted, *, by: Party, now: datetime
) -> None:
    """Find the signals beyond those that a party shares in a day without a second look."""
    most = second_look().shares_a_day.of(by.trust)
    left: dict[bool, int] = {}
    for place, draft in enumerate(drafts):
        if place in noted or not is_counted(draft, by=by):
            continue
        exercise = draft.body.exercise
        if exercise not in left:
            left[exercise] = most - approvals.count_today(
                WaitingAct.SHARE, party=by, exercise=exercise, now=now
            )
        left[exercise] -= 1
        if left[exercise] < 0:
            note = NOTES[WaitReason.MANY_A_DAY].format(most=f"{most:,}")
            noted[place] = {WaitReason.MANY_A_DAY: note}


def is_counted(draft: SignalDraft, *, by: Party) -> bool:
    """Whether a signal counts among those that a party shares in a day.

    Exact digests of a party that the agency lets speak alone for them do not.
    """
    return not (by.speaks_for_digests and draft.kind in EXACT_DIGESTS)


def wait_of(row: WaitingSignal) -> Wait:
    """Return why a signal waits that was shared before."""
    reasons = tuple(WaitReason(reason) for reason in row.approval.reasons)
    return Wait(reasons, {WaitReason(reason): note for reason, note in row.notes.items()})


def waiting_of(contents: Collection[UUID], *, by: Party) -> list[UUID]:
    """Return the ids of a party's own waiting signals of these pieces of content."""
    named = Q(pk__in=[])
    for content in contents:
        named |= Q(body__contains=str(content))
    rows = WaitingSignal.objects.filter(named, party=by, is_open=True)
    return [row.uid for row in rows if SignalIn.model_validate_json(row.body).content in contents]
