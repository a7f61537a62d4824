# SPDX-License-Identifier: Apache-2.0
"""The slow, obvious answer: what the index and the library must say. Never imported by src."""

from dataclasses import dataclass, field

from stemtide.fingerprints.kinds import MIN_QUALITY, Fingerprints, Kind
from stemtide.matching.library import IndexedSignal, Match

SURER_FIRST = [Kind.SHA256, Kind.MD5, Kind.URL, Kind.PDQ]


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


@dataclass
class Oracle:
    """A library that compares everything with everything, in plain Python."""

    within_bits: int
    entries: dict[int, IndexedSignal] = field(default_factory=dict)

    def put(self, entries: list[IndexedSignal]) -> None:
        for entry in entries:
            self.entries[entry.key] = entry

    def drop(self, keys: list[int]) -> None:
        for key in keys:
            self.entries.pop(key, None)

    def match(self, content: Fingerprints, *, within_bits: int | None = None) -> list[Match]:
        asked = self.within_bits if within_bits is None else within_bits
        matches = []
        for entry in self.entries.values():
            limit = 0
            if entry.kind is Kind.PDQ:
                limit = asked if entry.within_bits is None else entry.within_bits
            reached = [
                Match(entry.key, entry.kind, bits, one.part)
                for one in content.each
                if one.kind is entry.kind
                and (one.kind is not Kind.PDQ or one.quality is None or one.quality >= MIN_QUALITY)
                and (bits := distance(one.value, entry.value)) <= limit
            ]
            if reached:
                matches.append(min(reached, key=lambda match: match.distance_bits))
        return sorted(
            matches, key=lambda each: (each.distance_bits, SURER_FIRST.index(each.kind), each.key)
        )
