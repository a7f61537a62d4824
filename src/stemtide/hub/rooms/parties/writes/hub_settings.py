# SPDX-License-Identifier: Apache-2.0
"""Write settings of the hub: propose and confirm a value, go back to the default."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.rooms.ledger.models import HubSetting
from stemtide.hub.rooms.ledger.reads import hub_settings as reads
from stemtide.hub.rooms.ledger.rules import hub_settings as bounds
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import hub_settings as rules
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR


@transaction.atomic
def propose_value(name: str, value: int, *, reason: str, by: Actor, now: datetime) -> HubSetting:
    """Propose a value. It holds once another person confirms it.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError if a proposal waits.
    """
    rules.check_propose(by=by)
    ledger.lock_ledger()
    _check_value(name, value)
    row = HubSetting.objects.filter(name=name).first() or HubSetting(name=name)
    if row.expires_at is not None and row.expires_at > now:
        raise ConflictError("a proposal for this setting waits already: decide it first")
    if value == (reads.default(name) if row.value is None else row.value):
        raise ConflictError("this value is already in force")
    row.proposed, row.proposed_by, row.reason = value, by.ref, reason[:500]
    row.expires_at = now + PROPOSED_FOR
    row.save()
    _record("setting.proposed", row, by=by, now=now, value=value, act="change_setting")
    return row


@transaction.atomic
def confirm_value(name: str, *, value: int, by: Actor, now: datetime) -> HubSetting:
    """Confirm the proposal of another person. value: as the page showed it.

    raises: NotFoundError, NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    row = _waiting(name, now=now)
    rules.check_confirm(author=row.proposed_by, by=by)
    independence.check_second_person(by, first=row.proposed_by)
    if row.proposed != value:
        raise ConflictError("another value is proposed now: read it first")
    _check_value(name, value)
    before = row.value
    row.value = row.proposed
    _note_changed(row, by=by, now=now)
    _record("setting.changed", row, by=by, now=now, value=value, was=before)
    return row


@transaction.atomic
def drop_value(name: str, *, by: Actor, now: datetime) -> None:
    """Decline the proposal of another person, or withdraw one's own.

    raises: NotFoundError, NotAllowedError.
    """
    rules.check_propose(by=by)
    ledger.lock_ledger()
    row = _waiting(name, now=now)
    _record("setting.declined", row, by=by, now=now, value=row.proposed)
    _clear_proposal(row)
    row.save()


@transaction.atomic
def reset_value(name: str, *, by: Actor, now: datetime) -> HubSetting:
    """Go back to the environment's value, which one person may do: the operator chose it.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    rules.check_propose(by=by)
    ledger.lock_ledger()
    bounds.find_rule(name)
    row = HubSetting.objects.filter(name=name).exclude(value=None).first()
    if row is None:
        raise ConflictError("the default is in force already")
    before, row.value = row.value, None
    _note_changed(row, by=by, now=now)
    _record("setting.restored", row, by=by, now=now, was=before)
    return row


def _waiting(name: str, *, now: datetime) -> HubSetting:
    """Return a setting with a proposal that waits.

    raises: NotFoundError.
    """
    bounds.find_rule(name)
    row = HubSetting.objects.filter(name=name).first() or HubSetting(name=name)
    rules.check_decide(proposed=row.proposed, expires_at=row.expires_at, now=now)
    return row


def _check_value(name: str, value: int) -> None:
    """Refuse values that the rules do not allow. raises: NotFoundError, InvalidError."""
    opens, closes = reads.office_hours()
    bounds.check_value(name, value, opens=opens, closes=closes)


def _note_changed(row: HubSetting, *, by: Actor, now: datetime) -> None:
    """Store a new value, and have this process read it at once."""
    _clear_proposal(row)
    row.changed_by, row.changed_at = by.party.ref, now
    row.save()
    reads.cache.clear()
    transaction.on_commit(reads.cache.clear)


def _clear_proposal(row: HubSetting) -> None:
    """Remove what was proposed."""
    row.proposed, row.proposed_by, row.reason, row.expires_at = None, "", "", None


def _record(kind: str, row: HubSetting, *, by: Actor, now: datetime, **detail: object) -> None:
    """Append an act on a setting to the ledger."""
    ledger.append_by(kind, by=by, subject=f"setting:{row.name}", now=now, detail=detail)
