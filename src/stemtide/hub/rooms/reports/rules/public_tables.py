# SPDX-License-Identifier: Apache-2.0
"""Tables of public figures, and which of their counts are withheld. Decision 0195."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

from stemtide.hub.rooms.reports.rules.public_figures import (
    AGES,
    ANY,
    LATER,
    NEVER,
    ORDER_TIMES,
    REFERRAL_TIMES,
    UNKNOWN,
    Collected,
    Decided,
    EndedCrisis,
    Parts,
    Request,
    ShownBefore,
    SignalCounts,
    time_band,
)
from stemtide.hub.rooms.reports.rules.reports import LEAST_COUNT, LEAST_PROVIDERS, LEAST_REST
from stemtide.hub.rooms.reports.rules.withholding import Key, Sheet, Tally, total_of
from stemtide.protocol.figures.messages import (
    FigureCell,
    FigureRow,
    FigureRule,
    FigureTable,
    PublicFigures,
    TableName,
)
from stemtide.protocol.figures.quarters import Quarter

RULE = FigureRule(least_parties=LEAST_PROVIDERS, least_count=LEAST_COUNT, least_rest=LEAST_REST)

_Key = TypeVar("_Key", bound=Key)

DONE, OTHER = "carried_out", "other"
"""Columns of requests by ideology and language."""

Figures = dict[Key, int | float | None]
"""Figures by table, row and column; medians are a column."""

_ALL, _NONE, _MEDIAN = "all", "none", "median_s"
_EVERYTHING: Key = ("all",)


class _Subject(NamedTuple):
    """What is asked of providers, and the names of its four tables. done: what counts as so."""

    tables: tuple[TableName, TableName, TableName, TableName]
    done: frozenset[str]
    bands: Mapping[str, float]

    def band_of(self, request: Request) -> str:
        """Return the band of time in which a request was carried out."""
        is_done = request.answer in self.done
        return time_band(request.took_s, bands=self.bands) if is_done else NEVER


_ORDERS = _Subject(
    (
        TableName.ORDERS_BY_ANSWER,
        TableName.ORDERS_BY_TIME,
        TableName.ORDERS_BY_IDEOLOGY,
        TableName.ORDERS_BY_LANGUAGE,
    ),
    done=frozenset({"executed"}),
    bands=ORDER_TIMES,
)
_REFERRALS = _Subject(
    (
        TableName.REFERRALS_BY_ANSWER,
        TableName.REFERRALS_BY_TIME,
        TableName.REFERRALS_BY_IDEOLOGY,
        TableName.REFERRALS_BY_LANGUAGE,
    ),
    done=frozenset({"removed", "disabled"}),
    bands=REFERRAL_TIMES,
)


def publish(
    collected: Collected, *, quarter: Quarter, head: int, before: ShownBefore | None
) -> PublicFigures:
    """Return the figures of a quarter as they are published, with small counts withheld."""
    return PublicFigures(
        quarter=quarter.name,
        first=quarter.first,
        last=quarter.last,
        head=head,
        rule=RULE,
        tables=_tables(collected, before=before, sheet=Sheet),
    )


def raw_figures(collected: Collected) -> Figures:
    """Return all figures, whatever they disclose: for checks on the hub's machine alone."""
    return figures_of(_tables(collected, before=None, sheet=_OpenSheet))


def figures_of(tables: Iterable[FigureTable]) -> Figures:
    """Return the figures of tables by table, row and column."""
    figures: Figures = {}
    for table in tables:
        figures[table.name, _ALL, _ALL] = table.total
        figures[table.name, _ALL, _MEDIAN] = table.median_s
        figures |= {(table.name, _ALL, cell.name): cell.count for cell in table.columns}
        for row in table.rows:
            name = row.name or _NONE
            figures[table.name, name, _ALL] = row.count
            figures[table.name, name, _MEDIAN] = row.median_s
            figures |= {(table.name, name, cell.name): cell.count for cell in row.cells}
    return figures


class _OpenSheet(Sheet):
    """A sheet that withholds nothing."""

    def withhold(self) -> None:
        """Withhold nothing."""
        self.withheld.clear()


def _tables(
    collected: Collected, *, before: ShownBefore | None, sheet: type[Sheet]
) -> list[FigureTable]:
    """Return all tables."""
    outcomes: dict[str, list[Decided]] = {}
    for complaint in collected.decided:
        outcomes.setdefault(complaint.outcome, []).append(complaint)
    return [
        *_signal_tables(collected.signals, before=before, sheet=sheet()),
        _plain(TableName.DISPUTES, _tallies(collected.disputes), sheet=sheet()),
        _plain(TableName.COMPLAINTS_FILED, _tallies(collected.filed), sheet=sheet()),
        _decided_table(outcomes, sheet=sheet()),
        *_request_tables(collected.orders, subject=_ORDERS, sheet=sheet()),
        *_request_tables(collected.referrals, subject=_REFERRALS, sheet=sheet()),
        _crisis_table(collected.crises, sheet=sheet()),
    ]


