# SPDX-License-Identifier: Apache-2.0
"""Write removal orders until they are issued: inform, draft, change, discard."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.retention.columns import retention_columns
from stemtide.hub.platform.retention.rules import check_not_held
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Information, Order, OrderAddress
from stemtide.hub.rooms.orders.reads import drafts, orders as reads
from stemtide.hub.rooms.orders.rules import lint, orders as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences, parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.orders import (
    DraftIn,
    InformationOut,
    InformIn,
    OrderIn,
    OrderOut,
    Values,
)

_BESIDE = (
    *("emergency", "emergency_ground", "language", "content_type", "ideology"),
    *("is_media_service", "copy_to_europol", "despite"),
)
"""Fields of a draft that are not in its form."""


@transaction.atomic
def inform(body: InformIn, *, by: Actor, now: datetime) -> InformationOut:
    """Tell a provider of procedures and deadlines, twelve hours before a first order.

    raises: NotAllowedError for all but issuing authorities; InvalidError.
    source: Regulation (EU) 2021/784 Art. 3(2).
    """
    rules.check_inform(kind=by.kind, is_competent=_may_issue(by), role=by.role)
    ledger.lock_ledger()
    row = Information.objects.create(
        uid=uuid_at(now),
        sent_by=by.party,
        sent_to=_provider(body.to, exercise=body.exercise),
        text=body.text,
        exercise=body.exercise,
        sent_at=now,
    )
    ledger.append_by(
        "information.given",
        by=by,
        subject=row.ref,
        now=now,
        detail={"party": row.sent_to.ref, "parties": [row.sent_to.name]},
        exercise=row.exercise,
    )
    return reads.describe_information(row)


@transaction.atomic
def draft(body: OrderIn, *, by: Actor, now: datetime) -> OrderOut:
    """Create a draft of a removal order, visible to its authority only until it is issued.

    What the body leaves open is filled in with what is known already.

    raises: NotAllowedError for all but issuing authorities; InvalidError naming the field.
    """
    rules.check_draft(kind=by.kind, is_competent=_may_issue(by), role=by.role)
    lint.check_values(body.annex, name=lint.ANNEX_1)
    ledger.lock_ledger()
    provider = _provider(body.to, exercise=body.exercise)
    prefilled = drafts.start(body.to, viewer=by.party, now=now)
    row = Order.objects.create(
        uid=uuid_at(now),
        issued_by=by.party,
        addressee=provider,
        annex=_merged(prefilled, body.annex),
        language=body.language,
        content_type=body.content_type,
        ideology=body.ideology or "",
        emergency=body.emergency.strip(),
        emergency_ground=body.emergency_ground or "",
        is_media_service=body.is_media_service,
        copy_to_europol=body.copy_to_europol,
        despite=body.despite.strip(),
        crisis=_crisis(body.crisis, exercise=body.exercise, by=by),
        exercise=body.exercise,
        drafted_at=now,
        **retention_columns(RowClass.ORDER, kind=by.kind, now=now),
    )
    _set_addresses(row)
    row.signals.set(_own_signals(body.signals, row=row, by=by))
    return _record("order.drafted", row, by=by, now=now)


@transaction.atomic
def change(uid: UUID, *, body: DraftIn, by: Actor, now: datetime) -> OrderOut:
    """Change a draft. Absent fields stay; an empty value empties its field.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is no draft; InvalidError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_change(facts, name=by.name, role=by.role)
    if body.annex is not None:
        lint.check_values(body.annex, name=lint.ANNEX_1)
        row.annex = _merged(row.annex, body.annex)
    if body.emergency is not None:
        row.emergency = body.emergency.strip()
    row.emergency_ground = (body.emergency_ground or row.emergency_ground) if row.emergency else ""
    row.language = body.language or row.language
    row.content_type = body.content_type or row.content_type
    row.ideology = body.ideology or row.ideology
    for name in ("is_media_service", "copy_to_europol", "despite"):
        if (value := getattr(body, name)) is not None:
            setattr(row, name, value)
    row.save(update_fields=["annex", *_BESIDE])
    _set_addresses(row)
    if body.signals is not None:
        row.signals.set(_own_signals(body.signals, row=row, by=by))
    return _record("order.changed", row, by=by, now=now)


