# SPDX-License-Identifier: Apache-2.0
"""Count the events of a crisis for its report. No names and no words of persons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Count, Sum

from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises, participants as participants_reads
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.reports.rules.reports import may_publish_counts
from stemtide.hub.rooms.signals.models import OpinionRow, Sighting, Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import Outcome, PublicStatementState, SignalState
from stemtide.protocol.messages.reports import Cell, Figures, Moment


def figures(room: Crisis, *, viewer: Party) -> Figures:
    """Return the figures of a crisis for one party, with counts of too few providers withheld.

    The room is known to be one that the viewer may read about.
    """
    rows = Signal.objects.filter(visible(viewer), crisis=room).order_by()
    checks = crises.describe(room, viewer=viewer).checks
    outcomes, matches, providers = _outcomes(room, viewer=viewer)
    opinions = OpinionRow.objects.filter(signal__in=rows).order_by()
    labels: Counter[str] = Counter(
        label for row_labels in rows.values_list("labels", flat=True) for label in row_labels
    )
    withdrawn = rows.filter(state=SignalState.WITHDRAWN)
    return Figures(
        seen_by=viewer.name,
        head=ledger.heads().entries,
        moments=_moments(room, viewer=viewer),
        checks=_cells(Counter(str(check.answer) for check in checks)),
        participants=_participants(room, viewer=viewer),
        signals=rows.count(),
        signals_by_kind=_cells(dict(rows.values_list("kind").annotate(Count("pk")))),
        signals_by_label=_cells(labels),
        signals_by_state=_cells(dict(rows.values_list("state").annotate(Count("pk")))),
        withdrawn_by_reason=_cells(
            dict(withdrawn.values_list("withdraw_reason").annotate(Count("pk")))
        ),
        disputed=rows.filter(is_disputed=True).count(),
        opinions=_cells(dict(opinions.values_list("opinion").annotate(Count("pk")))),
        providers=providers,
        outcomes=outcomes,
        matches=matches,
        messages_by_kind=_cells(
            dict(room.messages.order_by().values_list("kind").annotate(Count("pk")))
        ),
        public_lines=room.lines.filter(agreed_at__isnull=False)
        .exclude(state=PublicStatementState.OBJECTED)
        .count(),
    )


def _outcomes(room: Crisis, *, viewer: Party) -> tuple[list[Cell], int | None, int]:
    """Return outcomes over all providers, the number of matches, and of reporting providers.

    A count from which two providers could compute a third one's is withheld. If any count is
    withheld the total is too, as the missing count could be computed from it.
    """
    sightings = Sighting.objects.filter(
        signal__in=Signal.objects.filter(visible(viewer), crisis=room)
    )
    sums = sightings.order_by().values_list("outcome", "party").annotate(Sum("count"))
    parts: dict[str, list[int]] = {outcome: [] for outcome in Outcome}
    by_party: Counter[int] = Counter()
    for outcome, party, count in sums:
        parts[outcome].append(count)
        by_party[party] += count
    cells = [
        Cell(name=outcome, count=sum(counts) if may_publish_counts(counts) else None)
        for outcome, counts in parts.items()
    ]
    is_whole = all(cell.count is not None for cell in cells)
    may_sum = is_whole and may_publish_counts(list(by_party.values()))
    return cells, by_party.total() if may_sum else None, len({party for _, party, _ in sums})


def _moments(room: Crisis, *, viewer: Party) -> list[Moment]:
    """Return the moments of a crisis so far, oldest first."""
    rows = Signal.objects.filter(visible(viewer), crisis=room)
    sightings = Sighting.objects.filter(signal__in=rows)
    times: dict[str, datetime | None] = {
        "event": room.happened_at,
        "warned": room.warned_at,
        "activated": room.activated_at,
        "first_signal": rows.order_by("shared_at").values_list("shared_at", flat=True).first(),
        "last_signal": rows.order_by("-shared_at").values_list("shared_at", flat=True).first(),
        "first_sighting": sightings.order_by("first_at").values_list("first_at", flat=True).first(),
        "deescalated": room.deescalated_at,
        "closed": room.closed_at,
    }
    moments = [
        Moment(name=name, at=at, after_s=_after_s(at, since=room.happened_at))
        for name, at in times.items()
        if at is not None
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _after_s(at: datetime, *, since: datetime | None) -> int | None:
    """Return the seconds from the event to a moment; None where nobody knows when it was."""
    return None if since is None else int((at - since).total_seconds())


def _participants(room: Crisis, *, viewer: Party) -> list[Cell]:
    """Count the parties by kind and state. It never shows who declined."""
    participants = participants_reads.participants(room.uid, viewer=viewer)
    return _cells(
        Counter(f"{participant.kind} {participant.state}" for participant in participants)
    )


def _cells(counts: Mapping[str, int] | Iterable[tuple[str, int]]) -> list[Cell]:
    """Return counts as cells, the largest first."""
    ordered = sorted(dict(counts).items(), key=lambda cell_count: (-cell_count[1], cell_count[0]))
    return [Cell(name=str(name), count=count) for name, count in ordered]
