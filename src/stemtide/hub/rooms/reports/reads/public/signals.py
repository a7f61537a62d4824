# SPDX-License-Identifier: Apache-2.0
"""Count signals for public figures in the database: a hub may have millions of them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.reports.rules.public_figures import (
    ANY,
    EXPIRED,
    Parts,
    SignalCounts,
    age_starts,
)
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.figures.quarters import Quarter

_LABELS = {
    "sqlite": ", json_each(signal.labels) label",
    "postgresql": " CROSS JOIN LATERAL jsonb_array_elements_text(signal.labels) AS label(value)",
}
_FROM = (
    " FROM signals_signal signal JOIN parties_party party ON party.id = signal.shared_by_id{labels}"
    " WHERE NOT signal.exercise AND {condition} GROUP BY {groups}"
)
_SHARED = (
    "SELECT label.value, party.name, count(DISTINCT signal.id)"
    + _FROM.format(
        labels="{labels}",
        condition="signal.shared_at >= %s AND signal.shared_at < %s",
        groups="label.value, party.name",
    )
)  # fmt: skip
_LIVE = (
    "signal.shared_at < %s AND (signal.withdrawn_at IS NULL OR signal.withdrawn_at >= %s)"
    " AND (signal.expires_at IS NULL OR signal.expires_at >= %s)"
)


@needs_no_viewer("public figures are the same for everybody")
def count_signals(quarter: Quarter) -> SignalCounts:
    """Return the counts of the signals of a quarter, without exercises.

    They follow from times that no later act changes, so that they need no lock.
    """
    since, until = quarter.since, quarter.until
    rows = Signal.objects.filter(exercise=False).order_by()
    shared = rows.filter(shared_at__gte=since, shared_at__lt=until)
    ended = rows.filter(withdrawn_at__gte=since, withdrawn_at__lt=until)
    expired = rows.filter(
        Q(withdrawn_at=None), shared_at__lt=until, expires_at__gte=since, expires_at__lt=until
    )
    of_kind = shared.values_list("kind", "shared_by__name").annotate(Count("pk"))
    of_reason = ended.values_list("withdraw_reason", "shared_by__name").annotate(Count("pk"))
    counts = SignalCounts(by_kind=_by_name(of_kind), ended=_by_name(of_reason))
    gone = dict(expired.values_list("shared_by__name").annotate(Count("pk")))
    if gone:
        counts.ended[EXPIRED] = Counter(gone)
    counts.by_label = _by_name(
        _rows(_SHARED.format(labels=_LABELS[connection.vendor]), since, until)
    )
    counts.live, counts.live_before = _live(until), _live(since)
    return counts


def _live(at: datetime) -> dict[tuple[str, str], Parts]:
    """Return the signals that were live at a time, by label and age; ANY has each once."""
    ages = age_starts(at)
    cases = " ".join("WHEN signal.shared_at > %s THEN %s" for _, first in ages if first)
    age = f"CASE {cases} ELSE %s END"
    marks: list[object] = [mark for name, first in ages if first for mark in (first, name)]
    marks.append(ages[-1][0])
    counts: dict[tuple[str, str], Parts] = {}
    for label, join in ((f"'{ANY}'", ""), ("label.value", _LABELS[connection.vendor])):
        of = _FROM.format(labels=join, condition=_LIVE, groups="1, 2, 3")
        statement = f"SELECT {label}, {age}, party.name, count(DISTINCT signal.id){of}"
        for name, band, party, number in _rows(statement, *marks, at, at, at):
            counts.setdefault((name, band), Counter())[party] += number
    return counts


def _by_name(rows: Iterable[Any]) -> dict[str, Parts]:
    """Return counts by name and party. rows: name, party and count."""
    counts: dict[str, Parts] = {}
    for name, party, number in rows:
        counts.setdefault(name, Counter())[party] += number
    return counts


def _rows(statement: str, *values: object) -> list[Any]:
    """Return the rows of a statement."""
    adapt = connection.ops.adapt_datetimefield_value
    params: list[Any] = [adapt(value) if isinstance(value, datetime) else value for value in values]
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