def _signal_tables(
    counts: SignalCounts, *, before: ShownBefore | None, sheet: Sheet
) -> list[FigureTable]:
    """Return the tables of signals, whose counts are linked with each other and over time."""
    kinds, labels, ended = (
        _tallies(parts) for parts in (counts.by_kind, counts.by_label, counts.ended)
    )
    shared, gone = total_of(kinds.values()), total_of(ended.values())
    sheet.add(("shared",), shared)
    _divide(sheet, ("shared",), {("kind", kind): tally for kind, tally in kinds.items()})
    _overlap(sheet, ("shared",), {("label", label): tally for label, tally in labels.items()})
    sheet.add(("ended",), gone)
    _divide(sheet, ("ended",), {("ended", reason): tally for reason, tally in ended.items()})
    live = _live_cells(sheet, counts.live)
    _balance(sheet, counts, before=before)
    sheet.withhold()
    return [
        _table(sheet, TableName.SHARED_BY_KIND, ("shared",), [("kind", kind) for kind in kinds]),
        _table(
            sheet,
            TableName.SHARED_BY_LABEL,
            ("shared",),
            [("label", label) for label in labels],
            overlaps=True,
        ),
        _live_table(sheet, live),
        _table(sheet, TableName.ENDED, ("ended",), [("ended", reason) for reason in ended]),
    ]


def _live_cells(sheet: Sheet, live: Mapping[tuple[str, str], Parts]) -> list[str]:
    """Add the cells of live signals by label and age; return the labels, without ANY."""
    labels = sorted({label for label, _ in live} - {ANY})
    cells = {
        (label, age): Tally.of(live.get((label, age), {}))
        for label in (ANY, *labels)
        for age in AGES
    }
    for label in (ANY, *labels):
        ages = {("live", label, age): cells[label, age] for age in AGES}
        sheet.add(("live", label), total_of(ages.values()))
        _divide(sheet, ("live", label), ages)
    _overlap(
        sheet, ("live", ANY), {("live", label): sheet.cells["live", label] for label in labels}
    )
    for age in AGES:
        parts = {("live", label, age): cells[label, age] for label in labels}
        _overlap(sheet, ("live", ANY, age), parts)
    return labels


def _balance(sheet: Sheet, counts: SignalCounts, *, before: ShownBefore | None) -> None:
    """Link live signals with those of the quarter before: the difference is what ended."""
    earlier: dict[str, Parts] = {}
    for (label, _), parts in counts.live_before.items():
        earlier[label] = earlier.get(label, Counter()) + parts
    _link_time(sheet, ANY, was=Tally.of(earlier.get(ANY, {})), before=before)
    labels = {*earlier, *counts.by_label, *(label for label, _ in counts.live)} - {ANY}
    for label in sorted(labels):
        _link_time(sheet, label, was=Tally.of(earlier.get(label, {})), before=before)
        gone, others = ("ended of", label), ("ended without", label)
        sheet.add_fixed(others, sheet.cells["ended",] - sheet.cells[gone], is_known=False)
        sheet.link([("ended",)], [gone, others])


def _link_time(sheet: Sheet, label: str, *, was: Tally, before: ShownBefore | None) -> None:
    """Link the live signals with a label, or with any, with those of the quarter before.

    was: how many were live then. If that was withheld, nothing of this quarter may give it away,
    whatever it is: further counts of that quarter may follow from it.
    """
    is_all = label == ANY
    shared: Key = ("shared",) if is_all else ("label", label)
    gone: Key = ("ended",) if is_all else ("ended of", label)
    for key in (shared, ("live", label)):
        if key not in sheet.cells:
            sheet.add_fixed(key, Tally(), is_known=True)
    if not is_all:
        rest = was + sheet.cells[shared] - sheet.cells["live", label]
        # If nothing ended, nothing with this label did.
        sheet.add_fixed(gone, rest, is_known=not sheet.cells["ended",].number)
    is_hidden = before is not None and before.hides(label)
    tally = Tally(was.number, Counter({"": max(1, was.number)})) if is_hidden else was
    sheet.add_fixed(("before", label), tally, is_known=not is_hidden)
    sheet.link([("before", label), shared], [("live", label), gone])


