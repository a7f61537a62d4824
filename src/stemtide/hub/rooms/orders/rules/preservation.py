# SPDX-License-Identifier: Apache-2.0
"""Rules of preservation: by which law, until when, who extends and ends it. Decision 0154.

Content may be preserved by several laws at once. It is destroyed when the last of them ends.

source: Regulation (EU) 2021/784 Art. 6; Regulation (EU) 2023/1543 Art. 6 and 11.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.platform.permissions import check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.orders.rules.orders import (
    OrderFacts,
    PreservationFacts,
    Side,
    check_confirmed,
    check_side,
    known_side,
)
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.orders import AccessPurpose, PreservationBasis
from stemtide.protocol.law import deadlines
from stemtide.protocol.messages.orders import LongerPreservationIn, PreservationIn

MAX_RECORDED = 20
"""Current preservations that one party may record for an order: several authorities may ask."""

MOST_YEARS = 30
"""How far dates of a preservation may lie from now: further ones are mistyped."""


def check_extend(
    facts: OrderFacts, *, name: str, role: Role | None, until: datetime, now: datetime
) -> None:
    """Check that the issuer or an authority with a copy may ask for longer preservation by Art. 6.

    A court is no party here: the authority enters its request.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """
    if known_side(facts, name=name) is Side.ADDRESSEE:
        raise NotAllowedError("only an authority or a court can request longer preservation")
    check_person_may_lead(role)
    check_confirmed(facts, name=name)
    preservation = of_article_6(facts)
    end = max(preservation.until or now, now)
    if not end < until:
        raise InvalidError(
            "until",
            "must be after {until:%Y-%m-%d %H:%M} UTC, the present end of preservation",
            until=end,
        )
    _check_near(until, now=now)


def check_review(facts: OrderFacts, *, since: date, now: datetime) -> None:
    """Check that the proceedings that prolong preservation are ongoing and review this order.

    A day is given without its place, so one that began anywhere by now has begun.

    source: Regulation (EU) 2021/784 Art. 6(2) with (1)(a): "only if and for as long as necessary
            for ongoing administrative or judicial review proceedings".
    """
    if since > (now + timedelta(hours=14)).date():
        raise InvalidError(
            "reviewed_since",
            "is in the future: only ongoing review proceedings extend preservation (Art. 6(2))",
        )
    if facts.issued_at is not None and since < (facts.issued_at - timedelta(hours=12)).date():
        raise InvalidError(
            "reviewed_since",
            "is before the issue of this order: name proceedings that review it (Art. 6(2))",
        )


def check_door(facts: OrderFacts, *, name: str, is_providers: bool | None) -> None:
    """Check that a party uses the endpoint of its side. is_providers: None for pages, of all."""
    is_addressee = known_side(facts, name=name) is Side.ADDRESSEE
    if is_providers and not is_addressee:
        raise NotAllowedError("this endpoint is for providers: use /preservations")
    if is_providers is False and is_addressee:
        raise NotAllowedError("this endpoint is for authorities: use /report-preservation")


def check_may_record(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check that a side of an executed order may record a preservation by another law."""
    _check_role(facts, name=name, role=role)
    check_confirmed(facts, name=name)
    _check_preserved(facts)
    own = [row for row in facts.preservations if row.entered_by == name and not row.is_ended]
    if len(own) >= MAX_RECORDED:
        raise ConflictError(
            "your party recorded {count} preservations of this order: end one first",
            count=len(own),
        )


def end_of(body: PreservationIn, *, now: datetime) -> datetime:
    """Return when a preservation ends that somebody records. raises: InvalidError.

    source: Regulation (EU) 2023/1543 Art. 11(1), Art. 34(2).
    """
    if body.since > now:
        raise InvalidError("since", "is in the future: enter when the provider received the order")
    if body.since < deadlines.months_after(now, -12 * MOST_YEARS):
        raise InvalidError(
            "since", "is more than {years} years ago: correct the year", years=MOST_YEARS
        )
    match body.basis:
        case PreservationBasis.TCO:
            raise InvalidError(
                "basis",
                "begins by itself when the order is executed (Art. 6(1)): choose another basis",
            )
        case PreservationBasis.E_EVIDENCE:
            return _end_of_epoc_pr(body, now=now)
        case PreservationBasis.NATIONAL:
            return _end_by_national_law(body, now=now)


