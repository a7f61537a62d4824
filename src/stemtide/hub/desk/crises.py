# SPDX-License-Identifier: Apache-2.0
"""A crisis' page: where it stands, its checklist and its timeline. It is moved by API or CLI."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from stemtide.hub.crises import reads
from stemtide.hub.desk.people import SignedInRequest, signed_in
from stemtide.hub.parties import reads as parties
from stemtide.protocol.crises import CrisisOut
from stemtide.protocol.frameworks import framework


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline. who: a party's name, "" where it is not said."""

    at: datetime
    what: str
    who: str


@require_safe
@signed_in
def crisis(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """The page as it stands."""
    viewer = request.user.party
    found = reads.crisis(uid, viewer=viewer)
    return render(
        request,
        "desk/crisis.html",
        {
            "now": datetime.now(UTC),
            "crisis": found,
            "framework": framework(found.framework),
            "titles": {one.name: one.title for one in parties.parties(viewer=viewer)},
            "timeline": _timeline(found),
        },
    )


def _timeline(found: CrisisOut) -> list[Moment]:
    """What happened, oldest first."""
    moments = [
        (found.happened_at, _("The event"), ""),
        (found.warned_at, _("Early warning"), found.opened_by),
        (found.activated_at, _("Activation"), ""),
        (found.closed_at, _("Closure"), ""),
        *(
            (one.answered_at, _("Answer to: %s") % one.question, one.answered_by or "")
            for one in found.checks
        ),
    ]
    known = [Moment(at=at, what=what, who=who) for at, what, who in moments if at is not None]
    return sorted(known, key=lambda moment: moment.at)