@transaction.atomic
def discard(uid: UUID, *, by: Actor, now: datetime, on_hold: Collection[UUID]) -> OrderOut:
    """Throw a draft away: what it said is erased, that it was there stays.

    on_hold: orders on a legal hold.

    raises: NotFoundError, NotAllowedError, ConflictError for one that is no draft, or is held.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    row.state = rules.check_move(facts, "discard", name=by.name, role=by.role)
    check_not_held(uid, on_hold=on_hold)
    _erase(row)
    return _record("order.discarded", row, by=by, now=now)


@transaction.atomic
def discard_again(uid: UUID, *, actor: str, now: datetime) -> bool:
    """Throw a draft away that a restored backup has again; return whether it had it."""
    ledger.lock_ledger()
    drafts_there = Order.objects.filter(uid=uid, issued_at=None, is_entered=False)
    row = drafts_there.exclude(state=OrderState.DISCARDED).first()
    if row is None:
        return False
    row.state = OrderState.DISCARDED
    _erase(row)
    detail: dict[str, object] = {"state": OrderState.DISCARDED.value}
    ledger.append(
        "order.discarded",
        actor=actor,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
    )
    return True


def _erase(row: Order) -> None:
    """Erase the content of a draft, and save its state."""
    row.annex, row.emergency, row.emergency_ground, row.despite = {}, "", "", ""
    row.save(update_fields=["state", "annex", "emergency", "emergency_ground", "despite"])
    row.addresses.all().delete()
    row.signals.clear()


def _may_issue(by: Actor) -> bool:
    """Whether somebody acts for an authority that is registered for issuing."""
    return competences.is_competent(by.party, Duty.ISSUE)


def _provider(name: str, *, exercise: bool) -> Party:
    """Return the addressed provider. raises: InvalidError for none, or for another kind."""
    try:
        provider = parties.addressee(name, exercise=exercise)
    except (NotFoundError, InvalidError) as error:
        raise InvalidError.of("to", error) from error
    rules.check_addressee(name, kind=Actor(provider, provider.ref).kind)
    return provider


def _crisis(uid: UUID | None, *, exercise: bool, by: Actor) -> Crisis | None:
    """Return the crisis that an order belongs to. raises: InvalidError if it does not fit."""
    if uid is None:
        return None
    try:
        crisis = crises.find(uid, viewer=by.party)
    except NotFoundError as error:
        raise InvalidError.of("crisis", error) from error
    rules.check_mark(crisis=crisis.exercise, exercise=exercise)
    return crisis


def _own_signals(uids: Iterable[UUID], *, row: Order, by: Actor) -> list[Signal]:
    """Return the signals that an order names. raises: InvalidError for others' and unknown ones."""
    rows = []
    for uid in dict.fromkeys(uids):
        try:
            signal = signals.find(uid, viewer=by.party)
        except NotFoundError as error:
            raise InvalidError.of("signals", error) from error
        rules.check_link(
            uid,
            shared_by=signal.shared_by.name,
            name=by.name,
            exercise=row.exercise,
            is_drill=signal.exercise,
        )
        rows.append(signal)
    return rows


def _merged(before: Values, after: Values) -> Values:
    """Return the fields of a form with its changes; empty values are dropped."""
    return {name: value for name, value in (before | after).items() if value not in ("", None, [])}


def _set_addresses(row: Order) -> None:
    """Store the addresses of the form in place of older ones."""
    row.addresses.all().delete()
    OrderAddress.objects.bulk_create(drafts.address_rows(row))


def _record(kind: str, row: Order, *, by: Actor, now: datetime) -> OrderOut:
    """Append to the ledger and return the order."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail={"state": OrderState(row.state).value},
        exercise=row.exercise,
    )
    return reads.describe(row, viewer=by.party, now=now)
