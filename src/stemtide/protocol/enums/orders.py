# SPDX-License-Identifier: Apache-2.0
"""Enums of removal orders. docs/glossary.md explains the terms."""

from enum import StrEnum


class OrderState(StrEnum):
    """State of a removal order. Moves between states are data: machines/order.toml."""

    DRAFTED = "drafted"
    DISCARDED = "discarded"
    SUBMITTED = "submitted"
    ISSUED = "issued"
    RECEIVED = "received"
    SUSPENDED = "suspended"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"
    ANNULLED = "annulled"
    UNDONE = "undone"
    REINSTATED = "reinstated"


class OrderChannel(StrEnum):
    """Channel through which an order that was made elsewhere reached its addressee."""

    PERCI = "perci"
    MAIL = "mail"
    POST = "post"
    HAND = "hand"
    OTHER = "other"


class EntryState(StrEnum):
    """State of an order that was entered by hand.

    waiting:   the other side has not answered. confirmed: it said that the order is right.
    disputed:  it said that the order is not right. voided: who entered it took it back.
    """

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    VOIDED = "voided"


class Side(StrEnum):
    """Role of a party in an order, as its machine names it."""

    ISSUER = "issuer"
    ADDRESSEE = "addressee"
    HOME = "home"


class ScrutinyState(StrEnum):
    """State of the scrutiny of an order, as in machines/scrutiny.toml."""

    OPENED = "opened"
    ANNOUNCED = "announced"
    UPHELD = "upheld"
    INFRINGED = "infringed"
    CLOSED = "closed"


class ScrutinyBasis(StrEnum):
    """Basis of a scrutiny, which determines when its deadline starts."""

    OWN_INITIATIVE = "own_initiative"
    PROVIDER = "provider"
    CONTENT_PROVIDER = "content_provider"


class Measure(StrEnum):
    """Measure by which a provider executed an order: Annex II, section B."""

    REMOVED = "removed"
    DISABLED = "disabled"


class EmergencyGround(StrEnum):
    """Serious harm that allows a first order without twelve hours' notice.

    The recital names the first two as examples.

    source: Regulation (EU) 2021/784 recital 17.
    """

    IMMINENT_THREAT = "imminent_threat"
    ONGOING_EVENTS = "ongoing_events"
    OTHER = "other"


class ReviewKind(StrEnum):
    """Kind of review proceedings for which content is preserved longer.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    ADMINISTRATIVE = "administrative"
    JUDICIAL = "judicial"


class PreservationBasis(StrEnum):
    """Law by which content is preserved. Each has its own dates and rules of extension.

    source: Regulation (EU) 2021/784 Art. 6; Regulation (EU) 2023/1543 Art. 11 (a European
            Preservation Order, by its certificate EPOC-PR); national law.
    """

    TCO = "tco"
    E_EVIDENCE = "e_evidence"
    NATIONAL = "national"


class AccessPurpose(StrEnum):
    """Purpose for which preserved content may be used.

    source: Regulation (EU) 2021/784 Art. 6(1).
    """

    REVIEW = "review"
    COMPLAINT = "complaint"
    PROSECUTION = "prosecution"


class Appellant(StrEnum):
    """Who appeals against an order: a role, never a name.

    source: Regulation (EU) 2021/784 Art. 9(1) and (2).
    """

    PROVIDER = "provider"
    CONTENT_PROVIDER = "content_provider"


class AppealOutcome(StrEnum):
    """Outcome of an appeal. closed: withdrawn, inadmissible or never lodged."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    OVERTURNED = "overturned"
    CLOSED = "closed"


class FinalGround(StrEnum):
    """Why an order is final: the deadline for appeal expired, or it was confirmed on appeal.

    source: Regulation (EU) 2021/784 Art. 3(9).
    """

    EXPIRY = "expiry"
    CONFIRMED = "confirmed"


class DoubtKind(StrEnum):
    """Kind of a doubt about an order. No doubt prevents an order from being issued.

    form: of the form itself. interest, hold: another party's order, or hold (recital 36). source:
    an address that hints at a purpose of Art. 1(3). copy: a copy that the hub cannot send.
    """

    FORM = "form"
    ADDRESS = "address"
    INTEREST = "interest"
    HOLD = "hold"
    SOURCE = "source"
    MEDIA_SERVICE = "media_service"
    LANGUAGE = "language"
    COPY = "copy"


class AtOnce(StrEnum):
    """Why an order was issued before a second person confirmed it.

    source: Regulation (EU) 2021/784 Art. 3(2), for emergencies.
    """

    EMERGENCY = "emergency"
    CRISIS = "crisis"
