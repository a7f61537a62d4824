# SPDX-License-Identifier: Apache-2.0
"""What others' tags say in our words: a small table, and nothing is guessed.

docs/understand/exchanges.md holds the same table; a test compares them.

source: MISP taxonomies of 2026 (tlp, PAP, rsit, dark-web, exercise, false-positive, copine-scale,
        estimative-language), and the tags that Stemtide itself writes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import labels, refused_label
from stemtide.protocol.words import Provenance, Severity

LABEL_OF = {
    'rsit:abusive-content="violence"': "graphic-violence",
    'dark-web:topic="violence"': "graphic-violence",
    'dark-web:motivation="recruitment-advocacy"': "recruitment",
}
"""Tags of others that mean a label of ours."""

TLP_WORDS = {**{tlp.value: tlp for tlp in Tlp}, "white": Tlp.CLEAR}
"""What stands after tlp:; white is the clear of TLP 1."""

CONFIDENCE_OF = {
    'estimative-language:confidence-in-analytic-judgment="low"': 25,
    'estimative-language:confidence-in-analytic-judgment="moderate"': 50,
    'estimative-language:confidence-in-analytic-judgment="high"': 80,
}

DISPUTED_BY = frozenset({'false-positive:confirmed="true"', 'false-positive:risk="high"'})
EXERCISE_BY = frozenset({'exercise:generic="comcheck"'})
REFUSED_SPACES = frozenset({"copine-scale"})
"""Taxonomies of child abuse: what has one of their tags is refused, whatever it says."""

_MACHINE = re.compile(r'([^:="]+):([^="]+)="([^"]*)"')
_OURS = frozenset({"stemtide", ""})
MAX_TAGS = 200
"""Different tags of one record: with more it is refused, as a mark may be among the rest."""

_MAX_CHARS, _MAX_LABELS = 300, 8
_ORDERS: dict[str, list[str]] = {"tlp": list(Tlp), "pap": list(Pap)}


class RefusedWordError(ValueError):
    """A tag names content that belongs to another channel; the message names that."""


class TooManyTagsError(RefusedWordError):
    """Tags are more than are read."""


@dataclass(slots=True)
class Words:
    """What tags say. facts: a signal's fields."""

    facts: dict[str, Any] = field(default_factory=dict)
    via: list[str] = field(default_factory=list)
    signals: list[UUID] = field(default_factory=list)
    is_disputed: bool = False
    is_exercise: bool = False


def read_words(tags: Iterable[object]) -> Words:
    """What tags say, as far as we know them. A word that is unknown says nothing.

    raises: RefusedWordError, TooManyTagsError.
    """
    found = Words()
    known: list[str] = []
    texts = dict.fromkeys(tag.strip()[:_MAX_CHARS] for tag in tags if isinstance(tag, str))
    if len(texts) > MAX_TAGS:
        raise TooManyTagsError(f"it has more than {MAX_TAGS} tags")
    for text in texts:
        _refuse(text)
        label = LABEL_OF.get(text.lower()) or (text if text in labels() else None)
        if label:
            known.append(label)
            continue
        _read_one(text, into=found, known=known)
    if known:
        found.facts["labels"] = tuple(dict.fromkeys(known))[:_MAX_LABELS]
    if "hub" in found.facts:
        found.via.append(found.facts.pop("hub"))
    return found


def merge(several: Iterable[Words]) -> Words:
    """What several who speak of one thing say together: the strictest marks, all labels and ways.

    Of other facts the last who says one is believed.
    """
    every = list(several)
    found = Words()
    known: list[str] = []
    for one in every:
        known += one.facts.get("labels", ())
        found.facts |= one.facts
        found.via += one.via
        found.signals += one.signals
        found.is_disputed = found.is_disputed or one.is_disputed
        found.is_exercise = found.is_exercise or one.is_exercise
    if known:
        found.facts["labels"] = tuple(dict.fromkeys(known))[:_MAX_LABELS]
    found.facts |= strictest_marks(one.facts for one in every)
    found.via = list(dict.fromkeys(reversed(found.via)))[::-1]  # who told it last stays the last
    return found


def strictest_marks(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The strictest TLP and PAP of some facts; nothing of those that none says."""
    found: dict[str, Any] = {}
    for facts in several:
        for name, order in _ORDERS.items():
            if facts.get(name) is not None:
                found[name] = min(found.get(name, facts[name]), facts[name], key=order.index)
    return found


def _read_one(text: str, *, into: Words, known: list[str]) -> None:
    """What one tag says that is no label of ours or by the table."""
    lower = text.lower()
    into.is_disputed = into.is_disputed or lower in DISPUTED_BY
    into.is_exercise = into.is_exercise or lower in EXERCISE_BY
    if lower in CONFIDENCE_OF:
        into.facts["confidence"] = CONFIDENCE_OF[lower]
    space, name, value = _parts(text)
    if name == "tlp" and value.lower() in TLP_WORDS:
        into.facts |= strictest_marks([into.facts, {"tlp": TLP_WORDS[value.lower()]}])
    elif name == "pap" and value.lower() in set(Pap):
        into.facts |= strictest_marks([into.facts, {"pap": Pap(value.lower())}])
    elif space in _OURS:
        _read_ours(name, value, into=into, known=known)


def _read_ours(name: str, value: str, *, into: Words, known: list[str]) -> None:
    """What a tag of ours says, as MISP and STIX have it or as StopNCII's feedback does."""
    facts = into.facts
    if name == "label" and value in labels():
        known.append(value)
    elif name == "severity" and value in set(Severity):
        facts["severity"] = Severity(value)
    elif name in {"origin", "provenance"} and value in set(Provenance):
        facts["provenance"] = Provenance(value)
    elif name == "confidence" and _is_percent(value):
        facts["confidence"] = int(value)
    elif name in {"via", "hub", "signal"} and (uid := _uuid(value)):
        _read_way(name, uid, into=into)
    elif name == "disputed" and value == "yes":
        into.is_disputed = True
    elif name == "exercise" and value == "yes":
        into.is_exercise = True


def _read_way(name: str, uid: UUID, *, into: Words) -> None:
    """Whom a record came through, and which signal it is there."""
    if name == "signal":
        into.signals.append(uid)
    elif name == "via":
        into.via.append(str(uid))
    else:
        into.facts["hub"] = str(uid)


def _parts(text: str) -> tuple[str, str, str]:
    """Namespace, predicate and value of a tag: stemtide:label="x", label:x, tlp:x."""
    if machine := _MACHINE.fullmatch(text):
        space, name, value = machine.groups()
        return space.lower(), name.lower(), value
    name, _, value = text.partition(":")
    return "", name.lower(), value


def _refuse(text: str) -> None:
    """Refuse what belongs to another channel. raises: RefusedWordError."""
    space, name, value = _parts(text)
    words = (text, value, name)
    refused = next((one for one in map(refused_label, words) if one), None)
    if refused is None and (space in REFUSED_SPACES or name in REFUSED_SPACES):
        refused = refused_label("csam")
    if refused:
        raise RefusedWordError(f"{refused.title} is never stored here: {refused.refuse_to}")


def _is_percent(text: str) -> bool:
    """Whether a text is a whole number from 0 to 100."""
    return text.isdecimal() and len(text) <= 3 and int(text) <= 100  # noqa: PLR2004  # of 100


def _uuid(text: str) -> UUID | None:
    """The UUID that a text is, in its usual spelling."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None
