# SPDX-License-Identifier: Apache-2.0
"""Write the standing, group and right of parties, and their history. Decision 0098.

Each change takes a position of the feed, so that every agent learns of it.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party, StandingChange
from stemtide.hub.rooms.parties.reads import parties as reads, standing as standing_reads
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import standing as rules
from stemtide.protocol.enums import Standing
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.parties import (
    DigestsIn,
    GroupIn,
    MechanismIn,
    PartyDetailOut,
    StandingIn,
)


@transaction.atomic
def grant_standing(name: str, *, body: StandingIn, by: Actor, now: datetime) -> PartyDetailOut:
    """Give a party the next standing up or down.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    party = reads.party(name)
    rules.check_grant(party.trust, to=body.standing, by=by)
    before, party.standing = party.standing, body.standing
    save_change(party, before=before, reason=body.reason, by=by, now=now)
    detail: dict[str, object] = {"from": before, "to": party.standing}
    ledger.append_by("standing.granted", by=by, subject=party.ref, now=now, detail=detail)
    return standing_reads.describe(name, viewer=by.party)


@transaction.atomic
def set_group(name: str, *, body: GroupIn, by: Actor, now: datetime) -> PartyDetailOut:
    """Put a party into a group, whose parties count once; or into none.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    party = reads.party(name)
    rules.check_set_group(party.trust, group=body.group, by=by)
    party.group = body.group
    save_change(party, before=party.standing, reason=body.reason, by=by, now=now)
    detail: dict[str, object] = {"group": body.group}
    ledger.append_by("party.grouped", by=by, subject=party.ref, now=now, detail=detail)
    return standing_reads.describe(name, viewer=by.party)


@transaction.atomic
def grant_digests(name: str, *, body: DigestsIn, by: Actor, now: datetime) -> PartyDetailOut:
    """Let a party speak alone for exact digests, or no longer.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    party = reads.party(name)
    rules.check_grant_digests(party.trust, speaks=body.speaks_for_digests, by=by)
    party.speaks_for_digests = body.speaks_for_digests
    save_change(party, before=party.standing, reason=body.reason, by=by, now=now)
    detail: dict[str, object] = {"speaks": body.speaks_for_digests}
    ledger.append_by("party.entrusted", by=by, subject=party.ref, now=now, detail=detail)
    return standing_reads.describe(name, viewer=by.party)


@transaction.atomic
def set_mechanism(name: str, *, body: MechanismIn, by: Actor, now: datetime) -> PartyDetailOut:
    """Let a party speak for a crisis mechanism, whose activations it then notes and ends itself.

    raises: NotFoundError, NotAllowedError; ConflictError for a mechanism of another party.
    """
    ledger.lock_ledger()
    party = reads.party(name)
    holder = reads.holder_of(body.mechanism)
    rules.check_set_mechanism(
        party.trust,
        mechanism=body.mechanism,
        before=party.mechanism,
        holder=holder.name if holder else None,
        is_bot=party.exercise,
        by=by,
    )
    party.mechanism = body.mechanism
    party.save(update_fields=["mechanism"])
    detail: dict[str, object] = {"mechanism": body.mechanism}
    ledger.append_by("party.appointed", by=by, subject=party.ref, now=now, detail=detail)
    return standing_reads.describe(name, viewer=by.party)


def vet(party: Party, *, confirmed: int, now: datetime) -> bool:
    """Make a new party a member if it is due; return whether it became one.

    confirmed: how many of its signals other parties confirmed.
    """
    since = standing_reads.new_since(party)
    if not rules.is_vetted(
        new_since=since, confirmed=confirmed, now=now, limits=limits().new_member
    ):
        return False
    with transaction.atomic():
        ledger.lock_ledger()
        party.refresh_from_db()
        if party.standing != Standing.NEW:
            return False
        before, party.standing = party.standing, Standing.MEMBER
        save_change(party, before=before, reason="", by=None, now=now)
        detail: dict[str, object] = {"confirmed": confirmed}
        ledger.append("standing.vetted", actor=CLOCK, subject=party.ref, now=now, detail=detail)
    return True


@needs_no_entry("it is a lease: one scheduler counts, once in a while")
def claim_vetting(now: datetime) -> list[Party]:
    """Return the new parties whose confirmed signals this scheduler counts now."""
    due = Q(vetting_due=None) | Q(vetting_due__lte=now)
    rows = Party.objects.filter(due, standing=Standing.NEW)
    later = now + rules.COUNT_EVERY
    return [
        party for party in rows if Party.objects.filter(due, pk=party.pk).update(vetting_due=later)
    ]


@needs_no_entry("the act that changes the standing records itself")
def save_change(
    party: Party,
    *,
    before: str,
    reason: str,
    by: Actor | None,
    now: datetime,
    second: Actor | None = None,
) -> None:
    """Save a changed standing, group or right at a new position, and add it to the history.

    by: None for the clock. second: who confirmed it.
    """
    party.position = ledger.take_positions(1, now=now)
    columns = ["standing", "group", "speaks_for_digests", "position"]
    party.save(update_fields=columns)
    record_change(
        party,
        before=before,
        reason=reason,
        by=by.party if by else None,
        by_ref=by.ref if by else CLOCK,
        second=second,
        now=now,
    )


@needs_no_entry("the act that changes the standing records itself")
def record_change(
    party: Party,
    *,
    before: str,
    reason: str,
    by: Party | None,
    by_ref: str,
    now: datetime,
    second: Actor | None = None,
) -> None:
    """Add a line to the history of a party whose standing, group or right is saved."""
    StandingChange.objects.create(
        party=party,
        before=before,
        after=party.standing,
        group=party.group,
        speaks_for_digests=party.speaks_for_digests,
        reason=reason,
        by=by,
        by_ref=by_ref,
        second=second.party if second else None,
        second_ref=second.ref if second else "",
        at=now,
    )
