# SPDX-License-Identifier: Apache-2.0
"""Map tags of other systems to fields of signals, by a fixed table without guesses.

docs/understand/exchanges.md has the same table; a test compares them.

source: MISP taxonomies of 2026 (tlp, PAP, rsit, dark-web, exercise, false-positive, copine-scale,
        estimative-language), and the tags that Stemtide itself writes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stemtide.protocol.enums import Provenance, Severity
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import ideologies, labels, refused_label

LABEL_OF = {
    'rsit:abusive-content="violence"': "graphic-violence",
    'dark-web:topic="violence"': "graphic-violence",
    'dark-web:motivation="recruitment-advocacy"': "recruitment",
}
"""Foreign tags with the meaning of one of our labels."""

TLP_WORDS = {**{tlp.value: tlp for tlp in Tlp}, "white": Tlp.CLEAR}
"""Values after "tlp:"; white is TLP 1's name of clear."""

CONFIDENCE_OF = {
    'estimative-language:confidence-in-analytic-judgment="low"': 25,
    'estimative-language:confidence-in-analytic-judgment="moderate"': 50,
    'estimative-language:confidence-in-analytic-judgment="high"': 80,
}

DISPUTED_BY = frozenset({'false-positive:confirmed="true"', 'false-positive:risk="high"'})
EXERCISE_BY = frozenset({'exercise:generic="comcheck"'})
REFUSED_SPACES = frozenset({"copine-scale"})
"""Taxonomies of child abuse: a record with one of their tags is refused."""

_MACHINE = re.compile(r'([^:="]+):([^="]+)="([^"]*)"')
_OUR_NAMESPACES = frozenset({"stemtide", ""})
MAX_TAGS = 200
"""Maximum different tags of a record. A longer one is refused, as a handling mark may be in the
rest.
"""

_MAX_CHARS, _MAX_LABELS = 300, 8
_STRICTEST_FIRST: dict[str, list[str]] = {"tlp": list(Tlp), "pap": list(Pap)}


class RefusedTagError(ValueError):
    """A tag marks content that belongs to another channel; the message names the channel."""


class TooManyTagsError(RefusedTagError):
    """A record has more tags than are read."""


@dataclass(slots=True)
class TagMeaning:
    """The meaning of a record's tags. facts: fields of a signal."""

    facts: dict[str, Any] = field(default_factory=dict)
    via: list[str] = field(default_factory=list)
    signals: list[UUID] = field(default_factory=list)
    is_disputed: bool = False
    is_exercise: bool = False


def parse_tags(tags: Iterable[object]) -> TagMeaning:
    """Return the meaning of tags; unknown tags are ignored.

    raises: RefusedTagError, TooManyTagsError.
    """
    meaning = TagMeaning()
    known_labels: list[str] = []
    texts = dict.fromkeys(tag.strip()[:_MAX_CHARS] for tag in tags if isinstance(tag, str))
    if len(texts) > MAX_TAGS:
        raise TooManyTagsError(f"it has more than {MAX_TAGS} tags")
    for text in texts:
        _refuse_other_channels(text)
        label = LABEL_OF.get(text.lower()) or (text if text in labels() else None)
        if label:
            known_labels.append(label)
            continue
        _read_tag(text, into=meaning, known_labels=known_labels)
    if known_labels:
        meaning.facts["labels"] = tuple(dict.fromkeys(known_labels))[:_MAX_LABELS]
    if "hub" in meaning.facts:
        meaning.via.append(meaning.facts.pop("hub"))
    return meaning


def merge(several: Iterable[TagMeaning]) -> TagMeaning:
    """Merge several sources' metadata: strictest TLP and PAP, union of labels and hops.

    Of other fields the last value wins.
    """
    meanings = list(several)
    merged = TagMeaning()
    known_labels: list[str] = []
    for meaning in meanings:
        known_labels += meaning.facts.get("labels", ())
        merged.facts |= meaning.facts
        merged.via += meaning.via
        merged.signals += meaning.signals
        merged.is_disputed = merged.is_disputed or meaning.is_disputed
        merged.is_exercise = merged.is_exercise or meaning.is_exercise
    if known_labels:
        merged.facts["labels"] = tuple(dict.fromkeys(known_labels))[:_MAX_LABELS]
    merged.facts |= strictest_marks(meaning.facts for meaning in meanings)
    merged.via = list(dict.fromkeys(reversed(merged.via)))[::-1]  # the last hop stays last
    return merged


def strictest_marks(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the strictest TLP and PAP among some facts; a mark that none has is left out."""
    strictest: dict[str, Any] = {}
    for facts in several:
        for name, order in _STRICTEST_FIRST.items():
            if facts.get(name) is not None:
                strictest[name] = min(
                    strictest.get(name, facts[name]), facts[name], key=order.index
                )
    return strictest


def _read_tag(text: str, *, into: TagMeaning, known_labels: list[str]) -> None:
    """Read a tag that is neither one of our labels nor in the label table."""
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
    elif space in _OUR_NAMESPACES:
        _read_own_tag(name, value, into=into, known_labels=known_labels)


def _read_own_tag(name: str, value: str, *, into: TagMeaning, known_labels: list[str]) -> None:
    """Read a Stemtide tag in MISP, STIX or StopNCII notation."""
    facts = into.facts
    if name == "label" and value in labels():
        known_labels.append(value)
    elif name == "severity" and value in set(Severity):
        facts["severity"] = Severity(value)
    elif name == "ideology" and value in ideologies():
        facts["ideology"] = value
    elif name in {"origin", "provenance"} and value in set(Provenance):
        facts["provenance"] = Provenance(value)
    elif name == "confidence" and _is_percent(value):
        facts["confidence"] = int(value)
    elif name in {"via", "hub", "signal"} and (uid := _uuid(value)):
        _read_hub_id(name, uid, into=into)
    elif name == "disputed" and value == "yes":
        into.is_disputed = True
    elif name == "exercise" and value == "yes":
        into.is_exercise = True


def _read_hub_id(name: str, uid: UUID, *, into: TagMeaning) -> None:
    """Read a hub id (hop or origin) or the id of the signal there."""
    if name == "signal":
        into.signals.append(uid)
    elif name == "via":
        into.via.append(str(uid))
    else:
        into.facts["hub"] = str(uid)


def _parts(text: str) -> tuple[str, str, str]:
    """Split a tag into namespace, predicate and value: stemtide:label="x", label:x, tlp:x."""
    if machine := _MACHINE.fullmatch(text):
        space, name, value = machine.groups()
        return space.lower(), name.lower(), value
    name, _, value = text.partition(":")
    return "", name.lower(), value


def _refuse_other_channels(text: str) -> None:
    """Refuse tags of content that belongs to another channel. raises: RefusedTagError."""
    space, name, value = _parts(text)
    words = (text, value, name)
    refused = next((label for label in map(refused_label, words) if label), None)
    if refused is None and (space in REFUSED_SPACES or name in REFUSED_SPACES):
        refused = refused_label("csam")
    if refused:
        raise RefusedTagError(f"{refused.title} is never stored here: {refused.refuse_to}")


def _is_percent(text: str) -> bool:
    """Whether a text is a whole number from 0 to 100."""
    return text.isdecimal() and len(text) <= 3 and int(text) <= 100  # noqa: PLR2004  # of 100


def _uuid(text: str) -> UUID | None:
    """Return a text as a UUID if it is one in the canonical spelling."""
    try:
        uid = UUID(text)
    except ValueError:
        return None
    return uid if str(uid) == text else None
