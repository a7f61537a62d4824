# SPDX-License-Identifier: Apache-2.0
"""Findings of the lint: an order with a flaw cannot be issued, one with a doubt can.

Doubts are hints for a person: about addresses, which may name a protected source or be inexact, and
about the interests of others in the same content. The lists are data: protocol/law/doubts.toml.
Decision 0155.

source: Regulation (EU) 2021/784 Art. 1(3), Art. 3(4)(d), recital 36, Art. 14(1).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stemtide.fingerprints.url.canonical import UrlError, address
from stemtide.protocol.enums.orders import DoubtKind, Side
from stemtide.protocol.law.doubts import Inexact, hints
from stemtide.protocol.messages.orders import Values


class DraftFinding:
    """One finding: a field of the form or the draft, and words with their remedy."""

    is_error = False
    kind: DoubtKind | None = None

    def __init__(self, field: str, template: str, /, **facts: object) -> None:
        self.field = field
        self.template = template
        self.facts = facts

    @property
    def message(self) -> str:
        """Return the problem and its remedy in English."""
        return self.template.format_map(self.facts) if self.facts else self.template


class Flaw(DraftFinding):
    """A problem that must be fixed before the order is issued."""

    is_error = True


class Doubt(DraftFinding):
    """A possible problem that is shown to the author; the order can be issued.

    Decision 0155.
    """

    kind: DoubtKind = DoubtKind.FORM

    def of(self, kind: DoubtKind) -> "Doubt":
        """Return the doubt with its kind."""
        self.kind = kind
        return self


def is_readable(kind: DoubtKind, *, side: Side | None) -> bool:
    """Whether a side of an order may read a doubt with which it was issued.

    The authority that scrutinises may know the doubts that its issuer weighed. Only the issuer
    learns of a hold: it is an investigative interest of somebody else. The addressee reads none: a
    warning is no reason of the order, and may name others.
    """
    return side is Side.ISSUER or (side is Side.HOME and kind is not DoubtKind.HOLD)


def address_doubts(values: Values) -> Iterator[Doubt]:
    """Yield the doubts of each address of Annex I."""
    urls = values.get("urls")
    for url in dict.fromkeys(urls if isinstance(urls, list) else ()):
        try:
            spelled = address(url)
        except UrlError:  # the lint reports it
            continue
        shown = url[:200]
        if kind := hints().inexact(spelled):
            yield _INEXACT[kind](shown).of(DoubtKind.ADDRESS)
        if source := hints().source_of(spelled):
            purpose, hint = source
            yield Doubt(
                "urls",
                "{url} hints at a protected purpose ({purpose}: {hint}), for which material is no "
                "terrorist content (Art. 1(3)): weigh the true purpose, and say in the reasons why "
                "the order stands",
                url=shown,
                purpose=purpose,
                hint=hint,
            ).of(DoubtKind.SOURCE)


_INEXACT: Mapping[Inexact, Callable[[str], Doubt]] = {
    Inexact.SEARCH: lambda url: Doubt(
        "urls",
        "{url} looks like a search: its results change; enter the address of the content itself",
        url=url,
    ),
    Inexact.LISTING: lambda url: Doubt(
        "urls",
        "{url} looks like a list of content: enter the address of each item that you mean",
        url=url,
    ),
    Inexact.PROFILE: lambda url: Doubt(
        "urls",
        "{url} looks like a profile or channel, of which everything would be removed: enter the "
        "address of each item that you mean",
        url=url,
    ),
    Inexact.FRAGMENT: lambda url: Doubt(
        "urls",
        "{url} names the content only after the # sign, which the server does not see: enter an "
        "address that leads to it",
        url=url,
    ),
}
"""Words for addresses that are not exact."""


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


def interest_doubts(interests: Iterable[Interest]) -> Iterator[Doubt]:
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
