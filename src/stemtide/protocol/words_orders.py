# SPDX-License-Identifier: Apache-2.0
"""The words of orders, each once. docs/glossary.md explains them."""

from enum import StrEnum


class OrderState(StrEnum):
    """Where a removal order stands. The moves between them are data: machines/order.toml."""

    DRAFTED = "drafted"
    DISCARDED = "discarded"
    ISSUED = "issued"
    RECEIVED = "received"
    SUSPENDED = "suspended"
    EXECUTED = "executed"
    WITHDRAWN = "withdrawn"
    ANNULLED = "annulled"
    UNDONE = "undone"
    REINSTATED = "reinstated"


class Side(StrEnum):
    """Who a party is to an order, as its machine calls them."""

    ISSUER = "issuer"
    ADDRESSEE = "addressee"
    HOME = "home"


class ScrutinyState(StrEnum):
    """Where the scrutiny of an order stands: machines/scrutiny.toml."""

    OPENED = "opened"
    ANNOUNCED = "announced"
    UPHELD = "upheld"
    INFRINGED = "infringed"
    CLOSED = "closed"


class ScrutinyBasis(StrEnum):
    """Why an order is examined, and from when the time for it runs."""

    OWN_INITIATIVE = "own_initiative"
    PROVIDER = "provider"
    CONTENT_PROVIDER = "content_provider"


class Measure(StrEnum):
    """What a provider did to carry out an order: Annex II, section B."""

    REMOVED = "removed"
    DISABLED = "disabled"


class EmergencyGround(StrEnum):
    """Serious harm for which a first order does not wait for twelve hours' notice.

    The recital names the first two as examples.

    source: Regulation (EU) 2021/784 recital 17.
    """

    IMMINENT_THREAT = "imminent_threat"
    ONGOING_EVENTS = "ongoing_events"
    OTHER = "other"


class ReviewKind(StrEnum):
    """Kinds of review proceedings for which content is preserved longer.

    source: Regulation (EU) 2021/784 Art. 6(2).
    """

    ADMINISTRATIVE = "administrative"
    JUDICIAL = "judicial"


class AccessPurpose(StrEnum):
    """For what preserved content may be used.

    source: Regulation (EU) 2021/784 Art. 6(1).
    """

    REVIEW = "review"
    COMPLAINT = "complaint"
    PROSECUTION = "prosecution"
