# SPDX-License-Identifier: Apache-2.0
"""The only readers of crises."""

from uuid import UUID

from stemtide.hub.crises import rules
from stemtide.hub.crises.models import Check, Crisis
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import NotFoundError
from stemtide.protocol.crises import CheckOut, CrisisOut
from stemtide.protocol.frameworks import framework
from stemtide.protocol.words import CheckAnswer, PartyKind


def crises(*, viewer: Party) -> list[CrisisOut]:
    """All crises that a party may see, the latest warning first."""
    found = Crisis.objects.select_related("opened_by").prefetch_related("checks__answered_by")
    return [describe(row, viewer=viewer) for row in found if _is_visible(row, viewer=viewer)]


def crisis(uid: UUID, *, viewer: Party) -> CrisisOut:
    """One crisis.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Crisis:
    """The row of a crisis, for the rooms above and for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = Crisis.objects.select_related("opened_by").filter(uid=uid).first()
    if row is None or not _is_visible(row, viewer=viewer):
        raise NotFoundError(f"there is no crisis {uid} that your party may see: list them first")
    return row


def facts(row: Crisis, *, viewer: Party) -> rules.CrisisFacts:  # noqa: ARG001  # find() said for whom
    """What the rules must know of a crisis."""
    return rules.CrisisFacts(
        framework=framework(row.framework),
        stage=row.stage,
        opened_by=row.opened_by.name,
        countries=tuple(row.countries),
        answers={test: CheckAnswer(check.answer) for test, check in _latest(row).items()},
    )


def describe(row: Crisis, *, viewer: Party) -> CrisisOut:  # noqa: ARG001  # find() said for whom
    """A crisis as it travels."""
    of = framework(row.framework)
    latest = _latest(row)
    return CrisisOut(
        id=row.uid,
        name=row.name,
        framework=row.framework,
        stage=row.stage,
        stage_title=of.stages[row.stage].title,
        summary=row.summary,
        countries=row.countries,
        exercise=row.exercise,
        opened_by=row.opened_by.name,
        happened_at=row.happened_at,
        warned_at=row.warned_at,
        activated_at=row.activated_at,
        closed_at=row.closed_at,
        checks=[_describe_check(test.name, test.question, latest) for test in of.tests.values()],
    )


def _describe_check(test: str, question: str, latest: dict[str, Check]) -> CheckOut:
    """One test, with its latest answer where there is one."""
    check = latest.get(test)
    return CheckOut(
        test=test,
        question=question,
        answer=CheckAnswer(check.answer) if check else CheckAnswer.UNKNOWN,
        evidence=check.evidence if check else "",
        answered_by=check.answered_by.name if check else None,
        answered_at=check.answered_at if check else None,
    )


def _latest(row: Crisis) -> dict[str, Check]:
    """The latest answer to each test."""
    return {check.test: check for check in row.checks.all()}


def _is_visible(row: Crisis, *, viewer: Party) -> bool:
    """Whether a party may see a crisis."""
    return rules.may_see(facts(row, viewer=viewer), kind=PartyKind(viewer.kind))
