# SPDX-License-Identifier: Apache-2.0
"""Write contact points and escalation ladders."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_lock
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ContactPoint, LadderStep, Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import contacts

_TITLE_LENGTH = 80


@needs_no_lock("it inserts a row; what it changes later takes the lock")
@transaction.atomic
def add_contact_point(
    party: Party,
    *,
    channel: str,
    address: str,
    title: str = "",
    languages: Iterable[str] = (),
    time_zone: str = "UTC",
    is_24_7: bool = False,
    actor: str,
    now: datetime,
) -> ContactPoint:
    """Add a contact point of a party, as the operator.

    raises: InvalidError.
    """
    fields = {
        "channel": channel,
        "address": address,
        "title": title,
        "languages": languages,
        "time_zone": time_zone,
        "is_24_7": is_24_7,
    }
    return _add(party, actor=actor, now=now, facts=fields)


@needs_no_lock("it inserts a row; what it changes later takes the lock")
@transaction.atomic
def add_own_contact_point(*, by: Actor, now: datetime, **facts: object) -> ContactPoint:
    """Add a contact point of one's own party. facts: as in add_contact_point.

    raises: NotAllowedError, InvalidError.
    """
    _check_manager(by)
    return _add(by.party, actor=by.ref, now=now, facts=facts)


@transaction.atomic
def change_contact_point(
    number: int,
    *,
    channel: str,
    address: str,
    title: str = "",
    languages: Iterable[str] = (),
    time_zone: str = "UTC",
    is_24_7: bool = False,
    by: Actor,
    now: datetime,
) -> ContactPoint:
    """Change a contact point of one's own party; a new address counts as unverified.

    raises: NotAllowedError, NotFoundError, InvalidError.
    """
    _check_manager(by)
    ledger.lock_ledger()
    point = _own_point(number, by=by)
    before = (point.channel, point.address)
    _fill(
        point,
        channel=channel,
        address=address,
        title=title,
        languages=languages,
        time_zone=time_zone,
        is_24_7=is_24_7,
    )
    if before != (point.channel, point.address):
        point.verified_at = None
    point.save()
    detail: dict[str, object] = {"channel": channel, "is_24_7": is_24_7}
    ledger.append(
        "contact_point.changed", actor=by.ref, subject=by.party.ref, now=now, detail=detail
    )
    return point


@transaction.atomic
def remove_contact_point(number: int, *, by: Actor, now: datetime) -> None:
    """Remove a contact point of one's own party, and its step on the ladder.

    raises: NotAllowedError, NotFoundError.
    """
    _check_manager(by)
    ledger.lock_ledger()
    point = _own_point(number, by=by)
    LadderStep.objects.filter(point=point).delete()
    point.removed_at = now
    point.save(update_fields=["removed_at"])
    detail: dict[str, object] = {"channel": point.channel}
    ledger.append(
        "contact_point.removed", actor=by.ref, subject=by.party.ref, now=now, detail=detail
    )


@transaction.atomic
def set_ladder(steps: Sequence[tuple[int, int]], *, by: Actor, now: datetime) -> None:
    """Set the escalation ladder of one's own party, from its first step to its last.

    steps: (number of the contact point, minutes to wait for an answer there); empty to return to
           the default order of reads.contacts.ladder.

    raises: NotAllowedError, InvalidError.
    """
    _check_manager(by)
    ledger.lock_ledger()
    own = ContactPoint.objects.filter(party=by.party, removed_at=None)
    contacts.check_ladder(
        [number for number, _ in steps],
        [minutes for _, minutes in steps],
        own=own.values_list("pk", flat=True),
    )
    LadderStep.objects.filter(party=by.party).delete()
    LadderStep.objects.bulk_create(
        LadderStep(party=by.party, position=at, point_id=number, wait_minutes=minutes)
        for at, (number, minutes) in enumerate(steps, start=1)
    )
    detail: dict[str, object] = {"steps": len(steps)}
    ledger.append("ladder.changed", actor=by.ref, subject=by.party.ref, now=now, detail=detail)


@transaction.atomic
def verify_contact_point(number: int, *, actor: str, now: datetime) -> None:
    """Record that somebody answered at a contact point in a drill.

    raises: NotFoundError.
    """
    ledger.lock_ledger()
    point = ContactPoint.objects.filter(pk=number).select_related("party").first()
    if point is None:
        raise NotFoundError(
            "there is no contact point {number}: see the party's contact points", number=number
        )
    point.verified_at = now
    point.save(update_fields=["verified_at"])
    detail: dict[str, object] = {"channel": point.channel}
    ledger.append(
        "contact_point.verified", actor=actor, subject=point.party.ref, now=now, detail=detail
    )


def _add(party: Party, *, actor: str, now: datetime, facts: dict[str, object]) -> ContactPoint:
    """Create a contact point and append to the ledger."""
    point = ContactPoint(party=party)
    _fill(point, **facts)  # type: ignore[arg-type]  # passed on as they came
    point.save()
    detail: dict[str, object] = {"channel": point.channel, "is_24_7": point.is_24_7}
    ledger.append("contact_point.added", actor=actor, subject=party.ref, now=now, detail=detail)
    return point


def _check_manager(by: Actor) -> None:
    """Refuse actors that may not manage their party's contact points."""
    check_person_may_manage(by.role)


def _own_point(number: int, *, by: Actor) -> ContactPoint:
    """Return a contact point of the actor's own party that was not removed."""
    point = ContactPoint.objects.filter(pk=number, party=by.party, removed_at=None).first()
    if point is None:
        raise NotFoundError(
            "your party has no contact point {number}: see the list of them", number=number
        )
    return point


def _fill(
    point: ContactPoint,
    *,
    channel: str,
    address: str,
    title: str = "",
    languages: Iterable[str] = (),
    time_zone: str = "UTC",
    is_24_7: bool = False,
) -> None:
    """Set the fields of a contact point after checking them."""
    if len(title) > _TITLE_LENGTH:
        raise InvalidError(
            "title", "can have at most {title_length} characters", title_length=_TITLE_LENGTH
        )
    contacts.check_time_zone(time_zone)
    point.address = contacts.contact_address(channel, address)
    point.languages = contacts.language_tags(languages)
    point.channel, point.title = channel, title.strip()
    point.time_zone, point.is_24_7 = time_zone, is_24_7
