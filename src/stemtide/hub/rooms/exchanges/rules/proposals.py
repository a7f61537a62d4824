# SPDX-License-Identifier: Apache-2.0
"""Rules for exchanges that people add at the desk: two coordinators of agencies. Decision 0127."""

from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.parties.rules.proposals import PROPOSED_FOR, check_another_confirms
from stemtide.hub.rooms.parties.rules.standing import Acting, check_oversees
from stemtide.protocol.enums import ExchangeKind, PartyKind

KINDS = frozenset({PartyKind.PROVIDER, PartyKind.CONSORTIUM})
"""Kinds of party that an exchange added at the desk may speak as: no authority's word is lent."""


OF_THIS_MACHINE = frozenset({ExchangeKind.TX_FILE})
"""Kinds that read this machine, which only its operator adds."""


def check_kind(kind: ExchangeKind) -> None:
    """Refuse at the desk a kind that reads files of the hub's machine."""
    if kind in OF_THIS_MACHINE:
        raise InvalidError(
            "kind", "reads a file of the hub's machine: ask the operator to add this exchange"
        )


def check_propose(*, by: Acting) -> None:
    """Refuse all but coordinators of an agency, also keys, to add, test or remove exchanges."""
    check_oversees(by)
    check_person_may_manage(by.role)


def check_confirm(*, author: str, proposed_at: datetime, by: Acting, now: datetime) -> None:
    """Refuse to confirm one's own proposal, one that has expired, and what is none.

    An exchange brings signals in, and sends them out: it takes two people.
    """
    check_propose(by=by)
    if not author:
        raise ConflictError("this exchange was confirmed already")
    check_another_confirms(author, by=by)
    if now >= proposed_at + PROPOSED_FOR:
        raise ConflictError("this proposal has expired: decline it, and propose it again")


def check_decline(*, author: str, by: Acting) -> None:
    """Refuse to decline what is no proposal. One's own is withdrawn so."""
    check_propose(by=by)
    if not author:
        raise ConflictError("this exchange was confirmed already: pause or remove it")


def check_remove(*, author: str, by: Acting) -> None:
    """Refuse to remove a proposal, which is declined."""
    check_propose(by=by)
    if author:
        raise ConflictError("this exchange waits for a second person: decline it")


def check_lent_name(*, kind: PartyKind, is_claimed: bool) -> None:
    """Refuse a party that speaks for itself, or whose word an exchange must not have.

    Otherwise two people could share signals in the name of a party that knows nothing of it.
    """
    if kind not in KINDS:
        raise InvalidError(
            "party", "must be a provider or a consortium: the signals are shared in its name"
        )
    if is_claimed:
        raise InvalidError(
            "party", "has people or keys of its own: add a party for this exchange alone"
        )
