# SPDX-License-Identifier: Apache-2.0
"""Rules of redress: the answers of those who asked for a measure."""

from dataclasses import dataclass

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.complaints.rules.complaints import state_after
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.complaints import RedressState
from stemtide.protocol.messages.complaints import RedressIn


@dataclass(frozen=True, slots=True)
class RedressFacts:
    """The facts that the rules need of a request. party: who decided; author: who answers."""

    state: RedressState
    party: str
    author: str


def check_answer(facts: RedressFacts, answer: RedressIn, *, name: str, role: Role | None) -> None:
    """Check that the author takes the measure back, or keeps it with a reason.

    raises: NotAllowedError, ConflictError, InvalidError for what is kept without a reason.
    """
    check_author(facts, is_kept=answer.keep, name=name, role=role)
    if answer.keep and not answer.reason.strip():
        raise InvalidError("reason", "is missing: give the reason for keeping it")


def check_author(facts: RedressFacts, *, is_kept: bool, name: str, role: Role | None) -> None:
    """Check that the author answers, and that there still is something to answer."""
    if name != facts.author:
        raise NotAllowedError("only the party that requested the measure can answer")
    if role is not None:
        check_person_may_write(role)
    state_after("redress", facts.state, "keep" if is_kept else "grant", side="author")


def check_accept(facts: RedressFacts, *, name: str, role: Role | None) -> None:
    """Check that the deciding party accepts the reason, and takes its dispute back."""
    if name != facts.party:
        raise NotAllowedError("only the provider that decided the complaint can accept the reason")
    if role is not None:
        check_person_may_write(role)
    state_after("redress", facts.state, "accept", side="reviewer")
