# SPDX-License-Identifier: Apache-2.0
"""Rate limits on acts that alert people, per party and hour: decision 0066.

Acts are counted for the party, over all its keys, people and interfaces. Machines get three
quarters, so that a runaway or stolen key leaves room for the party's people. Answers and acts that
undo something are never counted: no limit may prevent a legal duty.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from stemtide.hub.platform.errors import RateLimitError


class LimitGroup(StrEnum):
    """A group of acts that alert people, counted together."""

    WARNING = "warning"
    INVITATION = "invitation"
    LEAD = "lead"
    ORDER = "order"
    ENTRY = "entry"
    REFERRAL = "referral"
    HOLD = "hold"
    LINE = "line"
    TASK = "task"
    MENTION = "mention"
    DRILL = "drill"
    EXERCISE = "exercise"


WINDOW = timedelta(hours=1)
"""The period of the rate limits."""

HOURLY_LIMITS: Mapping[LimitGroup, int] = {
    LimitGroup.WARNING: 60,
    LimitGroup.INVITATION: 2000,
    LimitGroup.LEAD: 120,
    LimitGroup.ORDER: 600,
    LimitGroup.ENTRY: 60,
    LimitGroup.REFERRAL: 3000,
    LimitGroup.HOLD: 300,
    LimitGroup.LINE: 60,
    LimitGroup.TASK: 120,
    LimitGroup.MENTION: 120,
    LimitGroup.DRILL: 12,
    LimitGroup.EXERCISE: 60,
}
"""Default limits per group: several times what the largest party has done in any known crisis, and
few enough for people to read the alerts."""

GROUP_LABELS: Mapping[LimitGroup, str] = {
    LimitGroup.WARNING: "Warnings and steps of a crisis",
    LimitGroup.INVITATION: "Invitations",
    LimitGroup.LEAD: "Threat-to-life leads",
    LimitGroup.ORDER: "Removal orders and what follows them",
    LimitGroup.ENTRY: "Removal orders that were made elsewhere",
    LimitGroup.REFERRAL: "Referrals",
    LimitGroup.HOLD: "Holds",
    LimitGroup.LINE: "Public lines",
    LimitGroup.TASK: "Tasks and roles",
    LimitGroup.MENTION: "Mentions in situation logs",
    LimitGroup.DRILL: "Contact drills",
    LimitGroup.EXERCISE: "Exercises",
}
"""Names of the groups in errors."""

LIMIT_GROUPS: Mapping[str, LimitGroup] = {
    "crisis.warned": LimitGroup.WARNING,
    "crisis.widened": LimitGroup.WARNING,
    "proposal.opened": LimitGroup.WARNING,
    "crisis.activated": LimitGroup.WARNING,
    "crisis.deescalated": LimitGroup.WARNING,
    "crisis.resumed": LimitGroup.WARNING,
    "participant.invited": LimitGroup.INVITATION,
    "lead.reported": LimitGroup.LEAD,
    "lead.forwarded": LimitGroup.LEAD,
    "information.given": LimitGroup.ORDER,
    "order.submitted": LimitGroup.ORDER,
    "order.entered": LimitGroup.ENTRY,
    "preservation.recorded": LimitGroup.ORDER,
    "order.prolonged": LimitGroup.ORDER,
    "order.suspended": LimitGroup.ORDER,
    "order.resumed": LimitGroup.ORDER,
    "order.appealed": LimitGroup.ORDER,
    "scrutiny.requested": LimitGroup.ORDER,
    "scrutiny.opened": LimitGroup.ORDER,
    "scrutiny.announced": LimitGroup.ORDER,
    "referral.sent": LimitGroup.REFERRAL,
    "referrals.sent": LimitGroup.REFERRAL,
    "referral.explained": LimitGroup.REFERRAL,
    "hold.placed": LimitGroup.HOLD,
    "line.proposed": LimitGroup.LINE,
    "task.given": LimitGroup.TASK,
    "task.reopened": LimitGroup.TASK,
    "role.offered": LimitGroup.TASK,
    "role.given": LimitGroup.TASK,
    "message.mentioned": LimitGroup.MENTION,
    "drill.started": LimitGroup.DRILL,
    "exercise.prepared": LimitGroup.EXERCISE,
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


def allowance_of(most: int, *, is_person: bool) -> int:
    """Return the part of its party's limit that an actor may use: a person all, a machine 3/4."""
    return most if is_person else max(1, most - most // 4)


def check_rate_limit(
    pace: LimitGroup, acts: Sequence[Act], *, weight: int, most: int, is_person: bool, now: datetime
) -> None:
    """Refuse an act over the hourly limit; a single act is never too much.

    acts: those of the party that still count, oldest first.

    raises: RateLimitError, with how long to wait.
    """
    share = allowance_of(most, is_person=is_person)
    over = sum(act.weight for act in acts) + weight - share
    if over <= 0 or not acts:
        return
    at = acts[-1].at
    for act in acts:
        over -= act.weight
        if over <= 0:
            at = act.at
            break
    facts: dict[str, object] = {"what": GROUP_LABELS[pace], "most": share}
    facts |= {"at": at + WINDOW + timedelta(seconds=1)}
    wait_s = max(1, ceil((at + WINDOW - now).total_seconds()))
    if is_person:
        raise RateLimitError(
            "{what}: your party may send {most} an hour, and has. Go on at {at:%H:%M:%S} UTC; what"
            " cannot wait, say by phone. Whoever runs the hub can allow more",
            retry_after_s=wait_s,
            **facts,
        )
    raise RateLimitError(
        "{what}: keys of your party may send {most} an hour, and have. Go on at {at:%H:%M:%S} UTC;"
        " what cannot wait, do at the desk, where people have more, or say by phone",
        retry_after_s=wait_s,
        **facts,
    )
