# SPDX-License-Identifier: Apache-2.0
"""Rules of the question that closing asks: which signals stay after a crisis. Decision 0188."""

from datetime import datetime

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead
from stemtide.hub.rooms.crises.rules.crises import Acting, CrisisFacts, accepts_signals, check_leads
from stemtide.protocol.enums import PartyKind


def check_sees_choice(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the actor's party may close the crisis at its stage, or could have closed it.

    That is an authority or agency in the room; of a warning, who opened it or an agency.
    """
    framework = facts.framework
    if facts.at.is_open and framework.closed_stage not in facts.at.two_people:
        is_opener = by.name == facts.opened_by and framework.closed_stage in facts.at.opener_may
        if by.kind is not PartyKind.AGENCY and not is_opener:
            raise NotAllowedError(
                "only {opened_by}, who opened this crisis, or an agency can say which signals"
                " stay: ask them",
                opened_by=facts.opened_by,
            )
        return
    check_leads(facts, by=by, act="says which signals stay after a crisis")


def check_adopt(facts: CrisisFacts, *, by: Acting, now: datetime) -> None:
    """Check that the actor may adopt signals of a crisis: until its tail is over."""
    check_sees_choice(facts, by=by)
    check_person_may_lead(by.role)
    if not accepts_signals(facts, now=now):
        raise ConflictError(
            "this crisis is over, and its signals have ended: share again what must stay"
        )


def check_answer_choice(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the actor may answer which signals stay, or undo an adoption: before closing."""
    check_sees_choice(facts, by=by)
    check_person_may_lead(by.role)
    if not facts.at.is_open:
        raise ConflictError(
            "this crisis is closed, and the answer counts: until it ends you can still adopt more"
            " signals, and withdraw or end those that need not stay"
        )


def check_answered(facts: CrisisFacts) -> None:
    """Check that a leading party has said which of the present signals stay."""
    if not facts.is_current:
        raise ConflictError(
            "say first which signals stay after this crisis, on the page “Which signals stay” or"
            " with adopt: suggested, all or none"
        )


def check_once_answered(facts: CrisisFacts) -> None:
    """Check that a leading party has said which signals stay; later signals are no obstacle."""
    if not facts.is_answered:
        raise ConflictError(
            "nobody has said which signals stay after this crisis: answer on the page “Which"
            " signals stay”"
        )