def longer_end(
    preservation: PreservationFacts, body: LongerPreservationIn, *, now: datetime
) -> datetime | None:
    """Return the new end of a recorded preservation; None until data are produced.

    check_longer() comes first.

    raises: ConflictError, InvalidError, with the article that does not allow it.
    source: Regulation (EU) 2023/1543 Art. 11(1) and (2).
    """
    if preservation.basis is PreservationBasis.NATIONAL:
        return _longer_by_national_law(preservation, body, now=now)
    if body.until is not None:
        raise InvalidError(
            "until",
            "is set by Art. 11(1) of Regulation (EU) 2023/1543, which adds 30 days: leave it out",
        )
    if body.reference:
        raise InvalidError(
            "reference",
            "is the file number of the EPOC-PR, which stays: leave it out, and enter a request for"
            " production in its own field (Regulation (EU) 2023/1543 Art. 11)",
        )
    if body.production:
        return None
    if preservation.is_extended:
        raise ConflictError(
            "Art. 11(1) of Regulation (EU) 2023/1543 allows one extension of 30 days: enter the"
            " request for production that followed (Annex V), or let it end"
        )
    return deadlines.epoc_pr_until(preservation.since or now, is_extended=True)


def check_longer(
    facts: OrderFacts,
    preservation: PreservationFacts,
    *,
    name: str,
    role: Role | None,
    now: datetime,
) -> None:
    """Check that who recorded a preservation, or the provider, may enter its extension.

    source: Regulation (EU) 2023/1543 Art. 11(1) and (2).
    """
    if preservation.basis is PreservationBasis.TCO:
        raise ConflictError(
            "a preservation by Art. 6 is extended for review proceedings only (Art. 6(2)): name"
            " them in a request for longer preservation"
        )
    if name not in {facts.addressee, preservation.entered_by}:
        raise NotAllowedError("only the party that recorded this preservation can do this")
    _check_role(facts, name=name, role=role)
    _check_current(facts, preservation)
    if preservation.basis is PreservationBasis.NATIONAL:
        return
    if preservation.until is None:
        raise ConflictError(
            "the data wait for a request for production already (Regulation (EU) 2023/1543 Art."
            " 11(2)): they are preserved until they are produced"
        )
    if now > preservation.until:
        raise ConflictError(
            "this preservation is over (Regulation (EU) 2023/1543 Art. 11(1)): a new EPOC-PR is"
            " needed"
        )


def check_end(
    facts: OrderFacts, preservation: PreservationFacts, *, name: str, role: Role | None
) -> None:
    """Check that a party may end a preservation that it recorded, before its time.

    source: Regulation (EU) 2023/1543 Art. 11(3).
    """
    if preservation.basis is PreservationBasis.TCO:
        raise ConflictError("content is preserved for six months (Art. 6(1)): nobody can end that")
    if preservation.entered_by != name:
        raise NotAllowedError("only the party that recorded this preservation can do this")
    _check_role(facts, name=name, role=role)
    _check_current(facts, preservation)


