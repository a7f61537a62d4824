# SPDX-License-Identifier: Apache-2.0
"""Rules for questions to the sharer of a signal. Decision 0191."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RateLimitError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.signals.rules.opinions import until_midnight_s
from stemtide.hub.rooms.signals.rules.signals import SignalFacts, check_opinion
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.trust.limits import limits


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """Facts of a party's question that the rules need. sharer: of the signal."""

    party: str
    sharer: str
    is_answered: bool


def check_question(
    facts: SignalFacts,
    open_question: QuestionFacts | None,
    *,
    kind: PartyKind,
    name: str,
    role: Role | None = None,
) -> None:
    """Refuse a question of an observer, of the sharer itself, of an ended signal, and a second one.

    raises: NotAllowedError, ConflictError.
    """
    check_person_may_write(role)
    check_opinion(facts, kind=kind)
    if facts.shared_by == name:
        raise ConflictError("your party shared this signal: look at your own records")
    if open_question is not None and not open_question.is_answered:
        raise ConflictError("your party's question about this signal waits for its answer")


def check_quota(sent: int, *, now: datetime) -> None:
    """Refuse a question once a party has sent as many today (UTC) as limits.toml allows.

    sent: before the new one. raises: RateLimitError.
    """
    most = limits().question.a_day
    if sent >= most:
        raise RateLimitError(
            "your party has sent {most} questions today, the most in a day: go on after midnight"
            " UTC",
            retry_after_s=until_midnight_s(now),
            most=most,
        )


def check_answer(facts: QuestionFacts, *, name: str, role: Role | None = None) -> None:
    """Refuse an answer of any party but the sharer, and a second answer.

    raises: NotAllowedError, ConflictError.
    """
    check_person_may_write(role)
    if facts.sharer != name:
        raise NotAllowedError("only the sharer of a signal answers questions about it")
    if facts.is_answered:
        raise ConflictError("your party has answered this question already")
