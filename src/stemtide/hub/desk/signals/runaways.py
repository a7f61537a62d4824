# SPDX-License-Identifier: Apache-2.0
"""A signal that matches too much, on its page: the curve, the reports, an agency's decision."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    why_not_yet,
)
from stemtide.hub.desk.signals import curves
from stemtide.hub.desk.signals.opinions import PageFacts, TextForm
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.signals.reads import runaways as reads
from stemtide.hub.rooms.signals.rules import runaways as rules, signals as signal_rules
from stemtide.hub.rooms.signals.views import CurvePoint
from stemtide.hub.rooms.signals.writes import runaways
from stemtide.protocol.enums import SignalState
from stemtide.protocol.sync.agents import BUCKET
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayOut

_LOWERED = gettext_lazy(
    "Lowered: it leads to hold everywhere until a second independent party confirms it or an"
    " agency clears it."
)

_PLAUSIBLE = curves.CurveNames(
    gettext_lazy("Matches at all reporting agents, added up, and how many would be plausible"),
    seen=gettext_lazy("Matches"),
    blocked=gettext_lazy("Plausible"),
)


class DecisionForm(TextForm):
    """Lower or clear a signal, with a reason."""

    message_type = RunawayDecisionIn

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"reason": self.cleaned_data["text"]}


def context(uid: UUID, page: PageFacts, *, refused: Offer | None) -> dict[str, object]:
    """Return the facts about a signal that matches too much, and what an agency may do."""
    is_live = page.signal.state is SignalState.LIVE
    reported = next(iter(reads.runaways(viewer=page.by.party, signal=uid, is_live=is_live)), None)
    row = reported if is_live else None
    lowered = {"basis_sentence": _LOWERED} if row and row.lowered else {}
    return lowered | {
        "runaway": row,
        "curve": curves.draw(_points(row), names=_PLAUSIBLE) if row else None,
        "runaway_offers": available(ACTIONS.values(), page, refused=refused) if reported else [],
    }


def _points(row: RunawayOut) -> list[CurvePoint]:
    """Return the matches at all agents added up, beside what would have been plausible.

    None while nothing matched: agents also report what would have matched before it was shared.
    """
    matches: Counter[object] = Counter()
    plausible = sum(report.most for report in row.reports) * (BUCKET / timedelta(hours=1))
    for report in row.reports:
        for bucket in report.curve:
            matches[bucket.begins_at] += bucket.matches
    if not matches.total():
        return []
    begins = sorted({bucket.begins_at for report in row.reports for bucket in report.curve})
    points, total = [CurvePoint(at=begins[0], seen=0, blocked=0)], 0
    for number, at in enumerate(begins, start=1):
        total += matches[at]
        points.append(
            CurvePoint(at=at + BUCKET, seen=total, blocked=min(total, int(number * plausible)))
        )
    return points


def _check_decide(page: PageFacts) -> None:
    """Refuse a decision that the reader may not take now."""
    rules.check_decide(kind=page.by.kind, role=page.by.role)
    signal_rules.check_live(page.facts)


_may_decide = itself_if(lambda page: allows(_check_decide, page))
_decides_no_more = itself_blocked(lambda page: why_not_yet(_check_decide, page))


ACTIONS = action_table(
    Action(
        "lower",
        DecisionForm,
        runaways.lower,
        gettext_lazy("Lowered. Agents everywhere hold what it matches."),
        _may_decide,
        blocked=_decides_no_more,
        title=gettext_lazy("Lower it to hold everywhere"),
        button=gettext_lazy("Lower it"),
        help=gettext_lazy("What it blocked becomes a hold. Nothing is released."),
        label=gettext_lazy("Why are its matches wrong?"),
    ),
    Action(
        "clear",
        DecisionForm,
        runaways.clear,
        gettext_lazy("Cleared. Agents follow their policies for it again."),
        _may_decide,
        blocked=_decides_no_more,
        title=gettext_lazy("Clear it: its matches are right"),
        button=gettext_lazy("Clear it"),
        help=gettext_lazy("Reports made before no longer count, and no agent lowers it again."),
        label=gettext_lazy("Why are its matches right?"),
    ),
)
"""What an agency may decide."""
