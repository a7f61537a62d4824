# SPDX-License-Identifier: Apache-2.0
"""Rules of proposals that another person confirms: to activate, suspend, appoint, or exchange."""

from datetime import datetime, timedelta
from typing import Protocol

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.protocol.enums import ProposalState

PROPOSED_FOR = timedelta(hours=24)
"""How long a proposal waits for the second person. A framework names its own for its crises."""


class Proposed(Protocol):
    """The facts about a proposal that these rules need.

    author: name of the party that made it. author_ref: its person or key, as the ledger names it.
    """

    @property
    def state(self) -> ProposalState: ...  # noqa: D102
    @property
    def author(self) -> str: ...  # noqa: D102
    @property
    def author_ref(self) -> str: ...  # noqa: D102
    @property
    def expires_at(self) -> datetime | None: ...  # noqa: D102


def check_open(proposal: Proposed, *, now: datetime) -> None:
    """Check that a proposal is neither decided nor expired."""
    if proposal.state is not ProposalState.OPEN:
        raise ConflictError("this proposal was {state}: propose it again", state=proposal.state)
    if proposal.expires_at is not None and proposal.expires_at <= now:
        raise ConflictError("this proposal has expired: propose it again")


def check_another_confirms(author_ref: str, *, by: Acting) -> None:
    """Check that another person than its author confirms a proposal."""
    if by.ref == author_ref:
        raise NotAllowedError("you cannot confirm your own proposal: ask another person")


def check_another_declines(author_ref: str, *, by: Acting) -> None:
    """Check that another person than its author declines a proposal."""
    if by.ref == author_ref:
        raise NotAllowedError("this is your own proposal: withdraw it instead of declining it")


def check_own_party_withdraws(proposal: Proposed, *, by: Acting, now: datetime) -> None:
    """Check that the party that made a proposal withdraws it while it is open."""
    if by.name != proposal.author:
        raise NotAllowedError(
            "only {party} can withdraw its proposal: decline it instead", party=proposal.author
        )
    check_open(proposal, now=now)
