# SPDX-License-Identifier: Apache-2.0
"""Rules of retention that all rooms share: which basis, which date, who may read."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.law.retention import RetentionPurpose, retention


def check_basis(basis: LegalBasis | None, *, kind: PartyKind) -> None:
    """Refuse a legal basis that parties of a kind cannot have. raises: InvalidError."""
    if basis is None:
        return
    bases = retention().bases
    if kind not in bases[basis].kinds:
        usable = ", ".join(sorted(name for name, row in bases.items() if kind in row.kinds))
        raise InvalidError(
            "legal_basis",
            "{basis} ({source}) is no basis of your kind of party ({kind}): use one of {known}",
            basis=basis,
            source=bases[basis].source,
            kind=kind,
            known=usable,
        )


def check_until(until: datetime | None, *, latest: datetime, now: datetime) -> None:
    """Refuse a date in the past, and one after the latest that is allowed. raises: InvalidError."""
    if until is None:
        return
    if until <= now:
        raise InvalidError("until", "is past: give a later date")
    if until > latest:
        raise InvalidError(
            "until",
            "is later than {latest:%Y-%m-%d}, the latest date: leave it out, and extend the row"
            " with a reason when that date comes",
            latest=latest,
        )


def check_not_held(uid: UUID, *, on_hold: Collection[UUID]) -> None:
    """Refuse to erase a row by hand while a legal hold stops it. raises: ConflictError."""
    if uid in on_hold:
        raise ConflictError(
            "a legal hold stops this: the party that placed it can lift it under Retention, and"
            " this can be erased 7 days later"
        )


def readers_of(purpose: RetentionPurpose | None) -> frozenset[PartyKind]:
    """Return the kinds of party to which a purpose is limited; empty if it is not."""
    return retention().purposes[purpose].readers if purpose else frozenset()
