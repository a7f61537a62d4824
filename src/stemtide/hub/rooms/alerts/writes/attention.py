# SPDX-License-Identifier: Apache-2.0
"""Set alerts aside: assign them to a person, snooze them for the party, mute a kind for oneself.

None of these stops an alert's deliveries or its escalation: only acknowledging does.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.alerts.models import Alert, MutedKind
from stemtide.hub.rooms.alerts.reads import alerts as reads
from stemtide.hub.rooms.alerts.rules import attention as rules
from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.alerts import AssignIn, MuteIn, SnoozeIn


@transaction.atomic
def assign(uid: UUID, *, body: AssignIn, by: Actor, now: datetime) -> None:
    """Assign an alert to a person of the party, or to nobody.

    raises: NotFoundError, NotAllowedError, ConflictError for a settled alert, InvalidError.
    """
    ledger.lock_ledger()
    alert = reads.find(uid, viewer=by.party)
    rules.check_assign(role=by.role, state=AlertState(alert.state))
    person = people.colleague(email=body.person, party=by.party) if body.person else None
    if body.person and person is None:
        raise InvalidError("person", "your party has no active person with this mail address")
    alert.assigned_to = person
    alert.save(update_fields=["assigned_to"])
    _record("alert.assigned", alert, by=by, now=now, person=person.ref if person else None)


@transaction.atomic
def snooze(uid: UUID, *, body: SnoozeIn, by: Actor, now: datetime) -> None:
    """Set an alert aside for the party until a time.

    raises: NotFoundError, NotAllowedError, ConflictError for a settled alert.
    """
    ledger.lock_ledger()
    alert = reads.find(uid, viewer=by.party)
    rules.check_snooze(alert.kind, role=by.role, state=AlertState(alert.state))
    alert.snoozed_until = now + timedelta(hours=body.hours)
    alert.save(update_fields=["snoozed_until"])
    until = alert.snoozed_until.isoformat(timespec="seconds")
    _record("alert.snoozed", alert, by=by, now=now, until=until)


@needs_no_entry("it changes only which alerts the person's own pages count")
def mute(uid: UUID, *, body: MuteIn, by: Actor, now: datetime) -> None:
    """Mute the kind of an alert for a person, until a time.

    raises: NotFoundError, NotAllowedError.
    """
    kind = reads.find(uid, viewer=by.party).kind
    rules.check_mute(kind)
    until = now + timedelta(days=body.days)
    person = people.own_row(by)
    MutedKind.objects.update_or_create(person=person, kind=kind, defaults={"until": until})


@needs_no_entry("it changes only which alerts the person's own pages count")
def unmute(uid: UUID, *, by: Actor, now: datetime) -> None:
    """Show the kind of an alert to a person again.

    raises: NotFoundError, ConflictError.
    """
    kind = reads.find(uid, viewer=by.party).kind
    person = people.own_row(by)
    rules.check_unmute(until=reads.muted_kinds(viewer=person, now=now).get(kind), now=now)
    MutedKind.objects.filter(person=person, kind=kind).delete()


def _record(kind: str, alert: Alert, *, by: Actor, now: datetime, **detail: object) -> None:
    """Append an entry about an alert."""
    ledger.append(
        kind,
        actor=by.party.ref,
        subject=alert.ref,
        now=now,
        detail={"kind": alert.kind, "through": by.ref, **detail},
        exercise=alert.exercise,
    )
