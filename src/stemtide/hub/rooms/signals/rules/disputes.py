# SPDX-License-Identifier: Apache-2.0
"""Rules for disputes: which stop automatic action everywhere, who sets them aside, how many a day.

A dispute always stops automatic action at the party that gave it. Decision 0099.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, RateLimitError
from stemtide.hub.platform.permissions import check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.signals.rules.opinions import until_midnight_s
from stemtide.protocol.enums import PartyKind, Role, Standing
from stemtide.protocol.trust.disputes import DismissalOut
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.standing import PartyTrust, independent


@dataclass(frozen=True, slots=True)
class Dispute:
    """One party's dispute of a signal. is_set_aside: by an agency."""

    by: PartyTrust
    is_set_aside: bool = False


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """Facts of one party's dispute that the rules need.

    party, kind: of the disputing party. is_open: it was not taken back.
    is_of_many: it was set aside with others, by one decision.
    """

    party: str
    kind: PartyKind
    is_open: bool
    is_set_aside: bool
    is_answered: bool
    is_of_many: bool = False


@dataclass(frozen=True, slots=True)
class OpenDisputes:
    """Facts of all open disputes of a party and its group that an agency may set aside.

    party, kind: the party that was named. count: of the disputes.
    """

    party: str
    kind: PartyKind
    count: int


@dataclass(frozen=True, slots=True)
class DismissalFacts:
    """Facts of a decision on many disputes. answered: by party, whether it has answered."""

    is_restored: bool
    answered: Mapping[str, bool]

    @classmethod
    def of(cls, decision: DismissalOut) -> "DismissalFacts":
        """Return the facts about a decision, as far as its reader may know them."""
        return cls(
            is_restored=decision.restored_at is not None,
            answered={part.party: part.answered_at is not None for part in decision.parties},
        )


def stops_everywhere(disputes: Iterable[Dispute], *, sharer: str) -> bool:
    """Whether disputes stop automatic action at every party.

    1 Disputes that an agency set aside, and disputes of suspended parties, do not count.
    2 The dispute of an agency is enough, and so is that of the sharer itself.
    3 Otherwise as many independent parties as limits.toml says must dispute.
    """
    counting = [
        dispute.by
        for dispute in disputes
        if not dispute.is_set_aside and dispute.by.standing is not Standing.SUSPENDED
    ]
    if any(party.kind is PartyKind.AGENCY or party.name == sharer for party in counting):
        return True
    return independent(counting) >= limits().dispute.parties


def is_limited(*, kind: PartyKind, is_own: bool) -> bool:
    """Whether a dispute counts against the daily limit of its party.

    Not those of an agency, which must be able to stop anything at any time, and not those of a
    party's own signals (is_own), which are like a withdrawal.
    """
    return kind is not PartyKind.AGENCY and not is_own


def check_quota(opened: int, *, now: datetime) -> None:
    """Refuse a new dispute once a party has opened as many today (UTC) as limits.toml allows.

    opened: before the new one. raises: RateLimitError.
    """
    most = limits().dispute.a_day
    if opened < most:
        return
    raise RateLimitError(
        "your party has disputed {most} signals today, the most in a day: go on after midnight UTC,"
        " or ask the agency to look at these signals",
        retry_after_s=until_midnight_s(now),
        most=most,
    )


def check_set_aside(
    facts: DisputeFacts, *, kind: PartyKind, name: str, role: Role | None = None
) -> None:
    """Refuse to set a dispute aside for all but people of an agency who may decide.

    An agency takes its own dispute back instead, and no agency overrules another.
    """
    _check_agency(kind, role=role)
    if not facts.is_open:
        raise ConflictError("{party} does not dispute this signal", party=facts.party)
    _check_others(facts.party, kind=facts.kind, name=name)
    if facts.is_set_aside:
        raise ConflictError("this dispute is set aside already")


def check_restore(facts: DisputeFacts, *, kind: PartyKind, role: Role | None = None) -> None:
    """Refuse to let a dispute count again for all but an agency, or if it was not set aside."""
    _check_agency(kind, role=role)
    if not facts.is_set_aside:
        raise ConflictError("no dispute of {party} is set aside here", party=facts.party)


def check_answer(facts: DisputeFacts, *, name: str, role: Role | None = None) -> None:
    """Refuse an answer of any party but the disputing one, and a second answer."""
    check_person_may_write(role)
    if facts.party != name or not (facts.is_open and facts.is_set_aside):
        raise ConflictError("no dispute of your party is set aside here: nothing to answer")
    if facts.is_of_many:
        raise ConflictError("this dispute was set aside with others: answer that decision, once")
    if facts.is_answered:
        raise ConflictError("your party has answered already: the agency sees the answer")


def check_counts(*, kind: PartyKind, is_own: bool) -> None:
    """Refuse the number of a party's open disputes to all but agencies and the party itself."""
    if kind is not PartyKind.AGENCY and not is_own:
        raise NotAllowedError("only an agency can decide on disputes: ask one")


def check_dismiss(
    facts: OpenDisputes, *, shown: int, kind: PartyKind, name: str, role: Role | None = None
) -> None:
    """Refuse to set all disputes of a party aside to those who may not set one aside.

    shown: the number of disputes that the agency was shown.
    """
    _check_agency(kind, role=role)
    _check_others(facts.party, kind=facts.kind, name=name)
    if not facts.count:
        raise ConflictError("{party} has no open dispute: nothing to set aside", party=facts.party)
    if shown != facts.count:
        raise ConflictError(
            "there are {count} open disputes by now, and you saw {seen}: look at the number again",
            count=facts.count,
            seen=shown,
        )


def check_restore_many(facts: DismissalFacts, *, kind: PartyKind, role: Role | None = None) -> None:
    """Refuse to take a decision on many disputes back to all but an agency, or twice."""
    _check_agency(kind, role=role)
    if facts.is_restored:
        raise ConflictError(
            "this decision was withdrawn already: set the disputes aside anew on the page of"
            " their party"
        )


def check_answer_many(facts: DismissalFacts, *, name: str, role: Role | None = None) -> None:
    """Refuse an answer of any party but those whose disputes were set aside, and a second one."""
    check_person_may_write(role)
    if name not in facts.answered or facts.is_restored:
        raise ConflictError("no dispute of your party is set aside here: nothing to answer")
    if facts.answered[name]:
        raise ConflictError("your party has answered already: the agency sees the answer")


def _check_agency(kind: PartyKind, *, role: Role | None) -> None:
    """Refuse decisions on disputes to all but people of an agency who may decide."""
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError("only an agency can decide on disputes: ask one")
    check_person_may_lead(role)


def _check_others(party: str, *, kind: PartyKind, name: str) -> None:
    """Refuse to set disputes of one's own party, and of an agency, aside."""
    if party == name:
        raise NotAllowedError("this dispute is your own party's: withdraw it instead")
    if kind is PartyKind.AGENCY:
        raise NotAllowedError(
            "the dispute of an agency cannot be set aside: ask {party}", party=party
        )
