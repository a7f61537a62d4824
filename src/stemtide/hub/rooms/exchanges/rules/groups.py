# SPDX-License-Identifier: Apache-2.0
"""Rules for sharing groups of a MISP: which of them may have the signals of an audience.

A group may have them if nobody can read there but parties that may see the signals here. In doubt
a signal stays.
"""

from collections.abc import Iterable, Mapping, Set as AbstractSet
from uuid import UUID

from stemtide.hub.platform.errors import InvalidError
from stemtide.interop.misp.groups import SharingGroup
from stemtide.protocol.enums import ExchangeKind

MAX_ORGANISATIONS = 1_000
"""Organisations of a MISP that an exchange knows as parties."""

Parties = Mapping[UUID, str]
"""The party that each organisation of a MISP is, by the organisation's UUID."""


def parties_of(group: SharingGroup, *, parties: Parties) -> frozenset[str] | None:
    """Return the parties that can read in a group; None if others can, or may."""
    if group.organisations is None or not group.organisations <= parties.keys():
        return None
    return frozenset(parties[organisation] for organisation in group.organisations)


def fits(group: SharingGroup, *, parties: Parties, readers: AbstractSet[str]) -> bool:
    """Whether only these readers can read in a group."""
    there = parties_of(group, parties=parties)
    return there is not None and there <= readers


def choose(
    groups: Iterable[SharingGroup], *, parties: Parties, readers: AbstractSet[str]
) -> SharingGroup | None:
    """Return the group that reaches most of these readers and nobody else; None without one.

    Of several, the one with more organisations counts, then the one with the lower number.
    """
    fitting = [group for group in groups if fits(group, parties=parties, readers=readers)]

    def rank(group: SharingGroup) -> tuple[int, int, int]:
        reached = parties_of(group, parties=parties) or ()
        return -len(reached), -len(group.organisations or ()), group.number

    return min(fitting, key=rank, default=None)


def audience_of(
    numbers: AbstractSet[str], *, groups: Mapping[int, SharingGroup], parties: Parties
) -> tuple[str, ...]:
    """Return the parties that can read what is restricted to all of these groups, sorted.

    It is empty if one of the groups is unknown or has others in it.
    """
    by_name = {str(number): group for number, group in groups.items()}
    members = [
        parties_of(by_name[name], parties=parties) if name in by_name else None for name in numbers
    ]
    shown = [names for names in members if names is not None]
    if not shown or len(shown) < len(members):
        return ()
    return tuple(sorted(frozenset.intersection(*shown)))


def check_organisations(*, kind: ExchangeKind, count: int) -> None:
    """Refuse organisations for a kind that has none, and too many of them."""
    if kind is not ExchangeKind.MISP:
        raise InvalidError("kind", "only an exchange of kind misp has organisations and groups")
    if count > MAX_ORGANISATIONS:
        raise InvalidError(
            "organisation",
            "an exchange knows {most} organisations at most: remove some",
            most=MAX_ORGANISATIONS,
        )
