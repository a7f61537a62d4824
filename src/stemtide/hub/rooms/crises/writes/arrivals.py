# SPDX-License-Identifier: Apache-2.0
"""Write messages of neighbours: check each, and enter the activation beside ours."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from pydantic import ValidationError

from stemtide.hub.platform.errors import ConflictError, NotFoundError, RateLimitError
from stemtide.hub.rooms.crises.known_neighbours import KnownNeighbour
from stemtide.hub.rooms.crises.models import Crisis, Neighbour, NeighbourMessage
from stemtide.hub.rooms.crises.reads import arrivals as reads, crises, life
from stemtide.hub.rooms.crises.rules import arrivals as rules, events as events_rules
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.activations import ActivationMessage, ActivationReport
from stemtide.protocol.enums import ArrivalState, NeighbourStatus
from stemtide.protocol.messages.crises import CrisisLife


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose signature is valid. sent_at: as its sender signed it."""

    neighbour: KnownNeighbour
    name: str
    sent_at: datetime
    body: bytes


def receive(message: Verified, *, now: datetime) -> NeighbourMessage:
    """Store a signed message once, and enter its activation if its event is here.

    1 A message that was entered or waits changes nothing again; one that was refused is checked
      again.
    2 Whatever is wrong is stored as the reason of this message, and ends nothing else.
    3 An activation that is noted changes; another one is entered if one event here shares a name
      with it; else it waits for a person.
    4 The ledger is locked only for what changes something: the rest holds up nobody.

    raises: RateLimitError if the neighbour sent too many in an hour: nothing is stored.
    """
    if (before := _accepted_before(message)) is not None:
        return before
    _check_count(message, now=now)
    activation, reason = _read(message, now=now)
    if activation is None or reason:
        return _refuse(message, activation, reason=reason, now=now)
    return _take(message, activation, now=now)


@transaction.atomic
def _refuse(
    message: Verified, activation: ActivationReport | None, *, reason: str, now: datetime
) -> NeighbourMessage:
    """Store why a message is refused, unless it was taken meanwhile."""
    row = _stored(message, now=now)
    change: dict[str, object] = {"reason": _without_nul(reason)[:300], "received_at": now}
    if activation is not None:
        change |= {"activation": activation.id, "sequence": activation.sequence}
    same = NeighbourMessage.objects.filter(pk=row.pk, state=ArrivalState.REFUSED)
    same.update(**change)
    row.refresh_from_db()
    _forget_oldest(row)
    return row


@transaction.atomic
def _take(message: Verified, activation: ActivationReport, *, now: datetime) -> NeighbourMessage:
    """Enter, change or keep an activation. raises: RateLimitError."""
    ledger.lock_ledger()
    if (before := _accepted_before(message)) is not None:
        return before
    _check_count(message, now=now)
    row = _stored(message, now=now)
    row.activation, row.sequence, row.received_at = activation.id, activation.sequence, now
    reason = _apply(row, activation, neighbour=message.neighbour, now=now)
    row.reason = _without_nul(reason)[:300]
    row.save()
    _forget_oldest(row)
    return row


def _accepted_before(message: Verified) -> NeighbourMessage | None:
    """Return a message that arrived before and was not refused."""
    rows = NeighbourMessage.objects.exclude(state=ArrivalState.REFUSED)
    return rows.filter(neighbour=message.neighbour.name, message=message.name).first()


def _stored(message: Verified, *, now: datetime) -> NeighbourMessage:
    """Return the row of a message: that of an earlier attempt, or a new one."""
    row, _is_new = NeighbourMessage.objects.get_or_create(
        neighbour=message.neighbour.name,
        message=message.name,
        defaults={"state": ArrivalState.REFUSED, "received_at": now},
    )
    return row


def _check_count(message: Verified, *, now: datetime) -> None:
    """Refuse a message of a neighbour that sent too many in an hour. raises: RateLimitError."""
    rows = NeighbourMessage.objects.filter(
        neighbour=message.neighbour.name, received_at__gt=now - rules.AN_HOUR
    )
    if rows.exclude(message=message.name).count() >= rules.MAX_AN_HOUR:
        raise RateLimitError(
            "{count} messages arrived from you within an hour: send one for each change",
            count=rules.MAX_AN_HOUR,
            retry_after_s=round(rules.AN_HOUR.total_seconds()),
        )


def _without_nul(text: str) -> str:
    """Return a text without U+0000, which PostgreSQL does not store."""
    return text.replace("\0", "")


@transaction.atomic
def enter(uid: UUID, message: UUID, *, by: Actor, now: datetime) -> CrisisLife:
    """Enter an activation that waits, beside those of a crisis.

    raises: NotFoundError, NotAllowedError; ConflictError if it waits no more.
    """
    ledger.lock_ledger()
    crisis = crises.find(uid, viewer=by.party)
    events_rules.check_neighbour(crises.facts(crisis), by=by)
    row = NeighbourMessage.objects.filter(uid=message).first()
    if row is None:
        raise NotFoundError("there is no message {uid} of a neighbour", uid=message)
    if row.state != ArrivalState.WAITING:
        raise ConflictError("this message does not wait any more: reload the page")
    activation = ActivationReport.model_validate(row.content)
    speaker = reads.speaker_of(activation.framework)
    if speaker is None:
        raise ConflictError(
            "no party speaks for {framework} any more: ask an agency",
            framework=activation.framework,
        )
    if reads.party_of(row.neighbour) != speaker.name:
        raise ConflictError(
            "{neighbour} no longer speaks for {framework} here: ask the operator",
            neighbour=row.neighbour,
            framework=activation.framework,
        )
    if activation.exercise is not crisis.exercise:
        raise ConflictError("one of the two is an exercise and the other is real")
    row.noted = _note(
        crisis, activation, speaker=speaker, ref=f"neighbour:{row.neighbour}", now=now
    )
    row.state, row.content = ArrivalState.ENTERED, None
    row.save()
    _record("neighbour.mirrored", crisis, row.noted, by=by, now=now)
    return life.describe(crisis, viewer=by.party)


