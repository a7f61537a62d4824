# SPDX-License-Identifier: Apache-2.0
"""In which pieces a page is written, so that nobody waits long for their turn to write.

What a page ends is written before the rest, as each end takes as long as ten new signals. Where an
indicator is several records, a page may be many times what it seems: then all of it is in pieces,
and what stood under one name stays together.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stemtide.protocol.exchanges import Fault, Pull, Told

ENDS_AT_ONCE = 200
"""Signals that end in one turn, which nobody else has meanwhile: about two seconds."""

_ACT = 10
"""New signals that are shared together in the time that an act of its own takes."""

_Piece = tuple[int, list[Told], list[Fault]]

Standing = Mapping[str, Mapping[str, str]]
"""Parts of records that are here: their versions, by record and by part."""


def in_turns(pull: Pull, *, standing: Standing) -> list[Pull]:
    """A page in the pieces that are written one after the other; the place goes with the last.

    Of several words about one record the last counts.
    """
    told = list({one.key: one for one in pull.told}.values())
    if standing or any(one.part_of for one in told):
        return _packed(pull, _pieces(told, pull.faults, standing=standing))
    ends = [one for one in told if one.facts is None]
    apart = [Pull(ends[at : at + ENDS_AT_ONCE]) for at in range(0, len(ends), ENDS_AT_ONCE)]
    if len(apart) < 2:  # noqa: PLR2004  # nothing is gained
        return [pull]
    return [*apart, replace(pull, told=[one for one in told if one.facts is not None])]


def _pieces(
    told: Iterable[Told], faults: Iterable[Fault], *, standing: Standing
) -> Iterator[_Piece]:
    """What must stay together, ends first, each with how long it takes."""
    whole: dict[str, list[Told]] = {}
    for one in told:
        if one.facts is None:
            yield _ACT * max(1, len(standing.get(one.key, ()))), [one], []
        else:
            whole.setdefault(one.whole, []).append(one)
    for fault in faults:
        yield 1 + _ACT * len(standing.get(fault.key, ())), [], [fault]
    for key, parts in whole.items():
        here = standing.get(key, {})
        left = here.keys() - {part.key for part in parts}
        yield _ACT * len(left) + sum(_weight(part, here=here) for part in parts), parts, []


def _weight(one: Told, *, here: Mapping[str, str]) -> int:
    """How long a part takes: what is here in another version may have to be replaced."""
    is_changed = here.get(one.key, one.version[:80]) != one.version[:80]
    return _ACT if is_changed or one.is_disputed else 1


def _packed(pull: Pull, pieces: Iterable[_Piece]) -> list[Pull]:
    """Pieces in as few turns as they fit into, in their order."""
    turns = [Pull()]
    room = _ACT * ENDS_AT_ONCE
    for weight, told, faults in pieces:
        if weight > room and (turns[-1].told or turns[-1].faults):
            turns.append(Pull())
            room = _ACT * ENDS_AT_ONCE
        room -= weight
        turns[-1].told.extend(told)
        turns[-1].faults.extend(faults)
    return [*turns[:-1], replace(pull, told=turns[-1].told, faults=turns[-1].faults)]
