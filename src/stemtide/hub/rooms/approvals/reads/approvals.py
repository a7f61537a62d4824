# SPDX-License-Identifier: Apache-2.0
"""Read acts that wait for a second look, and the signals among them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.approvals import rules
from stemtide.hub.rooms.approvals.models import AffectedSignal, Approval, WaitingSignal
from stemtide.hub.rooms.crises.reads import crises, participants
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.protocol.approvals import (
    AffectedSignalOut,
    ApprovalOut,
    ApprovalPage,
    WaitingSignalOut,
)
from stemtide.protocol.enums import ApprovalState, PartyKind
from stemtide.protocol.handling import TLP_ALLOWS, Tlp
from stemtide.protocol.messages.signals import RowError, SignalIn
from stemtide.protocol.trust.second_look import (
    WaitingAct,
    WaitReason,
    Who,
    roles_towards,
    second_look,
)
from stemtide.protocol.trust.standing import SPEAKING_ALONE

MAX_PAGE = 200
"""Maximum acts of a page."""

FIRST = 3
"""Acts that the board and the inbox name."""

SAMPLE = 20
"""Signals of a share that are shown."""

_AT_ONCE = 900

_DONE = (
    "SELECT count FROM approvals_actcount"
    " WHERE party_id = %s AND act = %s AND exercise = %s AND day = %s"
)
_ANY_WAITING = "SELECT 1 FROM approvals_waitingsignal WHERE party_id = %s AND is_open LIMIT 1"


def approvals(
    *,
    viewer: Party,
    state: ApprovalState | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> ApprovalPage:
    """Return the acts that a party may see, newest first, without their signals.

    state: only those in this state. before: only those older than this one.
    """
    rows = _rows(viewer)
    waiting = rows.filter(state=ApprovalState.WAITING).count()
    if state is not None:
        rows = rows.filter(state=state)
    if before is not None:
        last = Approval.objects.filter(uid=before).values_list("pk", flat=True).first()
        rows = rows.filter(pk__lt=last or 0)
    size = max(1, min(limit, MAX_PAGE))
    chunk = list(rows[: size + 1])
    page = [_describe(row, viewer=viewer) for row in chunk[:size]]
    return ApprovalPage(
        approvals=page, next=page[-1].id if len(chunk) > size else None, waiting=waiting
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waiting acts that a party may see. first: those that expire first."""

    count: int
    first: tuple[ApprovalOut, ...]

    @property
    def more(self) -> int:
        """Return how many acts wait besides the first."""
        return self.count - len(self.first)


def waiting(*, viewer: Party) -> Waiting:
    """Return how many acts wait that a party may see, and those that expire first."""
    rows = _rows(viewer).filter(state=ApprovalState.WAITING)
    first = list(rows.order_by("expires_at", "pk")[: FIRST + 1])
    count = rows.count() if len(first) > FIRST else len(first)
    return Waiting(count, tuple(_describe(row, viewer=viewer) for row in first[:FIRST]))


