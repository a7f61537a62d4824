# SPDX-License-Identifier: Apache-2.0
"""Convert values with opinions, as the package threatexchange has them, to source records."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.exchanges import SourceRecord
from stemtide.interop.threatexchange.words import kind_of, translated
from stemtide.interop.vocabulary import TagMeaning, TooManyTagsError, merge, parse_tags
from stemtide.protocol.handling import Tlp

MAX_OPINIONS = 500
"""Maximum opinions of a value. More are refused, as a handling mark may be in the rest."""

SURE, UNSURE = 80, 50
"""Confidence of a value that somebody there calls harmful, and of any other."""

_KEY_DIGITS, _VERSION_DIGITS, _TYPE_CHARS = 40, 32, 60


class ForeignVerdict(IntEnum):
    """What an opinion says of a value. source: SignalOpinionCategory in threatexchange 1.2."""

    HARMLESS = 0
    UNSURE = 1
    HARMFUL = 2


@dataclass(frozen=True, slots=True)
class ForeignOpinion:
    """An opinion at the source.

    is_ours: given with the credentials of this hub. place: its name there, to which others react;
    "" if it has none.
    """

    is_ours: bool
    verdict: ForeignVerdict
    tags: frozenset[str] = frozenset()
    place: str = ""

    @property
    def is_support(self) -> bool:
        """Whether it does not call the value harmless."""
        return self.verdict is not ForeignVerdict.HARMLESS


def key_of(type_name: str, value: str) -> str:
    """Return a value's name for our log, without the value.

    A database cannot store every character of a source's type: others become question marks.
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in type_name[:_TYPE_CHARS])
    return f"{shown}:{_digest(value)[:_KEY_DIGITS]}"


def ended(type_name: str, value: str) -> SourceRecord:
    """Return the record of a value that the source took back."""
    return SourceRecord(key_of(type_name, value), version="ended")


def read_value(
    type_name: str,
    value: str,
    opinions: Sequence[ForeignOpinion],
    *,
    vocabulary: str,
    hub: str,
    strictest: Tlp,
) -> SourceRecord | None:
    """Return the record of a value; None if no upload is compared with its type.

    A value that others only call harmless is a withdrawn one. A value that only this hub calls
    harmful came from here. hub: our own id. strictest: TLP that is taken; see _usable.

    raises: RefusedTagError, ValueError.
    """
    kind = kind_of(type_name, vocabulary=vocabulary)
    if kind is None:
        return None
    if len(opinions) > MAX_OPINIONS:
        raise ValueError(f"has more than {MAX_OPINIONS} opinions")
    others = [opinion for opinion in opinions if not opinion.is_ours]
    is_echo = not any(opinion.is_support for opinion in others)
    voices = others
    if is_echo:  # of what we placed there, not of what we only react to
        voices = [opinion for opinion in opinions if opinion.is_ours and opinion.place]
    supports = _read_supports(voices)
    if not supports:
        return ended(type_name, value)
    if not is_echo:
        supports = _usable(supports, hub=hub, strictest=strictest)
    meaning = merge(support.meaning for support in supports)
    tags = {tag for opinion in voices for tag in opinion.tags}
    place = next((support.opinion.place for support in supports if support.opinion.place), "")
    return SourceRecord(
        key_of(type_name, value),
        _version(others, tags=[*sorted(tags), place]),
        facts={
            **meaning.facts,
            "kind": kind,
            "value": value if kind is Kind.URL else value.lower(),
            "confidence": max(support.confidence for support in supports),
        },
        is_exercise=meaning.is_exercise,
        is_disputed=meaning.is_disputed or not all(opinion.is_support for opinion in others),
        via=(hub,) if is_echo else tuple(meaning.via),
        signals=tuple(meaning.signals) if is_echo else (),
        place=place,
        is_from_us=is_echo,
    )


@dataclass(frozen=True, slots=True)
class _Support:
    """An opinion that supports a value, and the meaning of its tags."""

    opinion: ForeignOpinion
    meaning: TagMeaning

    @property
    def confidence(self) -> int:
        """Return its confidence: stated, or by its verdict."""
        is_sure = self.opinion.verdict is ForeignVerdict.HARMFUL
        return int(self.meaning.facts.get("confidence", SURE if is_sure else UNSURE))

    def is_usable(self, *, hub: str, strictest: Tlp) -> bool:
        """Whether its tags alone would not keep the value out."""
        order = list(Tlp)
        tlp = self.meaning.facts.get("tlp", strictest)
        is_taken = order.index(tlp) >= order.index(strictest)
        return is_taken and not self.meaning.is_exercise and hub not in self.meaning.via


def _read_supports(opinions: Sequence[ForeignOpinion]) -> list[_Support]:
    """Return the opinions that support a value, with the meaning of their tags.

    A tag of any opinion that names another channel refuses the value: it may be such content.
    Too many tags cost their own opinion only.

    raises: RefusedTagError; TooManyTagsError if no opinion is left.
    """
    supports: list[_Support] = []
    too_many: TooManyTagsError | None = None
    for opinion in opinions:
        try:
            meaning = parse_tags(translated(sorted(opinion.tags)))
        except TooManyTagsError as error:
            too_many = error
            continue
        if opinion.is_support:
            supports.append(_Support(opinion, meaning))
    if not supports and too_many is not None:
        raise too_many
    return supports


def _usable(supports: list[_Support], *, hub: str, strictest: Tlp) -> list[_Support]:
    """Return opinions without those whose tags would keep the value out.

    One member cannot hide what others support: its opinion falls away with its tags. If no other
    is left, all count.
    """
    usable = [support for support in supports if support.is_usable(hub=hub, strictest=strictest)]
    return usable or supports


def _version(opinions: Sequence[ForeignOpinion], *, tags: Sequence[str]) -> str:
    """Return a text that changes whenever the opinions of others do."""
    verdicts = sorted(opinion.verdict.name for opinion in opinions)
    return _digest("\n".join([*verdicts, "", *tags]))[:_VERSION_DIGITS]


def _digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
