# SPDX-License-Identifier: Apache-2.0
"""Look up the provider, crisis and signals that a referral names, for its sender."""

from collections.abc import Collection
from uuid import UUID

from stemtide.hub.platform.errors import InvalidError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums import PartyKind


@needs_no_viewer("every party may see every other")
def provider(name: str, *, exercise: bool) -> Party:
    """Return a provider that a referral can go to. raises: InvalidError if there is none."""
    try:
        party = parties.addressee(name, exercise=exercise)
    except (NotFoundError, InvalidError) as error:
        raise InvalidError.of("provider", error) from error
    rules.check_provider(party.name, kind=PartyKind(party.kind))
    return party


@needs_no_viewer("every party may see every other")
def providers(names: Collection[str], *, exercise: bool) -> dict[str, Party]:
    """Return the providers among these names that referrals can go to, by name."""
    return {
        party.name: party
        for party in parties.parties()
        if party.name in names
        and party.kind == PartyKind.PROVIDER
        and (exercise or not party.exercise)
    }


def crisis(uid: UUID | None, *, exercise: bool, viewer: Party) -> Crisis | None:
    """Return the crisis that a referral belongs to. raises: InvalidError if it does not fit."""
    if uid is None:
        return None
    try:
        row = crises.find(uid, viewer=viewer)
    except NotFoundError as error:
        raise InvalidError.of("crisis", error) from error
    rules.check_same_mark(exercise=exercise, of_what="crisis", is_exercise=row.exercise)
    return row


def linked(uids: Collection[UUID], *, exercise: bool, viewer: Party) -> list[int]:
    """Return the primary keys of the signals that a referral names. raises: InvalidError."""
    visible = signals.visible_by_uid(uids, viewer=viewer)
    for uid in uids:
        if uid not in visible:
            raise InvalidError(
                "signals", "there is no signal {uid} that your party may see", uid=uid
            )
        is_exercise = visible[uid].exercise
        rules.check_same_mark(exercise=exercise, of_what="signal", is_exercise=is_exercise)
    return [signal.pk for signal in visible.values()]
