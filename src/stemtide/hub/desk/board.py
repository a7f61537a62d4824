# SPDX-License-Identifier: Apache-2.0
"""The board: shared content, connected agents and outcomes, as one viewer may see them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.forms import page_number
from stemtide.hub.desk.navigation import may_open
from stemtide.hub.desk.signals import sightings
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules.crises import check_warn
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Viewer, party_titles
from stemtide.hub.rooms.signals.reads import (
    outliers,
    runaways,
    signals,
    times,
)
from stemtide.hub.vitals import vitals
from stemtide.protocol.enums import Outcome, Role

CLOSED_FOR = timedelta(days=1)
"""A closed crisis stays on the board this long."""

RELOAD_S = "15"

ROWS = 12
"""Pieces of content on a page of the board."""

LAST_PAGE = 100
"""The last page of shared content: each page reads what stands before it, too."""

RUNAWAYS = 10
"""Signals that match too much on the board."""


@dataclass(frozen=True, slots=True)
class BoardFigures:
    """The headline figures, of what is real.

    behind, behind_title: the connected agent furthest behind.
    rehearsed, rehearsed_matches: live signals of exercises, and uploads that matched signals of
                                  exercises.
    """

    live: int
    disputed: int
    connected: int
    agents: int
    blocked: int
    reversed: int
    behind: int
    behind_title: str
    rehearsed: int
    rehearsed_matches: int


@require_safe
@signed_in
def board(request: SignedInRequest) -> HttpResponse:
    """Show the whole page. ?every=15 reloads it, for browsers without JavaScript.

    A page that reloads without being asked disorients readers (WCAG 2.2, criterion 2.2.1).
    """
    page = render(request, "desk/board.html", _context(request))
    if request.GET.get("every") == RELOAD_S:
        page.headers["Refresh"] = RELOAD_S
    return page


@require_safe
@signed_in
def blocks(request: SignedInRequest) -> HttpResponse:
    """Render all blocks of the board, read at one time, for HTMX to swap in."""
    return render(request, "desk/_blocks.html", {**_context(request), "is_fragment": True})


def _context(request: SignedInRequest) -> dict[str, object]:
    """Return the template context of the board, for the signed-in person's party."""
    by, viewer, now = actor_of(request), request.user.party, datetime.now(UTC)
    page = min(page_number(request.GET.get("page")), LAST_PAGE)
    rows = signals.board(viewer=viewer, limit=ROWS + 1, skip=(page - 1) * ROWS)
    agents = parties.agents(viewer=viewer, now=now, head=times.last_position())
    summary = sightings.summary(viewer=viewer)
    heads = ledger.heads()
    crisis_rows = crises.crises(viewer=viewer)
    return {
        "now": now,
        "viewer": viewer,
        "titles": party_titles(),
        "crises": [
            crisis
            for crisis in crisis_rows
            if not crisis.closed_at or now - crisis.closed_at < CLOSED_FOR
        ],
        "rows": rows[:ROWS],
        "page": page,
        "before": page - 1,
        "after": page + 1 if len(rows) > ROWS and page < LAST_PAGE else 0,
        "looks": approvals.waiting(viewer=viewer),
        "agents": agents,
        "runaways": runaways.board(viewer=viewer, limit=RUNAWAYS),
        "troubles": {trouble.part for trouble in vitals.troubles()},
        "sightings": summary,
        "outliers": outliers.outliers(viewer=viewer, is_open=True),
        "entries": ledger_sentences.latest(viewer=viewer),
        "may_share": may_open("share", role=Role(request.user.role), kind=by.kind),
        "may_warn": allows(check_warn, by=by),
        "figures": _figures(
            *(
                totals_at(viewer, hub=heads.hub, position=heads.positions, exercise=exercise)
                for exercise in (False, True)
            ),
            agents=agents,
            total=summary.total,
        ),
    }


@lru_cache(maxsize=256)
def totals_at(
    viewer: Viewer,
    *,
    hub: UUID,  # noqa: ARG001  # the key of the cache
    position: int,  # noqa: ARG001  # the key of the cache
    exercise: bool,
) -> dict[str, int]:
    """Return the counts of signals for a viewer, cached for each position of the feed.

    Every change of the counts moves the feed on, so the cache is never stale. Counting 200,000
    signals takes 0.2 s, too long for every heartbeat of every agent.
    """
    return signals.totals(viewer=viewer, exercise=exercise)


def _figures(
    totals: dict[str, int],
    rehearsed: dict[str, int],
    *,
    agents: list[parties.AgentRow],
    total: sightings.OutcomeBar,
) -> BoardFigures:
    """Return the headline figures of the blocks. rehearsed: the totals of exercises."""
    connected = [agent for agent in agents if agent.is_connected]
    last = max(connected, key=lambda agent: agent.behind, default=None)
    return BoardFigures(
        live=totals["signals_live"],
        disputed=totals["signals_disputed"],
        connected=len(connected),
        agents=len(agents),
        blocked=total.counts[Outcome.BLOCKED],
        reversed=total.counts[Outcome.REVERSED],
        behind=last.behind if last else 0,
        behind_title=last.title if last else "",
        rehearsed=rehearsed["signals_live"],
        rehearsed_matches=sum(rehearsed[f"outcomes_{outcome}"] for outcome in Outcome),
    )
