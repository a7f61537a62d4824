# SPDX-License-Identifier: Apache-2.0
"""Read signals that match far more uploads than is plausible, and what decides their mark."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import OpinionRow, RunawayDecision, RunawayReport, Signal
from stemtide.hub.rooms.signals.reads.signals import readable, visible
from stemtide.hub.rooms.signals.rules import runaways as rules
from stemtide.hub.rooms.signals.rules.runaways import CLEARED, LOWERED, FloodFacts
from stemtide.hub.rooms.signals.views import RunawayRow
from stemtide.protocol.enums import Opinion, SignalState, Standing
from stemtide.protocol.sync.runaways import RunawayBucket, RunawayOut, RunawayReportOut
from stemtide.protocol.trust.runaway import RunawayState
from stemtide.protocol.trust.standing import independent

_MOST = 200


def runaways(
    *, viewer: Party, signal: UUID | None = None, is_live: bool = True
) -> list[RunawayOut]:
    """Return the signals with reports or decisions that a party may see, latest first; 200 at most.

    Coordinating parties see all of those of signals that they may see. Others see those that they
    shared, and those that their own agents reported. is_live: those that have not ended.
    """
    rows = _rows(viewer, is_live=is_live)
    rows = rows.filter(uid=signal) if signal else rows
    latest = rows.select_related("shared_by").order_by("-position")[:_MOST]
    return [describe(row, viewer=viewer) for row in latest]


def board(*, viewer: Party, limit: int) -> list[RunawayRow]:
    """Return the latest of these signals that no agency cleared, without their reports."""
    rows = _rows(viewer).exclude(flood=CLEARED).order_by("-position")
    columns = ("uid", "kind", "shared_by__name", "flood", "exercise")
    return [
        RunawayRow(uid, kind, sharer, flood == LOWERED, exercise)
        for uid, kind, sharer, flood, exercise in rows.values_list(*columns)[:limit]
    ]


def _rows(viewer: Party, *, is_live: bool = True) -> QuerySet[Signal]:
    """Return the live or the ended signals with reports or decisions that a party may see."""
    of_state = Q(state=SignalState.LIVE) if is_live else ~Q(state=SignalState.LIVE)
    rows = Signal.objects.filter(readable(viewer), of_state, pk__in=_named())
    if viewer.kind in COORDINATING:
        return rows
    own_reports = RunawayReport.objects.filter(party=viewer).values("signal")
    return rows.filter(Q(pk__in=own_reports) | Q(shared_by=viewer))


def _named() -> "QuerySet[Any, Any]":
    """Return the keys of signals with reports or decisions."""
    reports = RunawayReport.objects.values("signal")
    return reports.union(RunawayDecision.objects.values("signal"))


def describe(row: Signal, *, viewer: Party) -> RunawayOut:
    """Return a signal that matches too much, with the reports that a party may see."""
    reports: QuerySet[RunawayReport] = row.runaway_reports.select_related("party")
    if viewer.kind not in COORDINATING and row.shared_by_id != viewer.pk:
        reports = reports.filter(party=viewer)
    facts = flood_facts(row)
    decision = _decision(row)
    return RunawayOut(
        signal=row.uid,
        shared_by=row.shared_by.name,
        exercise=row.exercise,
        lowered=row.flood == LOWERED,
        cleared=row.flood == CLEARED,
        needed=rules.needed(facts.behind),
        reporting=independent(facts.reporting),
        reports=[_report(report) for report in reports.order_by("reported_at", "pk")],
        decided_by=decision.party.name if decision else None,
        reason=decision.reason if decision else "",
        decided_at=decision.decided_at if decision else None,
    )


def flood_facts(row: Signal) -> FloodFacts:
    """Return the facts that decide the flood mark of a signal."""
    decision = _decision(row)
    agreeing = row.opinions.filter(opinion=Opinion.AGREE).select_related("party")
    same = Signal.objects.filter(
        pk__in=bulk_sql.live_with(row.kind, [row.value]), exercise=row.exercise
    ).select_related("shared_by")
    behind = {row.shared_by.name: row.shared_by.trust}
    behind |= {opinion.party.name: opinion.party.trust for opinion in agreeing}
    behind |= {other.shared_by.name: other.shared_by.trust for other in same}
    reports = row.runaway_reports.filter(counts=True, state=RunawayState.LOWERED)
    return FloodFacts(
        behind=tuple(behind.values()),
        reporting=tuple(report.party.trust for report in reports.select_related("party")),
        decision="" if decision is None else LOWERED if decision.is_lowered else CLEARED,
    )


def mark_of(row: Signal) -> str:
    """Return the flood mark that a signal should have."""
    if not row.flood and not Signal.objects.filter(pk__in=_named(), pk=row.pk).exists():
        return ""
    return rules.flood_mark(flood_facts(row))


def lowered_before(values: Iterable[str], *, by: Party) -> set[tuple[str, str, bool]]:
    """Return those of these values, as kind, value and exercise, of which a signal was lowered.

    These are ended signals, which the sharing party must be able to see, and live ones of its own
    group. A party that shares the value of another group's live signal confirms that signal.
    """
    if not bulk_sql.has_runaways():
        return set()  # whatever the values, so that nobody learns anything from the time it takes
    of_group = Q(shared_by__group=by.group) if by.group else Q(shared_by=by)
    ended = ~Q(state=SignalState.LIVE) & (visible(by) | of_group)
    rows = Signal.objects.filter(ended | of_group, pk__in=_named(), flood=LOWERED).order_by()
    return {
        key
        for batch in batches(values)
        for key in rows.filter(value__in=batch).values_list("kind", "value", "exercise")
    }


def concerning(party: Party) -> list[int]:
    """Return the keys of reported or decided signals on which a party's standing bears.

    It reported, shared, confirmed or decided about them.
    """
    reported = Signal.objects.filter(pk__in=_named(), state=SignalState.LIVE)
    agreed = OpinionRow.objects.filter(party=party, opinion=Opinion.AGREE).values("signal")
    own_reports = RunawayReport.objects.filter(party=party).values("signal")
    decided = RunawayDecision.objects.filter(party=party).values("signal")
    concerned = Q(shared_by=party)
    for signals in (own_reports, agreed, decided):
        concerned |= Q(pk__in=signals)
    return list(reported.filter(concerned).values_list("pk", flat=True))


def _decision(row: Signal) -> RunawayDecision | None:
    """Return an agency's decision about a signal; None while that agency is suspended."""
    decisions = RunawayDecision.objects.filter(signal=row).select_related("party")
    return decisions.exclude(party__standing=Standing.SUSPENDED).first()


def _report(row: RunawayReport) -> RunawayReportOut:
    """Return a report in its wire format."""
    return RunawayReportOut(
        party=row.party.name,
        agent=row.agent,
        state=RunawayState(row.state),
        since=row.since,
        matches=row.matches,
        lookups=row.lookups,
        most=row.most,
        curve=[
            RunawayBucket(
                begins_at=datetime.fromtimestamp(begins, UTC), matches=matches, count=lookups
            )
            for begins, matches, lookups in row.curve
        ],
        reported_at=row.reported_at,
        counts=row.counts,
    )
