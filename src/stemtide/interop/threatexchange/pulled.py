# SPDX-License-Identifier: Apache-2.0
"""Convert values with opinions, as the package threatexchange has them, to source records."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.exchanges import SourceRecord
from stemtide.interop.threatexchange.words import kind_of, translated
from stemtide.interop.vocabulary import parse_tags

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
    type_name: str, value: str, opinions: Sequence[ForeignOpinion], *, vocabulary: str, hub: str
) -> SourceRecord | None:
    """Return the record of a value; None if no upload is compared with its type.

    A value that others only call harmless is a withdrawn one. A value that only this hub calls
    harmful came from here. hub: our own id.

    raises: RefusedTagError, ValueError.
    """
    kind = kind_of(type_name, vocabulary=vocabulary)
    if kind is None:
        return None
    if len(opinions) > MAX_OPINIONS:
        raise ValueError(f"has more than {MAX_OPINIONS} opinions")
    others = [opinion for opinion in opinions if not opinion.is_ours]
    supporters = [opinion for opinion in others if opinion.verdict is not ForeignVerdict.HARMLESS]
    is_echo = not supporters and len(others) < len(opinions)
    if not supporters and not is_echo:
        return ended(type_name, value)
    tags = sorted({tag for opinion in (opinions if is_echo else others) for tag in opinion.tags})
    place = next((opinion.place for opinion in supporters if opinion.place), "")
    meaning = parse_tags(translated(tags))
    is_sure = any(opinion.verdict is ForeignVerdict.HARMFUL for opinion in supporters)
    confidence = meaning.facts.get("confidence", SURE if is_sure else UNSURE)
    return SourceRecord(
        key_of(type_name, value),
        _version(others, tags=[*tags, place]),
        facts={
            **meaning.facts,
            "kind": kind,
            "value": value if kind is Kind.URL else value.lower(),
            "confidence": confidence,
        },
        is_exercise=meaning.is_exercise,
        is_disputed=meaning.is_disputed or len(supporters) < len(others),
        via=(hub,) if is_echo else tuple(meaning.via),
        signals=tuple(meaning.signals),
        place=place,
        is_from_us=is_echo,
    )


def _version(opinions: Sequence[ForeignOpinion], *, tags: Sequence[str]) -> str:
    """Return a text that changes whenever the opinions of others do."""
    verdicts = sorted(opinion.verdict.name for opinion in opinions)
    return _digest("\n".join([*verdicts, "", *tags]))[:_VERSION_DIGITS]


def _digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