def _live_table(sheet: Sheet, labels: Sequence[str]) -> FigureTable:
    """Return the table of live signals by label and age."""
    return FigureTable(
        name=TableName.LIVE,
        total=sheet.count(("live", ANY)),
        overlaps=True,
        columns=_cells(sheet, ("live", ANY), AGES),
        rows=[
            FigureRow(
                name=label,
                count=sheet.count(("live", label)),
                cells=_cells(sheet, ("live", label), AGES),
            )
            for label in labels
        ],
    )


def _request_tables(
    requests: Sequence[Request], *, subject: _Subject, sheet: Sheet
) -> list[FigureTable]:
    """Return the tables of orders or of referrals: all of them divide the same requests."""
    by_answer, by_time, by_ideology, by_language = subject.tables
    tally = _group(requests, lambda request: request.answer)
    answers = {("answer", answer): parts for answer, parts in tally.items()}
    sheet.add(_EVERYTHING, total_of(answers.values()))
    _divide(sheet, _EVERYTHING, answers)
    done = [("answer", answer) for answer in sorted(subject.done) if answer in tally]
    sheet.add((DONE,), total_of(sheet.cells[key] for key in done))
    sheet.link([(DONE,)], done)
    sheet.add((OTHER,), sheet.cells[_EVERYTHING] - sheet.cells[DONE,])
    sheet.link([_EVERYTHING], [(DONE,), (OTHER,)])
    sheet.link([(OTHER,)], [key for key in answers if key not in done])
    times = _group(requests, subject.band_of)
    timed = {("time", band): parts for band, parts in times.items() if band != NEVER}
    _divide(sheet, (DONE,), timed)
    never = ("time", NEVER)
    sheet.add(never, times.get(NEVER, Tally()))
    sheet.link([(OTHER,)], [never])
    rows = {name: _add_pairs(sheet, requests, of=name, done=subject.done) for name in _PAIRED}
    sheet.withhold()
    bands = [
        band for band in (*subject.bands, LATER, UNKNOWN, NEVER) if ("time", band) in sheet.cells
    ]
    timed_requests = [request for request in requests if request.took_s is not None]
    return [
        _table(sheet, by_answer, _EVERYTHING, sorted(answers)),
        _table(
            sheet,
            by_time,
            _EVERYTHING,
            [("time", band) for band in bands],
            median_s=_median_of(timed_requests) if (DONE,) not in sheet.withheld else None,
        ),
        _paired_table(sheet, by_ideology, rows["ideology"], requests, of="ideology"),
        _paired_table(sheet, by_language, rows["language"], requests, of="language"),
    ]


_PAIRED = ("ideology", "language")


def _add_pairs(
    sheet: Sheet, requests: Sequence[Request], *, of: str, done: frozenset[str]
) -> list[str]:
    """Add the cells of requests by ideology or language, carried out and not; return the names."""
    pairs: dict[str, dict[str, Parts]] = {}
    for request in requests:
        cells = pairs.setdefault(_attribute(request, of), {DONE: Counter(), OTHER: Counter()})
        cells[DONE if request.answer in done else OTHER][request.party] += 1
    rows = {}
    for name, cells in pairs.items():
        tallies = {(of, name, column): Tally.of(parts) for column, parts in cells.items()}
        rows[of, name] = total_of(tallies.values())
        sheet.add((of, name), rows[of, name])
        _divide(sheet, (of, name), tallies)
    sheet.link([_EVERYTHING], rows)
    for column in (DONE, OTHER):
        sheet.link([(column,)], [(of, name, column) for name in pairs])
    return sorted(pairs)


def _paired_table(
    sheet: Sheet, name: TableName, rows: Sequence[str], requests: Sequence[Request], *, of: str
) -> FigureTable:
    """Return the table of requests by ideology or language."""
    timed: dict[str, list[Request]] = {}
    for request in requests:
        if request.took_s is not None:
            timed.setdefault(_attribute(request, of), []).append(request)
    return FigureTable(
        name=name,
        total=sheet.count(_EVERYTHING),
        columns=[FigureCell(name=column, count=sheet.count((column,))) for column in (DONE, OTHER)],
        rows=[
            FigureRow(
                name=row,
                count=sheet.count((of, row)),
                median_s=(
                    _median_of(timed.get(row, []))
                    if (of, row, DONE) not in sheet.withheld
                    else None
                ),
                cells=_cells(sheet, (of, row), (DONE, OTHER)),
            )
            for row in rows
        ],
    )


def _decided_table(outcomes: Mapping[str, Sequence[Decided]], *, sheet: Sheet) -> FigureTable:
    """Return the table of decided complaints, with the middle duration of each outcome."""
    tallies = {
        outcome: Tally.of(Counter(complaint.party for complaint in complaints))
        for outcome, complaints in outcomes.items()
    }
    took = {
        outcome: [complaint.took_s for complaint in complaints]
        for outcome, complaints in outcomes.items()
    }
    return _plain(TableName.COMPLAINTS_DECIDED, tallies, sheet=sheet, took=took)


