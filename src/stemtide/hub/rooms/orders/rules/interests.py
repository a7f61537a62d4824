# SPDX-License-Identifier: Apache-2.0
"""Describe the interests of others in content that is about to be ordered.

They never block an order. The issuer learns that there is an interest and whom to call, and
nothing about the case.

source: Regulation (EU) 2021/784 recital 36 and Art. 14(1).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stemtide.hub.rooms.orders.rules.findings import Doubt
from stemtide.protocol.enums.orders import DoubtKind


class InterestKind(StrEnum):
    """The kind of interest that another party has in the same content."""

    ORDERED = "ordered"
    """Another authority has an order in effect."""
    OWN = "own"
    """The issuer itself has one."""
    HELD = "held"
    """Somebody asks that it be left alone."""


@dataclass(frozen=True, slots=True)
class Interest:
    """One interest in an address or in content of an order.

    party:     its title; country: its Member State, "" for an agency.
    contact:   how it is reached; its title where that is not known.
    url:       the address; "" where it is the same content elsewhere.
    until:     when a hold ends. reference: of an order of the issuer's own.
    """

    kind: InterestKind
    party: str = ""
    country: str = ""
    contact: str = ""
    url: str = ""
    until: datetime | None = None
    reference: str = ""


def doubts(interests: Iterable[Interest]) -> Iterator[Doubt]:
    """Yield a doubt with its remedy for each interest. Doubts never block an order."""
    for interest in interests:
        party = f"{interest.party} ({interest.country})" if interest.country else interest.party
        contact = interest.contact or interest.party
        match interest.kind:
            case InterestKind.ORDERED:
                doubt = _of_order(interest, party=party, contact=contact)
                yield doubt.of(DoubtKind.INTEREST)
            case InterestKind.OWN:
                yield _of_own_order(interest).of(DoubtKind.INTEREST)
            case InterestKind.HELD:
                yield _of_hold(interest, party=party, contact=contact).of(DoubtKind.HOLD)


def _of_order(interest: Interest, *, party: str, contact: str) -> Doubt:
    """Return the doubt about another authority's order."""
    if interest.url:
        return Doubt(
            "urls",
            "{url} is in an order of {party} that is in effect: coordinate with {contact} before"
            " you issue this one (recital 36)",
            url=interest.url,
            party=party,
            contact=contact,
        )
    return Doubt(
        "signals",
        "name content that is in an order of {party} in effect: coordinate with {contact} before"
        " you issue this one (recital 36)",
        party=party,
        contact=contact,
    )


def _of_own_order(interest: Interest) -> Doubt:
    """Return the doubt about an order of the issuer's own."""
    if interest.url:
        return Doubt(
            "urls",
            "{url} is in your order {reference} already: check that this one is needed",
            url=interest.url,
            reference=interest.reference,
        )
    return Doubt(
        "signals",
        "name content that is in your order {reference} already: check that this one is needed",
        reference=interest.reference,
    )


def _of_hold(interest: Interest, *, party: str, contact: str) -> Doubt:
    """Return the doubt about a hold."""
    if interest.url:
        return Doubt(
            "urls",
            "{url} is held by {party} until {until:%Y-%m-%d %H:%M} UTC: call {contact} before you"
            " issue this order (recital 36); a hold does not delay it",
            url=interest.url,
            party=party,
            until=interest.until,
            contact=contact,
        )
    return Doubt(
        "signals",
        "name content that {party} holds until {until:%Y-%m-%d %H:%M} UTC: call {contact} "
        "before you issue this order (recital 36); a hold does not delay it",
        party=party,
        until=interest.until,
        contact=contact,
    )
