# SPDX-License-Identifier: Apache-2.0
"""Writers of contact drills: start one, end it when nobody is waited for, remind of one."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from stemtide.hub.alerts import reads_addressees, rules, writes
from stemtide.hub.alerts.models import Alert, Drill
from stemtide.hub.alerts.rules import AlertState
from stemtide.hub.alerts.writes import Draft
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.reads import Actor
from stemtide.protocol.words import PartyKind

CLOCK = "clock"
OPERATOR = "operator"


@transaction.atomic
def start(names: Iterable[str] | None, *, by: Actor | None, now: datetime) -> UUID:
    """Alert parties as a drill; returns its id. names: None for everybody; by: None: the operator.

    raises: NotAllowedError, NotFoundError for a name; ConflictError where a drill still runs.
    """
    ledger.take_turn()
    chosen = _chosen(names)
    if by is not None:
        others = any(party.pk != by.party.pk for party in chosen)
        rules.check_drill(kind=PartyKind(by.kind), role=by.role, others=others)
    running = Alert.objects.filter(kind="drill", state=AlertState.OPEN, party__in=chosen)
    rules.check_start(sorted(set(running.values_list("party__name", flat=True))), count=len(chosen))
    drill = Drill.objects.create(uid=uuid4(), started_by=by.party if by else None, started_at=now)
    for party in chosen:
        draft = Draft(
            kind="drill",
            party=party,
            subject=drill.ref,
            drill=drill,
            parameters={"by": by.party.title if by else ""},
            exercise=True,
        )
        writes.make(draft, now=now)
    detail: dict[str, object] = {"count": len(chosen)}
    if by is not None:
        detail["through"] = by.ref
    actor = by.party.ref if by else OPERATOR
    _record("drill.started", drill.ref, actor=actor, now=now, detail=detail)
    return drill.uid


def end_due(now: datetime) -> int:
    """End drills of which nobody is waited for any more; returns how many."""
    running = Drill.objects.filter(ended_at=None).exclude(alerts__state=AlertState.OPEN)
    return sum(_end(one, now=now) for one in running)


def remind_due(now: datetime) -> int:
    """Tell agencies once a quarter that no drill was held for a quarter; returns how many."""
    return _remind(now) if _is_due(now) else 0


@transaction.atomic
def _end(drill: Drill, *, now: datetime) -> int:
    """End one; 0 where another clock was first."""
    won = Drill.objects.filter(pk=drill.pk, ended_at=None).update(ended_at=now)
    if won:
        answered = drill.alerts.filter(state=AlertState.ACKNOWLEDGED).count()
        detail: dict[str, object] = {"count": drill.alerts.count(), "answered": answered}
        _record("drill.ended", drill.ref, actor=CLOCK, now=now, detail=detail)
    return won


@transaction.atomic
def _remind(now: datetime) -> int:
    """Alert the agencies."""
    ledger.take_turn()
    if not _is_due(now):  # another clock had its turn before ours
        return 0
    told = reads_addressees.agencies(by=CLOCK)
    for party in told:
        writes.make(Draft(kind="drill_due", party=party, subject=party.ref), now=now)
    if told:
        detail: dict[str, object] = {"count": len(told)}
        _record("drill.demanded", "drill:next", actor=CLOCK, now=now, detail=detail)
    return len(told)


def _is_due(now: datetime) -> bool:
    """Whether the hub is older than a quarter, and its last drill and reminder are too."""
    since = now - rules.DRILL_EVERY
    return (
        Party.objects.filter(joined_at__lte=since).exists()
        and not Drill.objects.filter(started_at__gt=since).exists()
        and not Alert.objects.filter(kind="drill_due", created_at__gt=since).exists()
    )


def _chosen(names: Iterable[str] | None) -> list[Party]:
    """The parties of these names, each once; everybody where none is named.

    raises: NotFoundError.
    """
    if names is None:
        return list(Party.objects.order_by("name"))
    return [parties.party_named(name, by=OPERATOR) for name in sorted(set(names))]


def _record(
    kind: str, subject: str, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on drills, which are exercises."""
    ledger.append(kind, actor=actor, subject=subject, now=now, detail=detail, exercise=True)
