# SPDX-License-Identifier: Apache-2.0
"""What may be answered by whoever asked for a measure that a complaint is about."""

from dataclasses import dataclass

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.complaints.rules.complaints import moved
from stemtide.hub.rooms.referrals.rules.referrals import check_impersonal
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.complaints import RedressState
from stemtide.protocol.messages.complaints import RedressIn


@dataclass(frozen=True, slots=True)
class RedressFacts:
    """What the rules must know of it. party: who decided the complaint; author: who answers."""

    state: RedressState
    party: str
    author: str


def check_answer(facts: RedressFacts, answer: RedressIn, *, name: str, role: Role | None) -> None:
    """They take it back, or keep it and say why.

    raises: NotAllowedError, ConflictError, InvalidError for what is kept without a reason.
    """
    check_author(facts, is_kept=answer.keep, name=name, role=role)
    if answer.keep and not answer.reason.strip():
        raise InvalidError("reason", "is missing: say why it stays as it is")
    check_impersonal(answer.reason, field="reason")


def check_author(facts: RedressFacts, *, is_kept: bool, name: str, role: Role | None) -> None:
    """Who answers, and whether there is still something to answer."""
    if name != facts.author:
        raise NotAllowedError("only who asked for the measure answers for it")
    if role is not None:
        check_person_may_write(role)
    moved("redress", facts.state, "keep" if is_kept else "grant", by="author")


def check_accept(facts: RedressFacts, *, name: str, role: Role | None) -> None:
    """Who decided the complaint accepts the reason, and takes its dispute back."""
    if name != facts.party:
        raise NotAllowedError("only the provider that decided the complaint accepts the reason")
    if role is not None:
        check_person_may_write(role)
    moved("redress", facts.state, "accept", by="reviewer")
