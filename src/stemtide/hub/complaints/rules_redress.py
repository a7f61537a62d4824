# SPDX-License-Identifier: Apache-2.0
"""What a sharer may answer when a complaint against their signal was upheld elsewhere."""

from dataclasses import dataclass

from stemtide.hub.complaints.rules import check_impersonal, moved
from stemtide.hub.parties.rules import InvalidError, NotAllowedError, check_person_may_write
from stemtide.protocol.complaints import AnswerIn, RedressState
from stemtide.protocol.words import Role


@dataclass(frozen=True, slots=True)
class RedressFacts:
    """What the rules must know of redress. party: who upheld the complaint; sharer: who answers."""

    state: RedressState
    party: str
    sharer: str


def check_answer(facts: RedressFacts, answer: AnswerIn, *, name: str, role: Role | None) -> None:
    """The sharer withdraws the signal, or keeps it and says why.

    raises: NotAllowedError, ConflictError, InvalidError for a signal kept without a reason.
    """
    check_sharer(facts, is_kept=answer.keep, name=name, role=role)
    if answer.keep and not answer.reason.strip():
        raise InvalidError("reason", "is missing: say why the signal stays as it is")
    check_impersonal("reason", answer.reason)


def check_sharer(facts: RedressFacts, *, is_kept: bool, name: str, role: Role | None) -> None:
    """Who answers, and whether there is still something to answer."""
    if name != facts.sharer:
        raise NotAllowedError("only who shared the signal answers for it")
    if role is not None:
        check_person_may_write(role)
    moved("redress", facts.state, "keep" if is_kept else "grant", by="sharer")


def check_accept(facts: RedressFacts, *, name: str, role: Role | None) -> None:
    """Who upheld the complaint accepts the sharer's reason, and takes its dispute back."""
    if name != facts.party:
        raise NotAllowedError("only the provider that upheld the complaint accepts the reason")
    if role is not None:
        check_person_may_write(role)
    moved("redress", facts.state, "accept", by="reviewer")
