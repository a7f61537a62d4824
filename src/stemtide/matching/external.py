# SPDX-License-Identifier: Apache-2.0
"""Find signals of other packages' types: each type compares its own values, one by one.

Signals whose type is not installed, or does not take their value, are stored and never compared:
`skipped` counts them. A type is called with a time limit: one that hangs stops no other.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stemtide.fingerprints.external.contract import SignalType
from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.external.time_limit import SignalTypeTimeoutError, TimeLimit
from stemtide.fingerprints.external.usable import why_unusable
from stemtide.fingerprints.values.external import ExternalValue, unpack
from stemtide.matching.found import Occurrence

log = logging.getLogger(__name__)

_CHECK_S = 0.001
"""Time for the check of each further value."""


class ExternalFinder:
    """Stored values of all types. Thread-safe; find does not wait for writers."""

    form: ClassVar[Mapping[str, np.dtype[Any]]] = {
        "keys": np.dtype("<i8"),
        "ends": np.dtype("<i8"),
        "values": np.dtype("u1"),
    }

    def __init__(self, limit: TimeLimit | None = None) -> None:
        self._limit = limit or TimeLimit()
        self._writing = threading.Lock()
        self._values: dict[int, bytes] = {}
        self._usable: dict[int, ExternalValue] = {}
        self._by_type: dict[str, tuple[list[int], list[bytes]]] = {}
        self.troubles: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._values)

    def put(self, keys: Sequence[int], values: Sequence[bytes]) -> None:
        """Store signals, all at once; a key that exists is replaced. raises: FingerprintError."""
        fresh = dict(zip(keys, values, strict=True))
        usable = self._usable_of(fresh)
        with self._writing:
            others = {key: named for key, named in self._usable.items() if key not in fresh}
            self._set(self._values | fresh, others | usable)

    def drop(self, keys: Iterable[int]) -> None:
        """Remove signals; unknown keys are ignored."""
        going = set(keys)
        with self._writing:
            self._set(
                {key: value for key, value in self._values.items() if key not in going},
                {key: named for key, named in self._usable.items() if key not in going},
            )

    def _usable_of(self, values: Mapping[int, bytes]) -> dict[int, ExternalValue]:
        """Return the values that can be compared here. raises: FingerprintError."""
        by_type: dict[str, dict[int, bytes]] = {}
        for key, value in values.items():
            by_type.setdefault(unpack(value).name, {})[key] = value
        usable: dict[int, ExternalValue] = {}
        for name, of_type in by_type.items():
            if name not in installed_types():
                continue
            more_s = _CHECK_S * len(of_type)
            try:
                usable |= self._limit.call(name, partial(_usable, of_type), more_s=more_s)
            except SignalTypeTimeoutError as error:
                self._report(name, f"it failed to check values ({error})")
        return usable

    def _report(self, name: str, why: str) -> None:
        """Name a type among the troubles."""
        self.troubles[name] = why
        log.error("the signal type %s: %s", name, why)  # no values in logs

    def _set(self, values: dict[int, bytes], usable: dict[int, ExternalValue]) -> None:
        """Replace the signals. usable: those that are compared. Holds self._writing."""
        by_type: dict[str, tuple[list[int], list[bytes]]] = {}
        for key, named in usable.items():
            of_type = by_type.setdefault(named.name, ([], []))
            of_type[0].append(key)
            of_type[1].append(named.value)
        self._values, self._usable, self._by_type = values, usable, by_type

    def skipped(self) -> dict[str, int]:
        """Return how many signals of each type are stored and not compared."""
        stored = Counter(unpack(value).name for value in self._values.values())
        compared = {name: len(keys) for name, (keys, _) in self._by_type.items()}
        stored.subtract(compared)
        return {name: count for name, count in sorted(stored.items()) if count}

    def find(self, value: bytes) -> list[Occurrence]:
        """Find the signals within the threshold of their type. The score is minus the distance.

        A type that fails is named in `troubles`; other kinds are compared all the same.
        """
        named = unpack(value)
        signal_type = installed_types().get(named.name)
        keys, others = self._by_type.get(named.name, ([], []))
        if signal_type is None or not keys:
            return []
        try:
            compare = partial(_near, signal_type, named.value, keys, others)
            near = self._limit.call(named.name, compare)
        except SignalTypeTimeoutError as error:
            self._report(named.name, f"it failed to compare ({error})")
            return []
        except Exception as error:  # noqa: BLE001  # of another package
            self._report(named.name, f"it failed to compare ({type(error).__name__})")
            return []
        self.troubles.pop(named.name, None)
        return sorted(near, key=lambda occurrence: -occurrence.score)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all signals as arrays that do not change any more."""
        values = self._values
        return {
            "keys": np.array(list(values), np.int64),
            "ends": np.cumsum([len(value) for value in values.values()], dtype=np.int64),
            "values": np.frombuffer(b"".join(values.values()), np.uint8),
        }

    def take(self, arrays: dict[str, NDArray[Any]]) -> list[int]:
        """Replace all signals by those that `arrays` returned, and return the keys."""
        keys, ends, joined = arrays["keys"].tolist(), arrays["ends"].tolist(), arrays["values"]
        starts = [0, *ends]
        values = {
            key: joined[start:end].tobytes()
            for key, start, end in zip(keys, starts, ends, strict=False)
        }
        usable = self._usable_of(values)
        with self._writing:
            self._set(values, usable)
        return list(values)


def _usable(values: Mapping[int, bytes]) -> dict[int, ExternalValue]:
    """Return the values that their type takes. raises: FingerprintError."""
    return {key: unpack(value) for key, value in values.items() if not why_unusable(value)}


def _near(
    signal_type: SignalType, value: bytes, keys: Sequence[int], others: Sequence[bytes]
) -> list[Occurrence]:
    """Return the signals that a type finds near. raises: whatever the type raises."""
    distances = [float(distance) for distance in signal_type.distances(value, others)]
    if len(distances) != len(others):
        raise ValueError("a distance for each value")
    return [
        Occurrence(
            key=key, score=-distance, confidence=signal_type.confidence, transform=signal_type.name
        )
        for key, distance in zip(keys, distances, strict=True)
        if distance <= signal_type.threshold
    ]
