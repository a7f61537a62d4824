# SPDX-License-Identifier: Apache-2.0
"""Rules for acts that wait: who may approve, refuse and take back, and for how long. Decision 0113.

1 Only a person gives the second look, never a key, and never the person who asked.
2 The table in protocol/trust/second_look.toml says whose person it may be.
3 The party that asked takes its act back at any time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RateLimitError
from stemtide.hub.platform.permissions import (
    allows,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.hub.rooms.parties.rules.standing import Acting
from stemtide.protocol.enums import ApprovalState, Standing
from stemtide.protocol.trust.second_look import WaitReason, Who, roles_towards, second_look
from stemtide.protocol.trust.standing import PartyTrust

__all__ = ["allows"]

KEPT_FOR = timedelta(days=30)
"""How long an act is kept that was not approved: who shared it sees what became of it. Its values
may be of lawful content, and are not kept longer."""

NOTES = {
    WaitReason.ALLOW_LISTED: "{reason} (source: {source}; added by {by})",
    WaitReason.MANY_A_DAY: "{most} are the most",
}
"""What was found of a signal, by reason. The flood guard has its own notes."""

AT_ONCE = "it travels now, and ends in {hours} hours unless somebody confirms it"
"""What is added for a signal that travels at once, in a crisis."""

MERGES_FOR = timedelta(hours=1)
"""How long further signals of the same kind join a share that waits."""


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """The facts that the rules need of an act that waits.

    party, ref: who asked; ref is the person or key. who: who may give the second look.
    is_by_leaders: only people in a role that decides may, or may take the act back.
    """

    party: PartyTrust
    ref: str
    who: frozenset[Who]
    state: ApprovalState
    expires_at: datetime
    count: int = 1
    is_by_leaders: bool = False


def check_looks(facts: ApprovalFacts, *, by: Acting, trust: PartyTrust) -> None:
    """Refuse a second look by a key, by its author, and by people that the table does not name.

    trust: of the party that acts.
    """
    if by.role is None:
        raise NotAllowedError(
            "a key cannot give a second look: a person approves or refuses this at the desk"
        )
    if by.ref == facts.ref:
        raise NotAllowedError("you asked for this yourself: another person must look at it")
    if not facts.who & roles_towards(asker=facts.party, looker=trust):
        raise NotAllowedError(
            "your party cannot give the second look at this: see who may, and ask one of them"
        )
    if trust.name == facts.party.name and not facts.is_by_leaders:
        check_person_may_write(by.role)
    else:
        check_person_may_lead(by.role)


def check_approve(
    facts: ApprovalFacts, *, by: Acting, trust: PartyTrust, count: int, now: datetime
) -> None:
    """Check that a person may approve an act, and saw all of it. count: what the person saw."""
    check_looks(facts, by=by, trust=trust)
    check_waiting(facts, now=now)
    if facts.party.standing is Standing.SUSPENDED:
        raise ConflictError("{party} is suspended: refuse this, or wait", party=facts.party.name)
    if count != facts.count:
        raise ConflictError(
            "this has {count} signals by now, and you saw {seen}: look at it again",
            count=facts.count,
            seen=count,
        )


def check_refuse(facts: ApprovalFacts, *, by: Acting, trust: PartyTrust, now: datetime) -> None:
    """Check that a person may refuse an act."""
    check_looks(facts, by=by, trust=trust)
    check_waiting(facts, now=now)


def check_take_back(facts: ApprovalFacts, *, by: Acting, now: datetime) -> None:
    """Check that the party that asked takes its act back, by a person or a key."""
    if by.name != facts.party.name:
        raise NotAllowedError(
            "only {party} can withdraw this: refuse it instead", party=facts.party.name
        )
    check = check_person_may_lead if facts.is_by_leaders else check_person_may_write
    check(by.role)
    check_waiting(facts, now=now)


def check_waiting(facts: ApprovalFacts, *, now: datetime) -> None:
    """Refuse to decide an act that was decided, or that has expired."""
    if facts.state is not ApprovalState.WAITING:
        raise ConflictError("this was {state} already", state=facts.state.replace("_", " "))
    if facts.expires_at <= now:
        raise ConflictError("this has expired: ask for it again")


def check_room(waiting: int, *, more: int) -> None:
    """Refuse more waiting signals of a party than the table allows. raises: RateLimitError."""
    most = second_look().waiting.open_signals
    if waiting + more > most:
        raise RateLimitError(
            "{waiting:,} signals of your party wait for a second look, and {most:,} are the most:"
            " have somebody look at them, or withdraw them",
            retry_after_s=3600,
            waiting=waiting,
            most=most,
        )


def expiry(*, is_done: bool, now: datetime) -> datetime:
    """Return when an act that is asked for now expires. is_done: it was done at once."""
    limits = second_look().waiting
    return now + timedelta(hours=limits.crisis_hours if is_done else limits.hours)


def waiting_words(
    reasons: Iterable[WaitReason], *, notes: Mapping[WaitReason, str] | None = None
) -> list[str]:
    """Return why an act waits, in words. notes: what was found about it."""
    rules, texts = second_look().rules, notes or {}
    return [
        f"{rules[reason].why}: {texts[reason]}" if texts.get(reason) else rules[reason].why
        for reason in reasons
    ]