def _read(message: Verified, *, now: datetime) -> tuple[ActivationReport | None, str]:
    """Return the activation of a message, and why it is refused; "" if it is not."""
    if reason := rules.clock_error(message.sent_at, now=now):
        return None, reason
    try:
        activation = ActivationMessage.model_validate_json(message.body).data
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "body"
        return None, f"{where}: {first['msg']}"
    if reason := rules.form_error(activation, now=now):
        return activation, reason
    speaker = reads.speaker_of(activation.framework)
    is_own = speaker is not None and speaker.name == message.neighbour.party
    speaks_for = activation.framework if is_own else ""
    reason = rules.activation_error(activation, speaks_for=speaks_for, now=now)
    return activation, reason or _contradiction(activation, neighbour=message.neighbour)


def _contradiction(activation: ActivationReport, *, neighbour: KnownNeighbour) -> str:
    """Return how an activation contradicts the latest that was not refused, or ""."""
    latest = reads.latest(neighbour.name, activation=activation.id)
    if latest is None:
        return ""
    return rules.contradiction(activation, before=reads.before(latest))


def _apply(
    row: NeighbourMessage, activation: ActivationReport, *, neighbour: KnownNeighbour, now: datetime
) -> str:
    """Enter, change or keep an activation; return why it is refused, or ""."""
    if error := _contradiction(activation, neighbour=neighbour):
        return error
    speaker = reads.speaker_of(activation.framework)
    if speaker is None or speaker.name != neighbour.party:
        return "the party of this neighbour does not speak for this mechanism"
    latest = reads.latest(neighbour.name, activation=activation.id)
    by = Actor(party=speaker, ref=f"neighbour:{neighbour.name}")
    noted = latest.noted if latest is not None else None
    if noted is None and (crisis := reads.crisis_about(activation)) is not None:
        noted = _note(crisis, activation, speaker=speaker, ref=by.ref, now=now)
        _record("neighbour.mirrored", crisis, noted, by=by, now=now)
    elif noted is not None:
        _change(noted, activation, speaker=speaker)
        _record("neighbour.updated", noted.crisis, noted, by=by, now=now)
    if latest is not None and latest.state == ArrivalState.WAITING:
        latest.delete()  # this message replaces it
    row.noted = noted
    row.state = ArrivalState.ENTERED if noted else ArrivalState.WAITING
    row.content = None if noted else activation.model_dump(mode="json")
    return ""


def _note(
    crisis: Crisis, activation: ActivationReport, *, speaker: Party, ref: str, now: datetime
) -> Neighbour:
    """Note an activation in a crisis, or take over what somebody typed in of it before."""
    typed = reads.typed_in(crisis, activation)
    if typed is not None:
        _change(typed, activation, speaker=speaker)
        return typed
    return Neighbour.objects.create(
        uid=uuid4(),
        crisis=crisis,
        framework=activation.framework,
        version=activation.version,
        type=activation.type,
        reference=activation.reference,
        status=activation.status,
        started_at=activation.started_at,
        ended_at=activation.ended_at,
        own_by=speaker,
        by=speaker,
        by_ref=ref,
        by_role="",
        at=now,
    )


def _change(row: Neighbour, activation: ActivationReport, *, speaker: Party) -> None:
    """Set what the mechanism says now."""
    row.status, row.reference = (
        NeighbourStatus(activation.status),
        activation.reference or row.reference,
    )
    row.started_at, row.ended_at, row.own_by = activation.started_at, activation.ended_at, speaker
    row.save(update_fields=["status", "reference", "started_at", "ended_at", "own_by"])


def _record(kind: str, crisis: Crisis, row: Neighbour, *, by: Actor, now: datetime) -> None:
    """Append to the ledger that a neighbour's own message was entered."""
    detail: dict[str, object] = {"neighbour": str(row.uid), "status": str(row.status), "own": True}
    ledger.append_by(
        kind, by=by, subject=crisis.ref, now=now, detail=detail, exercise=crisis.exercise
    )


def _forget_oldest(row: NeighbourMessage) -> None:
    """Delete messages of a neighbour that nobody needs any more.

    The clock refuses repeats of what is deleted: only its last hour has to be recognised.
    """
    rows = NeighbourMessage.objects.filter(neighbour=row.neighbour)
    pending = rows.exclude(state=ArrivalState.ENTERED)
    newest = list(pending.values_list("pk", flat=True)[: rules.KEPT])
    pending.exclude(pk__in=newest).delete()
    if row.state == ArrivalState.ENTERED:
        before = row.received_at - rules.AN_HOUR
        rows.filter(
            activation=row.activation, state=ArrivalState.ENTERED, received_at__lt=before
        ).delete()
