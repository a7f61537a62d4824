# SPDX-License-Identifier: Apache-2.0
"""Rules for signals that match too much: who reports, what lowers them everywhere, who decides.

1 One party's word lowers nothing elsewhere, however many keys and agents it has. Parties of one
  group count once, and only members and trusted parties count.
2 A signal that two independent parties stand behind is not lowered by reports.
3 For a signal of an authority or an agency more parties must report.
4 An agency's decision comes before all reports. What it cleared is lowered by an agency only.
Decision 0118.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.sync.agents import MOST_A_MINUTE
from stemtide.protocol.sync.runaways import RunawayReportIn
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.runaway import runaway_limits
from stemtide.protocol.trust.standing import SPEAKING_ALONE, PartyTrust, independent

LOWERED, CLEARED = "lowered", "cleared"
"""Values of a signal's flood mark; "" for none."""


@dataclass(frozen=True, slots=True)
class FloodFacts:
    """The facts that decide the flood mark of a signal.

    behind:    its sharer, and parties that confirm it or share the same value.
    reporting: parties whose agents report that they lowered it, with reports that count.
    decision:  the mark that an agency set; "" for none.
    """

    behind: tuple[PartyTrust, ...]
    reporting: tuple[PartyTrust, ...]
    decision: str = ""


def needed(behind: Iterable[PartyTrust]) -> int:
    """Return how many independent parties must report a signal before it is lowered everywhere."""
    numbers = runaway_limits().reports
    is_official = any(party.counts and party.kind in SPEAKING_ALONE for party in behind)
    return numbers.parties_for_authorities if is_official else numbers.parties


def flood_mark(facts: FloodFacts) -> str:
    """Return the flood mark of a signal."""
    if facts.decision:
        return facts.decision
    if independent(facts.behind) >= limits().confirmation.parties:
        return ""
    return LOWERED if independent(facts.reporting) >= needed(facts.behind) else ""


def check_report(*, kind: PartyKind) -> None:
    """Refuse reports of parties that are not providers."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError("only providers can report matches: use a provider's key")


def check_plausible(body: RunawayReportIn, *, shared_at: datetime, now: datetime) -> None:
    """Refuse counts too few to be out of line, or impossibly many. raises: InvalidError."""
    least = runaway_limits().growth.matches
    if body.matches < least:
        raise InvalidError(
            "matches", "fewer than {least} are never out of line: do not report them", least=least
        )
    began = max(body.since, shared_at - timedelta(minutes=1))
    minutes = (now - began).total_seconds() / 60 + 1
    if minutes < 1 or body.matches > MOST_A_MINUTE * minutes:
        raise InvalidError(
            "matches",
            "more than {most} a minute since the signal was shared are not believed: correct since"
            " or matches",
            most=f"{MOST_A_MINUTE:,}",
        )


def check_decide(*, kind: PartyKind, role: Role | None = None) -> None:
    """Refuse decisions about a signal that matches too much to all but an agency."""
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError("only an agency can lower a signal or clear it: ask one")
    check_person_may_lead(role)
