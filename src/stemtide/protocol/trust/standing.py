# SPDX-License-Identifier: Apache-2.0
"""Who supports a signal, and whether that is enough to act without a person.

1 A party counts if it is a member or trusted. A new party and a suspended one do not count.
2 Parties of one group (one owner, or brought by one exchange) count once.
3 An authority or an agency speaks alone, but never for a folder or a host of the web. A party to
  which the agency granted it does so for exact digests.
4 Otherwise as many independent parties as limits.toml says must stand behind the signal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import PartyKind, Reach, Standing
from stemtide.protocol.trust.limits import limits

EXACT_DIGESTS = frozenset({Kind.SHA256, Kind.MD5})
"""Kinds whose values identify one file, bit by bit."""

SPEAKING_ALONE = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party whose word alone is enough for a single address or file."""

WHOLE_SITES = frozenset({Reach.FOLDER, Reach.HOST})
"""Reaches that cover more than one address."""

COUNTING = frozenset({Standing.MEMBER, Standing.TRUSTED})
"""Standings in which a party's word counts."""


@dataclass(frozen=True, slots=True)
class PartyTrust:
    """The facts that decide how much a party's word counts.

    group: parties of one group count once; "" if it belongs to none.
    speaks_for_digests: the agency lets it speak alone for exact digests.
    state: the Member State of an authority, where that matters; "" otherwise.
    """

    name: str
    kind: PartyKind
    standing: Standing
    group: str = ""
    speaks_for_digests: bool = False
    state: str = ""

    @property
    def counts(self) -> bool:
        """Whether the party's word counts."""
        return self.standing in COUNTING


class Basis(StrEnum):
    """Why a signal may lead to a block under the default policy, or why it may not."""

    SPEAKS_ALONE = "speaks_alone"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    WHOLE_SITE = "whole_site"
    UNVETTED = "unvetted"
    SUSPENDED = "suspended"

    @property
    def is_enough(self) -> bool:
        """Whether the default policy may block."""
        return self in (Basis.SPEAKS_ALONE, Basis.CONFIRMED)


def independent(parties: Iterable[PartyTrust]) -> int:
    """Return how many independent parties there are among those that count."""
    return len({party.group or party.name for party in parties if party.counts})


def speaks_alone(party: PartyTrust, *, kind: Kind, reach: Reach | None) -> bool:
    """Whether the word of this party alone is enough for a signal."""
    if not party.counts or reach in WHOLE_SITES:
        return False
    may_for_digest = party.speaks_for_digests and kind in EXACT_DIGESTS
    return party.kind in SPEAKING_ALONE or may_for_digest


def basis_of(
    sharer: PartyTrust, others: Iterable[PartyTrust], *, kind: Kind, reach: Reach | None
) -> Basis:
    """Return the default policy's basis for a signal.

    others: parties that confirmed it, or that share the same value themselves.
    """
    behind = [sharer, *others]
    if any(speaks_alone(party, kind=kind, reach=reach) for party in behind):
        return Basis.SPEAKS_ALONE
    if independent(behind) >= limits().confirmation.parties:
        return Basis.CONFIRMED
    if sharer.standing is Standing.SUSPENDED:
        return Basis.SUSPENDED
    if sharer.standing is Standing.NEW:
        return Basis.UNVETTED
    return Basis.WHOLE_SITE if reach in WHOLE_SITES else Basis.UNCONFIRMED
