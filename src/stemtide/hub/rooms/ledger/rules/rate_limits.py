# SPDX-License-Identifier: Apache-2.0
"""Rate limits on acts that alert people, per party and hour: decision 0066.

Acts are counted for the party, over all its keys, people and interfaces. Machines get three
quarters,
so that a runaway or stolen key leaves room for the party's people. Answers and acts that undo
something are never counted: no limit may prevent a legal duty.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from stemtide.hub.platform.errors import TooManyError


class Pace(StrEnum):
    """A group of acts that alert people, counted together."""

    WARNING = "warning"
    INVITATION = "invitation"
    LEAD = "lead"
    ORDER = "order"
    REFERRAL = "referral"
    HOLD = "hold"
    LINE = "line"
    DRILL = "drill"


WINDOW = timedelta(hours=1)
"""The period of the rate limits."""

AN_HOUR: Mapping[Pace, int] = {
    Pace.WARNING: 60,
    Pace.INVITATION: 2000,
    Pace.LEAD: 120,
    Pace.ORDER: 600,
    Pace.REFERRAL: 3000,
    Pace.HOLD: 300,
    Pace.LINE: 60,
    Pace.DRILL: 12,
}
"""Default limits per group: several times what the largest party has done in any known crisis, and
few enough for people to read the alerts."""

WHAT: Mapping[Pace, str] = {
    Pace.WARNING: "Warnings and steps of a crisis",
    Pace.INVITATION: "Invitations",
    Pace.LEAD: "Leads to a threat to life",
    Pace.ORDER: "Removal orders and what follows them",
    Pace.REFERRAL: "Referrals",
    Pace.HOLD: "Holds",
    Pace.LINE: "Public lines",
    Pace.DRILL: "Contact drills",
}
"""Names of the groups in errors."""

PACES: Mapping[str, Pace] = {
    "crisis.warned": Pace.WARNING,
    "crisis.widened": Pace.WARNING,
    "proposal.opened": Pace.WARNING,
    "crisis.activated": Pace.WARNING,
    "crisis.deescalated": Pace.WARNING,
    "crisis.resumed": Pace.WARNING,
    "participant.invited": Pace.INVITATION,
    "lead.reported": Pace.LEAD,
    "lead.forwarded": Pace.LEAD,
    "information.given": Pace.ORDER,
    "order.issued": Pace.ORDER,
    "order.prolonged": Pace.ORDER,
    "order.suspended": Pace.ORDER,
    "order.resumed": Pace.ORDER,
    "scrutiny.requested": Pace.ORDER,
    "scrutiny.opened": Pace.ORDER,
    "scrutiny.announced": Pace.ORDER,
    "referral.sent": Pace.REFERRAL,
    "referrals.sent": Pace.REFERRAL,
    "referral.explained": Pace.REFERRAL,
    "hold.placed": Pace.HOLD,
    "line.proposed": Pace.LINE,
    "drill.started": Pace.DRILL,
}
"""The group of each ledger kind. Kinds that are missing have no limit."""


class Act(NamedTuple):
    """An act that still counts. weight: how many parties it names, at least 1."""

    at: datetime
    weight: int


def weight_of(detail: Mapping[str, object]) -> int:
    """Return the weight of an act: one for each party that its entry names."""
    named = detail.get("parties")
    return max(1, len(named)) if isinstance(named, list | tuple) else 1


def is_by_person(detail: Mapping[str, object]) -> bool:
    """Whether a person did it."""
    return str(detail.get("through", "")).startswith("person:")


def share_of(most: int, *, is_person: bool) -> int:
    """Return the part of its party's limit that an actor may use: a person all, a machine 3/4."""
    return most if is_person else max(1, most - most // 4)


def check_pace(
    pace: Pace, acts: Sequence[Act], *, weight: int, most: int, is_person: bool, now: datetime
) -> None:
    """Refuse an act over the hourly limit; a single act is never too much.

    acts: those of the party that still count, oldest first.

    raises: TooManyError, with how long to wait.
    """
    share = share_of(most, is_person=is_person)
    over = sum(act.weight for act in acts) + weight - share
    if over <= 0 or not acts:
        return
    at = acts[-1].at
    for act in acts:
        over -= act.weight
        if over <= 0:
            at = act.at
            break
    facts: dict[str, object] = {"what": WHAT[pace], "most": share}
    facts |= {"at": at + WINDOW + timedelta(seconds=1)}
    wait_s = max(1, ceil((at + WINDOW - now).total_seconds()))
    if is_person:
        raise TooManyError(
            "{what}: your party may send {most} an hour, and has. Go on at {at:%H:%M:%S} UTC; what"
            " cannot wait, say by phone. Whoever runs the hub can allow more",
            retry_after_s=wait_s,
            **facts,
        )
    raise TooManyError(
        "{what}: keys of your party may send {most} an hour, and have. Go on at {at:%H:%M:%S} UTC;"
        " what cannot wait, do at the desk, where people have more, or say by phone",
        retry_after_s=wait_s,
        **facts,
    )
