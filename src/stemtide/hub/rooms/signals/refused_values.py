# SPDX-License-Identifier: Apache-2.0
"""Values of known child sexual abuse material, which the hub refuses whatever their labels are.

The operator's file is the only place that keeps them: the hub holds them in memory, and shows
nothing but their number.
"""

import hashlib
import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.conf import settings

from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprints, Kind
from stemtide.matching.hamming import HammingIndex

log = logging.getLogger(__name__)

SHA1 = "sha1"
"""A kind that no signal has: it is compared with files that the hub receives."""

SIZES: dict[str, int] = {
    **{kind.value: SIZE_BYTES[kind] for kind in (Kind.MD5, Kind.SHA256, Kind.PDQ)},
    SHA1: 20,
}
"""Length of a value of each kind that the file may hold, in bytes."""


class RefusedValuesError(Exception):
    """The file of refused values cannot be read. The text names the line, and no value."""


@dataclass(frozen=True, slots=True)
class RefusedValues:
    """Values by kind, in lower-case hex, and an index of the PDQ hashes among them."""

    exact: dict[str, frozenset[str]] = field(default_factory=dict)
    pictures: HammingIndex | None = None

    def __len__(self) -> int:
        return sum(len(values) for values in self.exact.values())

    def holds(self, values: Iterable[tuple[str, str]]) -> list[bool]:
        """Return, for each kind and value in hex, whether it is refused.

        A PDQ hash is refused within the distance at which it would match.
        """
        pairs = list(values)
        flags = [value in self.exact.get(kind, ()) for kind, value in pairs]
        places = [place for place, (kind, _) in enumerate(pairs) if kind == Kind.PDQ]
        if self.pictures is not None and places:
            hashes = bytes.fromhex("".join(pairs[place][1] for place in places))
            for query in self.pictures.search(hashes, count=len(places))["query"].tolist():
                flags[places[query]] = True
        return flags

    def holds_file(self, content: bytes, fingerprints: Fingerprints) -> bool:
        """Whether a file that the hub received is refused, by one of its hashes."""
        digests = [(SHA1, hashlib.sha1(content, usedforsecurity=False).hexdigest())]
        prints = [(fingerprint.kind.value, fingerprint.hex) for fingerprint in fingerprints.each]
        return any(self.holds([*digests, *prints]))


_NONE = RefusedValues()


def read_refused_values(path: Path) -> RefusedValues:
    """Read a file with a kind and a value in each line, as in `md5:5d41…`. Lines of # are notes.

    raises: RefusedValuesError naming the file and the line.
    """
    exact: dict[str, set[str]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.strip().lower()
                if text and not text.startswith("#"):
                    kind, value = _read_line(text, where=f"{path}, line {number}")
                    exact.setdefault(kind, set()).add(value)
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedValuesError(f"{path} cannot be read: {type(error).__name__}") from None
    return RefusedValues(
        {kind: frozenset(values) for kind, values in exact.items()},
        _index(sorted(exact.get(Kind.PDQ, ()))),
    )


def _read_line(text: str, *, where: str) -> tuple[str, str]:
    """Return kind and value. raises: RefusedValuesError without the value."""
    kind, _, value = text.partition(":")
    size = SIZES.get(kind)
    if size is None or len(value) != 2 * size or set(value) - set("0123456789abcdef"):
        kinds = ", ".join(f"{name} ({2 * length} digits)" for name, length in SIZES.items())
        raise RefusedValuesError(f"{where}: write KIND:HEX, with one of the kinds {kinds}")
    return kind, value


def _index(hashes: list[str]) -> HammingIndex | None:
    """Return an index of PDQ hashes in hex."""
    if not hashes:
        return None
    index = HammingIndex()
    rows = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64).reshape(-1, index.words)
    index.put(np.arange(len(hashes), dtype=np.int64), rows)
    return index


class RefusedValuesFile:
    """The operator's file, which is read again whenever it has changed.

    Shares ask for its values while they hold the ledger's lock, and a long file takes seconds to
    read. So a thread reads a changed file; until it is done, the values of before are refused.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._state: tuple[object, ...] = ()
        self._values = _NONE

    def current(self) -> RefusedValues:
        """Return the values of the file; none if no file is named.

        A file that becomes unreadable or empty leaves the values of before, and a line in the log.

        raises: RefusedValuesError if it cannot be read the first time.
        """
        path = Path(settings.REFUSED_VALUES_FILE) if settings.REFUSED_VALUES_FILE else None
        if path is None:
            return _NONE
        state = _state_of(path)
        if state != self._state:
            with self._lock:
                if self._state[:1] != state[:1]:
                    self._values, self._state = read_refused_values(path), state
                elif state != self._state and not self._is_reading():
                    self._start_reading(path, state)
        return self._values

    def _is_reading(self) -> bool:
        """Whether a thread reads the file now. A change meanwhile is seen by the next share."""
        return self._reader is not None and self._reader.is_alive()

    def _start_reading(self, path: Path, state: tuple[object, ...]) -> None:
        """Read the file in a thread."""
        self._reader = threading.Thread(
            target=self._read_again, args=(path, state), name="refused-values", daemon=True
        )
        self._reader.start()

    def _read_again(self, path: Path, state: tuple[object, ...]) -> None:
        """Read the file; keep the values of before if it is broken or has become empty."""
        try:
            values = read_refused_values(path)
            if len(self._values) and not len(values):
                raise RefusedValuesError(f"{path} holds no value any more")  # noqa: TRY301  # handled as a broken file is
        except RefusedValuesError as error:
            log.error("the values of before are refused until this is corrected: %s", error)  # noqa: TRY400  # the text is enough
        else:
            self._values = values
        finally:
            self._state = state


def _state_of(path: Path) -> tuple[object, ...]:
    """Return a value that changes if the file does."""
    try:
        stat = path.stat()
    except OSError as error:
        return (path, error.errno)
    return (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


refused_values = RefusedValuesFile()
