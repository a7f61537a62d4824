# SPDX-License-Identifier: Apache-2.0
"""Rules of standing: with which one parties begin, and who changes it. Decision 0098."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.protocol.enums import PartyKind, Role, Standing
from stemtide.protocol.trust.limits import NewMemberLimits
from stemtide.protocol.trust.standing import SPEAKING_ALONE, PartyTrust

VOUCHED_FOR = SPEAKING_ALONE
"""Kinds of party that begin as members: a Member State or the Union vouches for them."""

STEPS: Mapping[Standing, frozenset[Standing]] = {
    Standing.NEW: frozenset({Standing.MEMBER}),
    Standing.MEMBER: frozenset({Standing.NEW, Standing.TRUSTED}),
    Standing.TRUSTED: frozenset({Standing.MEMBER}),
    Standing.SUSPENDED: frozenset(),
}
"""The standings that one person may grant, by the present one."""

COUNT_EVERY = timedelta(minutes=10)
"""How often the confirmed signals of a new party are counted."""


class Acting(Protocol):
    """Who acts; parties.reads.Actor is one. role: None where a machine acts with a key."""

    @property
    def name(self) -> str:
        """Return the party's name."""

    @property
    def kind(self) -> PartyKind:
        """Return the party's kind."""

    @property
    def country(self) -> str:
        """Return the party's country; "" if it has none."""

    @property
    def group(self) -> str:
        """Return the party's group; "" if it belongs to none."""

    @property
    def ref(self) -> str:
        """Return the reference of the person or key."""

    @property
    def role(self) -> Role | None:
        """Return the person's role in their party."""


def first_standing(kind: PartyKind) -> Standing:
    """Return the standing with which a party of a kind begins."""
    return Standing.MEMBER if kind in VOUCHED_FOR else Standing.NEW


def check_sees_standings(kind: PartyKind) -> None:
    """Refuse the pages on which agencies decide on standings to all other kinds of party."""
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError("only an agency decides on the standing of parties: ask one")


def check_oversees(by: Acting) -> None:
    """Refuse all but coordinators and keys of an agency.

    A key's scope was checked: the operator gives it on purpose.
    """
    check_sees_standings(by.kind)
    if by.role not in (None, Role.COORDINATOR):
        raise NotAllowedError(
            "your role ({role}) cannot decide on the standing of parties: ask a coordinator of "
            "your party",
            role=by.role.replace("_", " ") if by.role else "",
        )


def check_grant(party: PartyTrust, *, to: Standing, by: Acting) -> None:
    """Refuse a standing that one person may not give: any but the next one up or down.

    An authority or agency never becomes new again, because this would silence it: two people
    suspend it instead.
    """
    _check_others(party, by=by)
    if to is Standing.SUSPENDED:
        raise ConflictError("suspending a party takes two people: propose it")
    _check_not_suspended(party)
    if party.standing is to:
        raise ConflictError("{party} is already {standing}", party=party.name, standing=to)
    if to is Standing.NEW and party.kind in VOUCHED_FOR:
        raise ConflictError(
            "a Member State or the Union vouches for {party}, which cannot become new: propose to "
            "suspend it",
            party=party.name,
        )
    if to not in STEPS[party.standing]:
        raise ConflictError(
            "{party} is {standing}, which becomes {steps} first",
            party=party.name,
            standing=party.standing,
            steps=" or ".join(sorted(STEPS[party.standing])),
        )


def check_set_group(party: PartyTrust, *, group: str, by: Acting) -> None:
    """Refuse the group that a party has already, and one of one's own party."""
    _check_others(party, by=by)
    if party.group != group:
        return
    if not group:
        raise ConflictError("{party} belongs to no group", party=party.name)
    raise ConflictError(
        "{party} already belongs to the group {group}", party=party.name, group=group
    )


def check_grant_digests(party: PartyTrust, *, speaks: bool, by: Acting) -> None:
    """Refuse the right that a party has already, and one that its kind gives it anyway."""
    _check_others(party, by=by)
    _check_not_suspended(party)
    if party.kind in SPEAKING_ALONE:
        raise ConflictError(
            "{party} is an {kind}, whose word alone is enough for single files and addresses",
            party=party.name,
            kind=party.kind,
        )
    if party.speaks_for_digests and speaks:
        raise ConflictError("{party} already speaks alone for exact digests", party=party.name)
    if not party.speaks_for_digests and not speaks:
        raise ConflictError("{party} does not speak alone for exact digests", party=party.name)


def check_set_mechanism(
    party: PartyTrust,
    *,
    mechanism: str,
    before: str,
    holder: str | None,
    is_bot: bool,
    by: Acting,
) -> None:
    """Refuse a mechanism that the party has already, and one for which another party speaks.

    An agency decides: otherwise any party could end another's activation, or make one up.

    is_bot: a bot plays the party in an exercise. It would keep the mechanism from a real party.
    """
    _check_others(party, by=by)
    if mechanism:
        _check_not_suspended(party)
    if mechanism and is_bot:
        raise ConflictError(
            "{party} is played by a bot in an exercise: choose a real party", party=party.name
        )
    if before == mechanism:
        raise ConflictError(
            "{party} speaks for {mechanism} already",
            party=party.name,
            mechanism=mechanism or "no mechanism",
        )
    if holder is not None and holder != party.name:
        raise ConflictError(
            "{holder} speaks for {mechanism}: end that first", holder=holder, mechanism=mechanism
        )


def is_vetted(
    *, new_since: datetime, confirmed: int, now: datetime, limits: NewMemberLimits
) -> bool:
    """Whether a new party becomes a member: after some days, or some confirmed signals."""
    return now - new_since >= timedelta(days=limits.days) or confirmed >= limits.confirmed_signals


def _check_others(party: PartyTrust, *, by: Acting) -> None:
    """Refuse decisions of all but agencies, and of an agency on itself."""
    check_oversees(by)
    if party.name == by.name:
        raise NotAllowedError("a party cannot decide on its own standing: ask another agency")


def _check_not_suspended(party: PartyTrust) -> None:
    """Refuse to change a suspended party, whose former standing returns when it is lifted."""
    if party.standing is Standing.SUSPENDED:
        raise ConflictError(
            "{party} is suspended: propose to lift the suspension first", party=party.name
        )
