# SPDX-License-Identifier: Apache-2.0
"""Signals being loaded beside those that still match: what came, and what a later entry replaced.

The Library is filled once, at the end: filled step by step, it would build its tables many times.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stemtide.agent.store import index
from stemtide.agent.store.index import Columns
from stemtide.agent.store.rows import NumberedRow, SignalRow
from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.matching.library import Library


@dataclass(slots=True)
class Incoming:
    """A snapshot being loaded.

    seq: the last number given. unsaved: as in an Index.
    """

    generation: str
    library: Library
    seq: int
    unsaved: int = 0
    _ids: bytearray = field(default_factory=bytearray)
    _numbers: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _columns: dict[Kind, list[Columns]] = field(default_factory=dict)

    def add(self, rows: Sequence[SignalRow], drops: Sequence[str]) -> list[NumberedRow]:
        """Note entries that came next, and return the rows with their numbers.

        drops: ids of signals that no longer match.
        """
        numbered = list(enumerate(rows, start=self.seq + 1))
        self.seq += len(rows)
        ids = [*(row.id for row in rows), *drops]
        self._ids += bytes.fromhex("".join(ids).replace("-", ""))
        numbers = np.zeros(len(ids), np.int64)  # 0 for a signal that no longer matches
        numbers[: len(rows)] = np.arange(self.seq - len(rows) + 1, self.seq + 1)
        self._numbers.append(numbers)
        for kind, group in index.by_kind([(seq, *row.print) for seq, row in numbered]).items():
            if kind in SIZE_BYTES:
                self._columns.setdefault(kind, []).append(index.columns_of(kind, group))
                self.unsaved += len(group)
            else:
                self.unsaved += index.put(self.library, group)
        return numbered

    def replaced(self) -> npt.NDArray[np.int64]:
        """Return the numbers of signals that a later entry replaced or removed, ascending."""
        ids = np.frombuffer(self._ids, np.uint64).reshape(-1, 2)
        numbers = np.concatenate([*self._numbers, np.zeros(0, np.int64)])
        order = np.lexsort((ids[:, 1], ids[:, 0]))  # stable: entries of a signal stay in order
        ids, numbers = ids[order], numbers[order]
        is_earlier = (ids[:-1] == ids[1:]).all(axis=1)
        earlier = numbers[:-1][is_earlier]
        return np.sort(earlier[earlier > 0])

    def fill_library(self, *, without: npt.NDArray[np.int64]) -> None:
        """Put all signals into the Library but those of these numbers."""
        for kind, parts in self._columns.items():
            columns = Columns(
                np.concatenate([part.keys for part in parts]),
                np.concatenate([part.values for part in parts]),
                np.concatenate([part.own_bits for part in parts]),
            )
            parts.clear()
            if len(without):
                stays = ~np.isin(columns.keys, without)
                columns = Columns(
                    columns.keys[stays], columns.values[stays], columns.own_bits[stays]
                )
            self.library.put_columns(kind, columns.keys, columns.values, own_bits=columns.own_bits)
        self.library.drop(without)
        self._columns.clear()