def _crisis_table(crises: Sequence[EndedCrisis], *, sheet: Sheet) -> FigureTable:
    """Return the table of crises that ended. The parties of a crisis are its parts."""
    tallies: dict[str, Tally] = {}
    timed: dict[str, Tally] = {}
    lasted: dict[str, list[float]] = {}
    for crisis in crises:
        tally = Tally(1, Counter(crisis.parties))
        tallies[crisis.outcome] = tallies.get(crisis.outcome, Tally()) + tally
        if crisis.lasted_s is not None:
            timed[crisis.outcome] = timed.get(crisis.outcome, Tally()) + tally
            lasted.setdefault(crisis.outcome, []).append(crisis.lasted_s)
    shown = {outcome: times for outcome, times in lasted.items() if timed[outcome].is_safe}
    return _plain(TableName.CRISES, tallies, sheet=sheet, took=shown)


def _plain(
    name: TableName,
    tallies: Mapping[str, Tally],
    *,
    sheet: Sheet,
    took: Mapping[str, Sequence[float]] | None = None,
) -> FigureTable:
    """Return a table that no other table is linked with. took: durations by row."""
    sheet.add(_EVERYTHING, total_of(tallies.values()))
    _divide(sheet, _EVERYTHING, {(name, row): tally for row, tally in tallies.items()})
    sheet.withhold()
    times = took or {}
    return FigureTable(
        name=name,
        total=sheet.count(_EVERYTHING),
        rows=[
            FigureRow(
                name=row,
                count=sheet.count((name, row)),
                median_s=_middle(times.get(row, [])) if (name, row) not in sheet.withheld else None,
            )
            for row in sorted(tallies)
        ],
    )


def _table(
    sheet: Sheet,
    name: TableName,
    total: Key,
    rows: Sequence[Key],
    *,
    overlaps: bool = False,
    median_s: float | None = None,
) -> FigureTable:
    """Return a table whose rows have one count each. rows: their cells."""
    return FigureTable(
        name=name,
        total=sheet.count(total),
        median_s=median_s,
        overlaps=overlaps,
        rows=[FigureRow(name=key[-1], count=sheet.count(key)) for key in rows],
    )


def _divide(sheet: Sheet, total: Key, parts: Mapping[_Key, Tally]) -> None:
    """Add the parts of a total, which add up to it."""
    for key, tally in parts.items():
        sheet.add(key, tally)
    sheet.link([total], parts)


def _overlap(sheet: Sheet, total: Key, parts: Mapping[_Key, Tally]) -> None:
    """Add parts of a total of which a thing can be in several.

    Readers compute what is not in a part. Where each thing is in one part only, the parts add up.
    Where one part alone has things, it is the total, as each thing is in a part.
    """
    for key, tally in parts.items():
        sheet.add(key, tally)
        rest = ("not", *key)
        sheet.add_fixed(rest, sheet.cells[total] - tally, is_known=False)
        sheet.link([total], [key, rest])
    filled = [key for key, tally in parts.items() if tally.number]
    if len(filled) == 1:
        sheet.link([total], filled, is_certain=False)
    together, tally = ("together", *total), total_of(parts.values())
    sheet.add_fixed(together, tally, is_known=tally.is_safe)
    sheet.link([together], parts, is_certain=False)


def _cells(sheet: Sheet, row: Key, columns: Iterable[str]) -> list[FigureCell]:
    """Return the cells of a row."""
    return [FigureCell(name=column, count=sheet.count((*row, column))) for column in columns]


def _group(requests: Iterable[Request], name_of: Callable[[Request], str]) -> dict[str, Tally]:
    """Return requests counted by a name."""
    parts: dict[str, Parts] = {}
    for request in requests:
        parts.setdefault(name_of(request), Counter())[request.party] += 1
    return _tallies(parts)


def _tallies(parts: Mapping[str, Parts]) -> dict[str, Tally]:
    """Return counts by name, in the order of the names."""
    return {name: Tally.of(parts[name]) for name in sorted(parts)}


def _attribute(request: Request, of: str) -> str:
    """Return the ideology or the language of a request."""
    return request.ideology if of == "ideology" else request.language


def _median_of(timed: Sequence[Request]) -> float | None:
    """Return the middle duration of requests with a known time, if it discloses no party's."""
    if not Tally.of(Counter(request.party for request in timed)).is_safe:
        return None
    return _middle([request.took_s for request in timed if request.took_s is not None])


def _middle(durations: Sequence[float]) -> float | None:
    """Return the middle duration in whole seconds; None if there is none."""
    return float(round(median(durations))) if durations else None
