# SPDX-License-Identifier: Apache-2.0
"""Write contact drills: start one, end it, remind agencies of one."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.rooms.alerts.models import Alert, Drill
from stemtide.hub.rooms.alerts.reads import addressees
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from stemtide.hub.rooms.alerts.writes import alerts as writes
from stemtide.hub.rooms.alerts.writes.alerts import AlertDraft
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import PartyKind

OPERATOR = "operator"


@transaction.atomic
def start(names: Iterable[str] | None, *, by: Actor | None, now: datetime) -> UUID:
    """Alert parties as a drill; return its id. names: None for all; by: None for the operator.

    raises: NotAllowedError, NotFoundError for a name; ConflictError if a drill still runs.
    """
    ledger.lock_ledger()
    chosen = _chosen(names)
    if by is not None:
        others = any(party.pk != by.party.pk for party in chosen)
        rules.check_drill(kind=PartyKind(by.kind), role=by.role, others=others)
    running = Alert.objects.filter(kind="drill", state=AlertState.OPEN, party__in=chosen)
    rules.check_start(sorted(set(running.values_list("party__name", flat=True))), count=len(chosen))
    drill = Drill.objects.create(uid=uuid4(), started_by=by.party if by else None, started_at=now)
    for party in chosen:
        draft = AlertDraft(
            kind="drill",
            party=party,
            subject=drill.ref,
            drill=drill,
            parameters={"by": by.party.title if by else ""},
            exercise=True,
        )
        writes.create_alert(draft, now=now)
    detail: dict[str, object] = {"count": len(chosen)}
    if by is not None:
        detail["through"] = by.ref
    actor = by.party.ref if by else OPERATOR
    _record("drill.started", drill.ref, actor=actor, now=now, detail=detail)
    return drill.uid


def end_due(now: datetime) -> int:
    """End drills in which no answer is outstanding; return how many."""
    running = Drill.objects.filter(ended_at=None).exclude(alerts__state=AlertState.OPEN)
    return sum(_end(drill, now=now) for drill in running)


def remind_due(now: datetime) -> int:
    """Remind agencies once a quarter that no drill was held for a quarter; return how many."""
    return _remind(now) if _is_due(now) else 0


@transaction.atomic
def _end(drill: Drill, *, now: datetime) -> int:
    """End a drill; return 0 if another scheduler was first."""
    won = Drill.objects.filter(pk=drill.pk, ended_at=None).update(ended_at=now)
    if won:
        answered = drill.alerts.filter(state=AlertState.ACKNOWLEDGED).count()
        detail: dict[str, object] = {"count": drill.alerts.count(), "answered": answered}
        _record("drill.ended", drill.ref, actor=CLOCK, now=now, detail=detail)
    return won


@transaction.atomic
def _remind(now: datetime) -> int:
    """Alert the agencies."""
    ledger.lock_ledger()
    if not _is_due(now):  # another clock had its turn before ours
        return 0
    agencies = addressees.agencies()
    for party in agencies:
        writes.create_alert(AlertDraft(kind="drill_due", party=party, subject=party.ref), now=now)
    if agencies:
        detail: dict[str, object] = {"count": len(agencies)}
        _record("drill.demanded", "drill:next", actor=CLOCK, now=now, detail=detail)
    return len(agencies)


def _is_due(now: datetime) -> bool:
    """Whether the hub, its last drill and its last reminder are all older than a quarter."""
    since = now - rules.DRILL_EVERY
    return (
        Party.objects.filter(joined_at__lte=since).exists()
        and not Drill.objects.filter(started_at__gt=since).exists()
        and not Alert.objects.filter(kind="drill_due", created_at__gt=since).exists()
    )


def _chosen(names: Iterable[str] | None) -> list[Party]:
    """Return the parties of these names, each once; all parties for None. No bot answers a drill.

    raises: NotFoundError, InvalidError.
    """
    if names is None:
        return list(parties.present(exercise=False))
    return [parties.addressee(name, exercise=False) for name in sorted(set(names))]


def _record(
    kind: str, subject: str, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on drills, which are exercises, to the ledger."""
    ledger.append(kind, actor=actor, subject=subject, now=now, detail=detail, exercise=True)
