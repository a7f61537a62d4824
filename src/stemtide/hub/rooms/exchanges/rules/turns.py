# SPDX-License-Identifier: Apache-2.0
"""Split a page into transactions, so that no other writer waits long for the write lock.

Ended records are written first, because each takes as long as ten new signals. If indicators have
several records each, a page may be far larger than it seems: then all of it is split, and the parts
of one record stay together.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stemtide.interop.exchanges import Pull, RecordError, SourceRecord

ENDS_AT_ONCE = 200
"""Signals that end in one transaction, which holds the write lock for about two seconds."""

_ACT_COST = 10
"""The cost of a separate act, counted in new signals that are shared together."""

_Group = tuple[int, list[SourceRecord], list[RecordError]]

KnownParts = Mapping[str, Mapping[str, str]]
"""Known parts of records: their versions, by record and by part."""


def split_page(pull: Pull, *, standing: KnownParts) -> list[Pull]:
    """Split a page into parts that are written one after the other; the checkpoint goes last.

    If a key occurs twice, the last record wins.
    """
    source_records = list(
        {source_record.key: source_record for source_record in pull.told}.values()
    )
    if standing or any(source_record.part_of for source_record in source_records):
        return _packed(pull, _groups(source_records, pull.faults, standing=standing))
    ends = [source_record for source_record in source_records if source_record.facts is None]
    end_turns = [Pull(ends[at : at + ENDS_AT_ONCE]) for at in range(0, len(ends), ENDS_AT_ONCE)]
    if len(end_turns) < 2:  # noqa: PLR2004  # nothing is gained
        return [pull]
    return [
        *end_turns,
        replace(
            pull,
            told=[
                source_record for source_record in source_records if source_record.facts is not None
            ],
        ),
    ]


def _groups(
    source_records: Iterable[SourceRecord], faults: Iterable[RecordError], *, standing: KnownParts
) -> Iterator[_Group]:
    """Yield groups of records that must stay together, ended ones first, each with its weight."""
    whole: dict[str, list[SourceRecord]] = {}
    for source_record in source_records:
        if source_record.facts is None:
            yield _ACT_COST * max(1, len(standing.get(source_record.key, ()))), [source_record], []
        else:
            whole.setdefault(source_record.whole, []).append(source_record)
    for fault in faults:
        yield 1 + _ACT_COST * len(standing.get(fault.key, ())), [], [fault]
    for key, parts in whole.items():
        known_versions = standing.get(key, {})
        left = known_versions.keys() - {part.key for part in parts}
        yield (
            _ACT_COST * len(left)
            + sum(_weight(part, known_versions=known_versions) for part in parts),
            parts,
            [],
        )


def _weight(source_record: SourceRecord, *, known_versions: Mapping[str, str]) -> int:
    """Return the cost of a part: a known part in another version may have to be replaced."""
    is_changed = (
        known_versions.get(source_record.key, source_record.version[:80])
        != source_record.version[:80]
    )
    return _ACT_COST if is_changed or source_record.is_disputed else 1


def _packed(pull: Pull, pieces: Iterable[_Group]) -> list[Pull]:
    """Pack groups into as few transactions as possible, in order."""
    turns = [Pull()]
    room = _ACT_COST * ENDS_AT_ONCE
    for weight, source_records, faults in pieces:
        if weight > room and (turns[-1].told or turns[-1].faults):
            turns.append(Pull())
            room = _ACT_COST * ENDS_AT_ONCE
        room -= weight
        turns[-1].told.extend(source_records)
        turns[-1].faults.extend(faults)
    return [*turns[:-1], replace(pull, told=turns[-1].told, faults=turns[-1].faults)]
