# SPDX-License-Identifier: Apache-2.0
"""Measures of an exercise and its milestones, by the kinds of ledger entries that they read."""

from dataclasses import dataclass
from enum import StrEnum

MILESTONES: dict[str, frozenset[str]] = {
    "warned": frozenset({"crisis.warned"}),
    "triaged": frozenset({"crisis.triaged"}),
    "proposed": frozenset({"proposal.opened"}),
    "activated": frozenset({"crisis.activated"}),
    "invited": frozenset({"participant.invited"}),
    "joined": frozenset({"participant.joined"}),
    "shared": frozenset({"signal.shared", "signals.shared"}),
    "matched": frozenset({"outcomes.reported"}),
    "opinion-given": frozenset({"opinion.given"}),
    "lead-reported": frozenset({"lead.reported"}),
    "referred": frozenset({"referral.sent", "referrals.sent"}),
    "ordered": frozenset({"order.issued"}),
    "deescalated": frozenset({"crisis.deescalated"}),
    "closed": frozenset({"crisis.closed"}),
}
"""States that conditions may name, and the ledger entries that each begins with."""


class Unit(StrEnum):
    """Unit of a measure."""

    MINUTES = "minutes"
    NUMBER = "number"
    PERCENT = "percent"


class MeasureMethod(StrEnum):
    """How a measure is computed from entries.

    first:  minutes from the start until the first entry of its kinds.
    count:  the number of entries, or the sum of one of their details.
    others: by a function of its own.
    """

    FIRST = "first"
    COUNT = "count"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class ExerciseMeasure:
    """A measure. kinds: of the ledger entries that are counted, or whose first is its time."""

    title: str
    unit: Unit
    way: MeasureMethod
    kinds: frozenset[str] = frozenset()


def _first(title: str, *kinds: str) -> ExerciseMeasure:
    return ExerciseMeasure(title, Unit.MINUTES, MeasureMethod.FIRST, frozenset(kinds))


def _count(title: str, *kinds: str) -> ExerciseMeasure:
    return ExerciseMeasure(title, Unit.NUMBER, MeasureMethod.COUNT, frozenset(kinds))


def _own(title: str, unit: Unit) -> ExerciseMeasure:
    return ExerciseMeasure(title, unit, MeasureMethod.OWN)


_SHARED = ("signal.shared", "signals.shared")
_SENT = ("referral.sent", "referrals.sent")

MEASURES: dict[str, ExerciseMeasure] = {
    "time_to_warn": _first("time until the early warning", "crisis.warned"),
    "time_to_triage": _first("time until the first rating", "crisis.triaged"),
    "time_to_activate": _first("time until the protocol is active", "crisis.activated"),
    "time_to_invite": _first("time until the first invitation", "participant.invited"),
    "time_to_join": _own("time until the last invited party joined", Unit.MINUTES),
    "time_to_first_signal": _first("time until the first signal", *_SHARED),
    "time_to_first_match": _own(
        "time until the agent of each provider has matched a copy", Unit.MINUTES
    ),
    "time_to_opinion": _first("time until the first opinion of a signal", "opinion.given"),
    "time_to_lead": _first("time until the first lead on a threat to life", "lead.reported"),
    "time_to_pass_on_lead": _own("time from the first lead until it is passed on", Unit.MINUTES),
    "time_to_close": _first("time until the crisis is closed", "crisis.closed"),
    "activations": _count("activations of the protocol", "crisis.activated"),
    "proposals": _count("proposals to activate or close", "proposal.opened"),
    "joined": _count("parties that joined", "participant.joined"),
    "messages": _count("messages in the situation log", "message.posted"),
    "signals_shared": _count("signals shared", *_SHARED),
    "opinions": _count("opinions of signals", "opinion.given"),
    "signals_withdrawn": _count("signals withdrawn", "signal.withdrawn"),
    "leads_passed_on": _count("leads passed on", "lead.forwarded"),
    "holds": _count("addresses on hold", "hold.placed"),
    "referrals_sent": _count("referrals sent", *_SENT),
    "referrals_held": _count("referrals that met a hold", "referral.held", "referrals.held"),
    "referrals_answered": _own("referrals that were answered", Unit.PERCENT),
    "orders_issued": _count("removal orders issued", "order.issued"),
    "orders_in_their_hour": _own("removal orders that were answered within an hour", Unit.PERCENT),
    "orders_confirmed": _count("removal orders that a second person confirmed", "order.confirmed"),
    "orders_withdrawn": _count("removal orders withdrawn", "order.withdrawn"),
    "copies_matched": _own(
        "copies that were matched, of those uploaded after their first signal", Unit.PERCENT
    ),
    "variants_covered": _own(
        "variants that were always matched, of those uploaded after their first signal",
        Unit.PERCENT,
    ),
    "spread_blocked": _own(
        "copies of a spread that were blocked at upload, of those at providers with an agent",
        Unit.PERCENT,
    ),
    "copy_hours_spared": _own(
        "hours of visible copies that were spared, of those of the same spread without agents",
        Unit.PERCENT,
    ),
    "false_matches": _own("matches of content that is harmless in the scenario", Unit.NUMBER),
}
"""All measures by name. An objective names one."""
