# SPDX-License-Identifier: Apache-2.0
"""The signals that an agent has, read from its file while it runs."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from stemtide.agent.recognise.policy import is_active
from stemtide.agent.store.schema import read_only
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.library import IndexedSignal, Library
from stemtide.protocol.sync.feed import FeedSignal

_ROWS = 20_000


class AgentSignals:
    """Signals of the agent with this data_dir. Reads only.

    exercise: whether signals of exercises count.
    raises:   StoreError in each method if the agent's file cannot be read.
    """

    def __init__(self, data_dir: Path, *, exercise: bool) -> None:
        self._data_dir = data_dir
        self._exercise = exercise

    def newest(self) -> int:
        """Return the number of the newest signal; 0 if there is none."""
        with read_only(self._data_dir) as tx:
            ((seq,),) = tx.execute("SELECT coalesce(max(seq), 0) FROM signals")
        return int(seq)

    def library(self, *, after: int, upto: int) -> Library:
        """Return a library of the signals with numbers above `after`, up to `upto`."""
        library = Library()
        with read_only(self._data_dir) as tx:
            rows = tx.execute(
                "SELECT seq, kind, value, within_bits FROM signals WHERE seq > ? AND seq <= ?"
                " ORDER BY seq",
                (after, upto),
            )
            while page := rows.fetchmany(_ROWS):
                library.put(
                    IndexedSignal(seq, Kind(kind), value, bits) for seq, kind, value, bits in page
                )
        return library

    def find(self, keys: Iterable[int]) -> dict[int, FeedSignal]:
        """Return the signals with these numbers that are still there and active."""
        with read_only(self._data_dir) as tx:
            rows = tx.execute(
                "SELECT seq, body FROM signals WHERE seq IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted(keys)),),
            ).fetchall()
        now = datetime.now(UTC)
        signals = {seq: FeedSignal.model_validate_json(body) for seq, body in rows}
        return {
            seq: signal
            for seq, signal in signals.items()
            if is_active(signal, now=now, exercise=self._exercise)
        }