def approval(uid: UUID, *, viewer: Party) -> ApprovalOut:
    """Return one act with the first of its signals.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Approval:
    """Return the row of an act, for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = _rows(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("nothing with the id {uid} waits that your party may see", uid=uid)
    return row


def facts(row: Approval) -> rules.ApprovalFacts:
    """Return the facts of an act that the rules need."""
    return rules.ApprovalFacts(
        party=row.party.trust,
        ref=row.asked_ref,
        who=who_of(row),
        state=ApprovalState(row.state),
        expires_at=row.expires_at,
        count=row.count,
        is_by_leaders=second_look().is_by_leaders(map(WaitReason, row.reasons)),
    )


def who_of(row: Approval) -> frozenset[Who]:
    """Return who may give the second look."""
    return frozenset(Who(role) for role in row.who.strip("|").split("|"))


def lookers(row: Approval) -> list[Party]:
    """Return the parties whose people may give the second look; the one that asked comes first."""
    who, asker = who_of(row), row.party.trust
    others = parties.present(exercise=row.exercise).filter(kind__in=SPEAKING_ALONE)
    candidates = [row.party, *others.exclude(pk=row.party_id)]
    return [
        party
        for party in candidates
        if who & roles_towards(asker=asker, looker=party.trust) and _is_shown(row, to=party)
    ]


def nearest_lookers(row: Approval) -> list[Party]:
    """Return the parties to alert that an act waits, among those that may give the second look.

    1 The party that asked, if it has another person who may look.
    2 Agencies, authorities of the same Member State, and authorities in the act's crisis.
    3 If these are none, everybody else who may: not all states, for each folder of a provider.
    4 In an exercise with a crisis, only participants.
    """
    room = set(participants.room(row.crisis)) if row.crisis else set()
    candidates = lookers(row)
    if row.exercise and row.crisis:
        candidates = [party for party in candidates if party in room]
    is_by_leaders = second_look().is_by_leaders(map(WaitReason, row.reasons))
    is_alone = not people.has_other(row.party, ref=row.asked_ref, is_leader=is_by_leaders)
    own = [party for party in candidates if party == row.party and not is_alone]
    others = [party for party in candidates if party != row.party]
    near = [
        party
        for party in others
        if party.kind == PartyKind.AGENCY
        or party in room
        or (row.party.country and party.country == row.party.country)
    ]
    return [*own, *(near or others)]


def _is_shown(row: Approval, *, to: Party) -> bool:
    """Whether the handling marks of an act let another party than the one that asked see it."""
    if to.pk == row.party_id or f"|{to.name}|" in row.audience:
        return True
    return not row.audience and (not row.tlp or to.kind in TLP_ALLOWS[Tlp(row.tlp)].to_kinds)


def describe(row: Approval, *, viewer: Party) -> ApprovalOut:
    """Return an act with the first of its signals."""
    signals = [_describe_signal(signal) for signal in row.signals.all()[:SAMPLE]]
    affected = [
        AffectedSignalOut(id=signal.uid, note=json.loads(signal.body)["note"])
        for signal in row.affected.all()[:SAMPLE]
    ]
    updates = {"signals": signals, "affected": affected}
    return _describe(row, viewer=viewer).model_copy(update=updates)


def _describe(row: Approval, *, viewer: Party) -> ApprovalOut:
    """Return an act without its signals."""
    reasons = [WaitReason(reason) for reason in row.reasons]
    who = who_of(row)
    is_waiting = row.state == ApprovalState.WAITING
    return ApprovalOut(
        id=row.uid,
        act=WaitingAct(row.act),
        state=ApprovalState(row.state),
        reasons=reasons,
        why=rules.waiting_words(reasons),
        who=[role for role in Who if role in who],
        by=row.party.name,
        ref=(row.asked_ref or None) if row.party == viewer else None,
        is_machine=row.is_machine,
        crisis=crises.visible_id(row.crisis, viewer=viewer),
        exercise=row.exercise,
        count=row.count,
        is_done=row.is_done,
        at=row.asked_at,
        expires_at=row.expires_at,
        decided_by=row.decided_by.name if row.decided_by else None,
        decided_at=row.decided_at,
        note=row.note,
        not_done=[RowError.model_validate(error) for error in row.not_done],
        may_decide=is_waiting and bool(who & _roles(row, viewer=viewer)),
    )


def _roles(row: Approval, *, viewer: Party) -> frozenset[Who]:
    """Return the roles in which people of a party may look at an act."""
    return roles_towards(asker=row.party.trust, looker=viewer.trust)


def _describe_signal(row: WaitingSignal) -> WaitingSignalOut:
    """Return a signal that waits."""
    return WaitingSignalOut(
        id=row.uid, signal=SignalIn.model_validate(json.loads(row.body)), notes=row.notes
    )


def _rows(viewer: Party) -> QuerySet[Approval]:
    """Return the acts that a party may see: its own, and those that its people may look at."""
    rows = Approval.objects.select_related("party", "decided_by", "crisis")
    return rows.filter(visible(viewer))


def visible(viewer: Party, prefix: str = "") -> Q:
    """Return the SQL filter for acts that a party may see.

    Others than who asked see only what they may look at, and what its handling marks allow them; a
    party that exists for an exercise, nothing real.
    """
    kinds = [tlp for tlp, allowance in TLP_ALLOWS.items() if viewer.kind in allowance.to_kinds]
    handled = Q(**{f"{prefix}audience__contains": f"|{viewer.name}|"}) | Q(
        **{f"{prefix}audience": "", f"{prefix}tlp__in": ["", *kinds]}
    )
    looks = Q(pk__in=[])
    if viewer.kind in (PartyKind.AUTHORITY, PartyKind.AGENCY):
        looks |= Q(**{f"{prefix}who__contains": f"|{Who.PARTY}|"})
    if viewer.kind == PartyKind.AGENCY:
        looks |= Q(**{f"{prefix}who__contains": f"|{Who.AGENCY}|"})
    if viewer.kind == PartyKind.AUTHORITY and viewer.country:
        of_state = {f"{prefix}party__country": viewer.country}
        looks |= Q(**{f"{prefix}who__contains": f"|{Who.STATE}|"}, **of_state)
    readable = Q(**{f"{prefix}party": viewer}) | (handled & looks)
    return readable & Q(**{f"{prefix}exercise": True}) if viewer.exercise else readable


def waiting_signal(uid: UUID, *, viewer: Party) -> WaitingSignal | None:
    """Return a signal that waits, if a party may see it; None if there is none."""
    rows = WaitingSignal.objects.select_related("approval", "party", "approval__crisis")
    return rows.filter(visible(viewer, "approval__"), uid=uid, is_open=True).first()


def waiting_end(uid: UUID, act: WaitingAct, *, viewer: Party) -> AffectedSignal | None:
    """Return the withdrawal or dispute of a signal that waits, the party's own first.

    None if there is none that the party may see.
    """
    rows = AffectedSignal.objects.filter(visible(viewer, "approval__"), uid=uid, act=act)
    open_rows = list(rows.filter(is_open=True).select_related("approval", "party"))
    return min(open_rows, key=lambda row: row.party_id != viewer.pk, default=None)


def waiting_ends(uid: UUID, *, viewer: Party) -> list[AffectedSignal]:
    """Return the withdrawal and the dispute of a signal that wait, as far as a party sees them."""
    ends = (
        waiting_end(uid, act, viewer=viewer) for act in (WaitingAct.WITHDRAW, WaitingAct.DISPUTE)
    )
    return [end for end in ends if end is not None]


def ended_signal(uid: UUID, *, viewer: Party) -> WaitingSignal | None:
    """Return a party's own signal that waited and was not shared; None if there is none."""
    rows = WaitingSignal.objects.select_related("approval__decided_by", "party", "approval__crisis")
    row = rows.filter(party=viewer, uid=uid, is_open=False).first()
    return None if row is None or row.approval.is_done else row


def waiting_by_key(
    keys: Iterable[tuple[str, str, bool]], *, party: Party
) -> dict[tuple[str, str, bool], WaitingSignal]:
    """Return the signals of a party that wait, by kind, value and exercise."""
    with connection.cursor() as cursor:
        cursor.execute(_ANY_WAITING, [party.pk])
        if not cursor.fetchone():
            return {}
    rows = WaitingSignal.objects.filter(party=party, is_open=True)
    values = iter({value for _, value, _ in keys})
    waiting = {}
    while batch := list(islice(values, _AT_ONCE)):
        for row in rows.filter(value__in=batch).select_related("approval"):
            waiting[row.kind, row.value, row.exercise] = row
    return waiting


def count_open_signals(*, viewer: Party, exercise: bool) -> int:
    """Return how many signals wait that a party may see: real ones, or those of exercises."""
    rows = WaitingSignal.objects.filter(visible(viewer, "approval__"), is_open=True)
    return rows.filter(exercise=exercise).count()


def count_own_signals(*, party: Party, exercise: bool) -> int:
    """Return how many signals of a party wait: real ones, or those of exercises."""
    return WaitingSignal.objects.filter(party=party, exercise=exercise, is_open=True).count()


def count_today(act: WaitingAct, *, party: Party, exercise: bool, now: datetime) -> int:
    """Return how many acts of a kind a party did today (UTC)."""
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [party.pk, act.value, exercise, now.astimezone(UTC).date()])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
