# SPDX-License-Identifier: Apache-2.0
"""Read the standing of parties and its history."""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties as reads
from stemtide.protocol.enums import PartyKind, Standing
from stemtide.protocol.sync.feed import FeedParty
from stemtide.protocol.trust.parties import PartyDetailOut, PartyOut, StandingChangeOut


@needs_no_viewer("every party may know the standing of every other")
def changed(after: int = 0, *, until: int | None = None, exercise: bool = False) -> list[FeedParty]:
    """Return the parties whose standing changed after a position, lowest position first.

    after: 0 for all. until: the last position; None for no limit. exercise: also parties that bots
    play, until their exercise ends.
    """
    rows = reads.present(exercise=exercise).order_by("position", "pk")
    if after:
        rows = rows.filter(position__gt=after)
    if until is not None:
        rows = rows.filter(position__lte=until)
    return [
        FeedParty(
            position=party.position,
            name=party.name,
            kind=PartyKind(party.kind),
            standing=Standing(party.standing),
            group=party.group,
            speaks_for_digests=party.speaks_for_digests,
        )
        for party in rows
    ]


@needs_no_viewer("every party may know that the standing of another changed")
def last_position() -> int:
    """Return the position at which the standing of any party last changed; 0 if none did."""
    last = Party.objects.order_by("-position").values_list("position", flat=True).first()
    return last or 0


@needs_no_viewer("every party may see every other")
def describe_all() -> list[PartyOut]:
    """Return all parties with their standing, by name."""
    return [PartyOut(**_columns(party)) for party in reads.parties()]


def describe(name: str, *, viewer: Party) -> PartyDetailOut:
    """Return a party with the history of its standing, which agencies and itself may read.

    raises: NotFoundError.
    """
    party = reads.party(name)
    may_read = viewer.kind == PartyKind.AGENCY or viewer == party
    return PartyDetailOut(**_columns(party), history=_history(party) if may_read else [])


def new_since(party: Party) -> datetime:
    """Return when a party became new: when it joined, or was last set back."""
    set_back = party.standing_changes.filter(after=Standing.NEW).exclude(before=Standing.NEW)
    return set_back.values_list("at", flat=True).first() or party.joined_at


def _columns(party: Party) -> dict[str, object]:
    """Return the facts about a party that every party may read."""
    return {
        "name": party.name,
        "title": party.title,
        "kind": party.kind,
        "country": party.country,
        "joined_at": party.joined_at,
        "standing": party.standing,
        "group": party.group,
        "speaks_for_digests": party.speaks_for_digests,
        "mechanism": party.mechanism,
    }


def _history(party: Party) -> list[StandingChangeOut]:
    """Return the history of a party's standing, latest first."""
    return [
        StandingChangeOut(
            before=Standing(change.before),
            after=Standing(change.after),
            group=change.group,
            speaks_for_digests=change.speaks_for_digests,
            reason=change.reason,
            by=change.by.name if change.by else None,
            second=change.second.name if change.second else None,
            at=change.at,
        )
        for change in party.standing_changes.select_related("by", "second")
    ]
