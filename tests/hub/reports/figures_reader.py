# SPDX-License-Identifier: Apache-2.0
"""A hostile reader of public figures, who has only the published files of several quarters.

The reader knows that a count is 0 or more, the sums within each table, that a signal has at least
one label, and that signals live before, with those shared, without those that ended, are live now.
"""

from collections import defaultdict
from fractions import Fraction
from math import ceil, floor

from stemtide.protocol.figures.messages import TableName

MOST = 10**6
"""More than any count can be."""

Cell = tuple[str, ...]


class Reader:
    """Equations and limits of all cells of live, shared and ended signals.

    known: published counts. lows, highs: limits of the others.
    """

    def __init__(self, bodies):
        self.known = {}
        self.equations = []
        self._slack = 0
        for number, body in enumerate(bodies):
            self._read(str(number), {table.name: table for table in body.tables})
        for number in range(len(bodies)):
            self._link(str(number), str(number - 1))

    def _see(self, cell, count):
        if count is not None:
            self.known[cell] = count

    def _read(self, at, tables):
        """Read the published counts of a quarter, and the sums of its tables."""
        kinds, labels = tables[TableName.SHARED_BY_KIND], tables[TableName.SHARED_BY_LABEL]
        live, ended = tables[TableName.LIVE], tables[TableName.ENDED]
        self._see((at, "shared"), kinds.total)
        self._see((at, "ended"), ended.total)
        for table, total in ((kinds, "shared"), (ended, "ended")):
            for row in table.rows:
                self._see((at, total, row.name), row.count)
            self._sum((at, total), [(at, total, row.name) for row in table.rows])
        for row in labels.rows:
            self._see((at, "label", row.name), row.count)
        self._overlap((at, "shared"), [(at, "label", row.name) for row in labels.rows])
        self._see((at, "live", ""), live.total)
        ages = [cell.name for cell in live.columns]
        for name, count, cells in [
            ("", live.total, live.columns),
            *((row.name, row.count, row.cells) for row in live.rows),
        ]:
            self._see((at, "live", name), count)
            for cell in cells:
                self._see((at, "live", name, cell.name), cell.count)
            self._sum((at, "live", name), [(at, "live", name, age) for age in ages])
        names = [row.name for row in live.rows]
        self._overlap((at, "live", ""), [(at, "live", name) for name in names])
        for age in ages:
            self._overlap((at, "live", "", age), [(at, "live", name, age) for name in names])
        self.names = getattr(self, "names", defaultdict(set))
        self.names["shared", at] = {row.name for row in labels.rows}
        self.names["live", at] = set(names)

    def _link(self, at, before):
        """Link a quarter with the one before it. The first one began with nothing."""
        live, was = self.names["live", at], self.names["live", before]
        for name in sorted({"", *live, *was, *self.names["shared", at]}):
            gone = (at, "ended") if not name else (at, "ended of", name)
            shared = (at, "shared") if not name else (at, "label", name)
            row = {gone: -1}
            if not name or name in live:
                row[at, "live", name] = -1
            if (not name and int(before) >= 0) or name in was:
                row[before, "live", name] = 1
            if not name or name in self.names["shared", at]:
                row[shared] = 1
            self.equations.append(row)
            if name:
                self._at_most(gone, (at, "ended"))
        all_names = live | was | self.names["shared", at]
        self._at_least([(at, "ended of", name) for name in all_names], (at, "ended"))

    def _sum(self, total, parts):
        self.equations.append({total: 1} | dict.fromkeys(parts, -1))

    def _overlap(self, total, parts):
        for part in parts:
            self._at_most(part, total)
        self._at_least(parts, total)

    def _at_most(self, part, total):
        self._sum(total, [part, self._rest()])

    def _at_least(self, parts, total):
        self.equations.append({total: 1, self._rest(): 1} | dict.fromkeys(parts, -1))

    def _rest(self):
        self._slack += 1
        return ("rest", str(self._slack))


def limits(reader):
    """Lowest and highest count of each cell, as far as the reader can work them out.

    Equations are solved first, so that each is about few cells. Then each cell of each equation is
    limited by the others, again and again, as a person would do it.
    """
    unknown = sorted({cell for row in reader.equations for cell in row} - reader.known.keys())
    rows = [_known(row, reader.known) for row in reader.equations]
    rows += _solved(rows)
    lows, highs = dict.fromkeys(unknown, Fraction(0)), dict.fromkeys(unknown, Fraction(MOST))
    is_changed = True
    while is_changed:
        is_changed = sum(_narrow(row, lows, highs) for row in rows) > 0
    return {cell: (lows[cell], highs[cell]) for cell in unknown if cell[0] != "rest"}


def _known(row, known):
    """An equation without known cells: factors by cell, and the sum at None."""
    short = {cell: Fraction(factor) for cell, factor in row.items() if cell not in known}
    total = -sum(factor * known[cell] for cell, factor in row.items() if cell in known)
    return short | {None: Fraction(total)}


def _solved(rows):
    """The equations that follow from others by elimination."""
    solved = {}
    for equation in rows:
        row = dict(equation)
        for pivot in [cell for cell in row if cell in solved]:
            row = _minus(row, solved[pivot], row[pivot])
        pivot = min((cell for cell in row if cell is not None), default=None)
        if pivot is None:
            continue
        first = row[pivot]
        row = {cell: factor / first for cell, factor in row.items()}
        for other, its in solved.items():
            if pivot in its:
                solved[other] = _minus(its, row, its[pivot])
        solved[pivot] = row
    return list(solved.values())


def _minus(row, other, factor):
    """A row without a multiple of another one."""
    mixed = {cell: row.get(cell, 0) - factor * other.get(cell, 0) for cell in row.keys() | other}
    return {cell: value for cell, value in mixed.items() if value or cell is None}


def _narrow(row, lows, highs):
    """Limit each cell of an equation by all others; return whether one became narrower."""
    total = row[None]
    factors = [(cell, factor) for cell, factor in row.items() if cell is not None]
    least = sum(factor * (lows if factor > 0 else highs)[cell] for cell, factor in factors)
    most = sum(factor * (highs if factor > 0 else lows)[cell] for cell, factor in factors)
    is_changed = False
    for cell, factor in factors:
        own = sorted((factor * lows[cell], factor * highs[cell]))
        ends = sorted(((total - most + own[1]) / factor, (total - least + own[0]) / factor))
        low, high = max(lows[cell], ceil(ends[0])), min(highs[cell], floor(ends[1]))
        if (low, high) != (lows[cell], highs[cell]):
            lows[cell], highs[cell], is_changed = Fraction(low), Fraction(high), True
            least = sum(f * (lows if f > 0 else highs)[c] for c, f in factors)
            most = sum(f * (highs if f > 0 else lows)[c] for c, f in factors)
    return is_changed