def check_note_access(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check that the provider may note an access to preserved content."""
    check_side(facts, Side.ADDRESSEE, name=name)
    check_person_may_write(role)
    _check_preserved(facts)


def check_purpose(preservation: PreservationFacts, purpose: AccessPurpose) -> None:
    """Check that a law of preservation allows access for a purpose.

    source: Regulation (EU) 2023/1543 Art. 6(2) and (3): with a view to production, for criminal
            offences.
    """
    is_criminal = purpose is AccessPurpose.PROSECUTION
    if preservation.basis is PreservationBasis.E_EVIDENCE and not is_criminal:
        raise InvalidError(
            "purpose",
            "does not fit: an EPOC-PR secures data for criminal proceedings (Regulation (EU)"
            " 2023/1543 Art. 6): choose prosecution, or the preservation by Art. 6",
        )


def check_note_destroyed(facts: OrderFacts, *, name: str, role: Role | None, now: datetime) -> None:
    """Check that the provider may note the destruction of preserved content, after its time."""
    check_side(facts, Side.ADDRESSEE, name=name)
    check_person_may_write(role)
    _check_preserved(facts)
    ends = [preservation.until for preservation in facts.preservations if not preservation.is_ended]
    if None in ends:
        raise ConflictError(
            "it must be preserved until it is produced (Regulation (EU) 2023/1543 Art. 11(2)):"
            " destroy it when the authority has ended that (Art. 11(3))"
        )
    last = max((end for end in ends if end is not None), default=now)
    if now < last:
        raise ConflictError(
            "it must be preserved until {until:%Y-%m-%d %H:%M} UTC: destroy it after that",
            until=last,
        )


def of_article_6(facts: OrderFacts) -> PreservationFacts:
    """Return the current preservation by Art. 6. raises: ConflictError."""
    rows = [row for row in facts.preservations if row.basis is PreservationBasis.TCO]
    if not rows:
        raise ConflictError("nothing is preserved for this order: it was not executed")
    _check_not_destroyed(facts)
    return rows[0]


def find(facts: OrderFacts, uid: str, *, name: str) -> PreservationFacts:
    """Return a preservation that a party may see. raises: NotFoundError."""
    for preservation in visible(facts.preservations, name=name, addressee=facts.addressee):
        if preservation.uid == uid:
            return preservation
    raise NotFoundError("there is no preservation {uid} of this order", uid=uid)


def visible(
    preservations: Iterable[PreservationFacts], *, name: str, addressee: str
) -> list[PreservationFacts]:
    """Return the preservations that a party may see.

    Others than that of Art. 6 are for who recorded them and for the provider: an EPOC-PR is
    confidential, also towards the issuer of the order.

    source: Regulation (EU) 2023/1543 Art. 13(4).
    """
    return [
        preservation
        for preservation in preservations
        if preservation.basis is PreservationBasis.TCO
        or name in {addressee, preservation.entered_by}
    ]


def _end_of_epoc_pr(body: PreservationIn, *, now: datetime) -> datetime:
    """Return the end of the 60 days of an EPOC-PR."""
    if body.until is not None or body.law:
        raise InvalidError(
            "until" if body.until else "law",
            "is set by Regulation (EU) 2023/1543, by which an EPOC-PR ends after 60 days (Art."
            " 11(1)): leave it out",
        )
    if body.since < deadlines.EPOC_PR_FROM:
        raise InvalidError(
            "since",
            "is before 18 August 2026, from when European Preservation Orders exist (Regulation"
            " (EU) 2023/1543 Art. 34(2)): name national law instead",
        )
    end = deadlines.epoc_pr_until(body.since)
    if end <= now:
        raise InvalidError(
            "since",
            "is more than 60 days ago, after which an EPOC-PR ends (Regulation (EU) 2023/1543 Art."
            " 11(1)): a new one is needed",
        )
    return end


def _end_by_national_law(body: PreservationIn, *, now: datetime) -> datetime:
    """Return the end that a person entered for national law."""
    if len(body.law.strip()) < 2:  # noqa: PLR2004  # characters
        raise InvalidError("law", "is missing: name the provision of national law")
    if body.until is None:
        raise InvalidError("until", "is missing: enter until when national law preserves it")
    if body.until <= now:
        raise InvalidError("until", "is in the past: enter a later time")
    _check_near(body.until, now=now)
    return body.until


def _longer_by_national_law(
    preservation: PreservationFacts, body: LongerPreservationIn, *, now: datetime
) -> datetime:
    """Return the later end that a decision under national law sets."""
    if body.production:
        raise InvalidError(
            "production",
            "belongs to an EPOC-PR (Regulation (EU) 2023/1543 Art. 11(2)): enter a new end instead",
        )
    if not body.reference.strip():
        raise InvalidError("reference", "is missing: name the decision that extends it")
    end = max(preservation.until or now, now)
    if body.until is None or body.until <= end:
        raise InvalidError(
            "until",
            "must be after {until:%Y-%m-%d %H:%M} UTC, the present end of preservation",
            until=end,
        )
    _check_near(body.until, now=now)
    return body.until


def _check_near(until: datetime, *, now: datetime) -> None:
    """Refuse an end that somebody mistyped. raises: InvalidError."""
    if until > deadlines.months_after(now, 12 * MOST_YEARS):
        raise InvalidError(
            "until", "is more than {years} years away: correct the year", years=MOST_YEARS
        )


def _check_role(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check the role of a person: for an authority it must be one that decides."""
    is_provider = known_side(facts, name=name) is Side.ADDRESSEE
    (check_person_may_write if is_provider else check_person_may_lead)(role)


def _check_current(facts: OrderFacts, preservation: PreservationFacts) -> None:
    """Refuse preservations that their authority ended, and destroyed content."""
    _check_not_destroyed(facts)
    if preservation.is_ended:
        raise ConflictError("this preservation has ended: record a new one")


def _check_preserved(facts: OrderFacts) -> None:
    """Refuse orders for which nothing is preserved. raises: ConflictError."""
    if not facts.preservations:
        raise ConflictError("nothing is preserved for this order: it was not executed")
    _check_not_destroyed(facts)


def _check_not_destroyed(facts: OrderFacts) -> None:
    """Refuse content that was destroyed. raises: ConflictError."""
    if any(preservation.is_destroyed for preservation in facts.preservations):
        raise ConflictError("the content preserved for this order was destroyed")
