# SPDX-License-Identifier: Apache-2.0
"""What a STIX object that somebody posts asks of us: a signal, a count, an opinion, or nothing.

We take what other programs write, so much is optional; what it says is read strictly.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import labels, refused_label
from stemtide.protocol.signals import MAX_VIA, SignalIn, is_long
from stemtide.protocol.stix import (
    EXTENSION,
    OBSERVABLES,
    TLP_OF,
    Stix,
    are_kept,
    depth_of,
    read_tags,
)
from stemtide.protocol.stix_around import MAX_COUNT, READ_OPINION
from stemtide.protocol.stix_patterns import (
    PLAIN,
    Budget,
    Pattern,
    TooManyComparisonsError,
    read_patterns,
)
from stemtide.protocol.words import Opinion, Outcome, WithdrawReason

MAX_OBJECT_BYTES = 1 << 20
"""One object, as JSON. Longer values are shared by the hub's own API."""

MAX_DEPTH = 16
"""Objects and lists inside each other."""

MAX_JUDGED = 100  # indicators that one opinion is of
_ONLY_OF = {"quality": Kind.PDQ, "within_bits": Kind.PDQ, "reach": Kind.URL}
"""What our extension says of one kind only, where a pattern asks for several."""

DEFAULT_LABEL = "perpetrator-content"
"""What content does where its poster does not say, in a database of nothing else."""

_TYPE = re.compile(r"[a-z][a-z0-9-]{1,248}[a-z0-9]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_STRICTEST = list(Tlp)
_NO_FACTS = (
    *("extension_type", "kind", "state", "crisis", "exercise", "shared_by", "disputed"),
    *("via", "hub", "withdraw_reason"),
)


class PostedError(ValueError):
    """An object that cannot be taken; the message names the property and the remedy."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An object whose frame is right. version: None for one that has no versions."""

    stix: Stix
    id: str
    type: str
    version: str | None
    tlp: Tlp
    audience: tuple[str, ...] = ()

    @property
    def moment(self) -> datetime | None:
        """The moment that is the name of its version."""
        return datetime.fromisoformat(self.version) if self.version else None

    @property
    def is_revoked(self) -> bool:
        """Whether its creator takes it back with this version."""
        return self.stix.get("revoked") is True


@dataclass(frozen=True, slots=True)
class SightingPosted:
    """How often content that matches an indicator was met, and what became of it."""

    of: str
    outcomes: dict[Outcome, int]
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpinionPosted:
    """What somebody says of some indicators."""

    of: tuple[str, ...]
    said: Opinion
    note: str


def read_object(sent: object) -> Posted:
    """The frame of an object: type, id, version, size, markings. raises: PostedError."""
    if not isinstance(sent, dict):
        raise PostedError("an object is {…}: send STIX objects in 'objects'")
    kind = sent.get("type")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise PostedError("type: is no STIX type: write it as in 'indicator'")
    stix_id = sent.get("id")
    if not isinstance(stix_id, str) or not _is_id(stix_id, kind=kind):
        raise PostedError(f"id: should be {kind}--<UUID>")
    if sent.get("spec_version", "2.1") != "2.1":
        raise PostedError("spec_version: only objects of STIX 2.1 are taken")
    if depth_of(sent) > MAX_DEPTH:
        raise PostedError(f"more than {MAX_DEPTH} objects and lists lie inside each other")
    if not are_kept(sent):
        raise PostedError("a number is too large: write those with more than 18 digits as text")
    if len(json.dumps(sent)) > MAX_OBJECT_BYTES:
        raise PostedError(f"one object has at most {MAX_OBJECT_BYTES:,} bytes")
    _refuse_labels(sent.get("labels"))
    tlp, audience = _tlp_of(sent), _words(_facts_of(sent).get("audience"))
    return Posted(sent, stix_id, kind, _version_of(sent, kind), tlp, audience)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The signals that an indicator asks for.

    others: comparisons of its pattern beside them. why: it asks for none; "" where it does.
    """

    signals: tuple[SignalIn, ...]
    others: int = 0
    why: str = ""

    @property
    def is_several(self) -> bool:
        """Whether it is told as several indicators."""
        return len(self.signals) > 1


def signals_of(
    posted: Posted, *, crisis: UUID | None, exercise: bool, budget: Budget | None = None
) -> Wanted:
    """The signals that an indicator asks for: one for each comparison that we could match.

    budget: of all that is read together. raises: PostedError.
    """
    stix, facts = posted.stix, _facts_of(posted.stix)
    pattern = stix.get("pattern")
    if not isinstance(pattern, str):
        raise PostedError("pattern: must be given, as text")
    if stix.get("pattern_type", "stix") != "stix":
        return Wanted((), why=PLAIN)
    try:
        asked = read_patterns(pattern, budget=budget)
    except TooManyComparisonsError as error:
        raise PostedError(f"pattern: {error}") from error
    if len(asked.each) > 1 and {"kind", "value"} & set(facts):
        raise PostedError("value: the extension says one, and the pattern several: leave it out")
    common = _said_of_all(stix)
    common |= {name: value for name, value in facts.items() if name not in _NO_FACTS}
    common |= {"crisis": crisis, "exercise": exercise, "via": way_of(facts)}
    read = []
    for one in asked.each:
        own = {
            name: value
            for name, value in common.items()
            if len(asked.each) == 1 or _ONLY_OF.get(name, one.kind) is one.kind
        }
        read.append(_signal(posted, one, own))
    found = tuple(one for one in read if one)
    why = asked.why or ("" if found else PLAIN)
    return Wanted(found, asked.others + len(read) - len(found), why)


def _said_of_all(stix: Stix) -> Stix:
    """What an indicator says of each of its signals: read once, as its labels may be many."""
    tags = read_tags(stix.get("labels"))
    return {
        "severity": (tags.get("severity") or ["medium"])[0],
        "provenance": (tags.get("origin") or ["unknown"])[0],
        "confidence": stix.get("confidence", 50),
        "pap": _pap_of(stix),
        "expires_at": stix.get("valid_until"),
        "labels": _labels_of(stix),
    }


def _signal(posted: Posted, asked: Pattern, own: Stix) -> SignalIn | None:
    """What one comparison asks for; None for a LIKE whose reach nobody says.

    own: what is said of it beside its value. raises: PostedError.
    """
    said: dict[str, Any] = {
        **own,
        "kind": asked.kind,
        "value": _value_of(asked, facts=_facts_of(posted.stix)),
        "tlp": posted.tlp,
        "audience": posted.audience,
    }
    if asked.is_like and "reach" not in said:
        return None
    try:
        return SignalIn.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise PostedError(f"{path}: {first['msg'].removeprefix('Value error, ')}"[:300]) from error


def way_of(facts: Stix) -> tuple[str, ...]:
    """The hubs that a signal came through, as our extension tells it: the one that tells it last.

    A way that is longer than is kept loses its middle: where it began and who told us count.
    """
    told = (*_words(facts.get("via")), *_words([facts.get("hub")]))
    way = tuple(dict.fromkeys(told))
    return way if len(way) <= MAX_VIA else (way[0], *way[1 - MAX_VIA :])


def sighting_of(posted: Posted) -> SightingPosted:
    """What a sighting counts. raises: PostedError."""
    stix = posted.stix
    of, count = stix.get("sighting_of_ref"), stix.get("count", 1)
    if not isinstance(of, str):
        raise PostedError("sighting_of_ref: name the indicator that was met")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_COUNT:
        raise PostedError(f"count: a whole number from 1 to {MAX_COUNT:,}")
    last = _time(stix, "last_seen") or _time(stix, "first_seen") or _time(stix, "created")
    first = _time(stix, "first_seen") or last
    if first is None or last is None or last < first:
        raise PostedError("first_seen: lies after last_seen")
    tags = read_tags(stix.get("labels")).get("outcome", [Outcome.LOGGED.value])
    outcomes = _facts_of(stix).get("outcomes", {tags[0]: count})
    try:
        read = {Outcome(name): int(many) for name, many in dict(outcomes).items() if int(many) > 0}
    except (TypeError, ValueError) as error:
        known = ", ".join(Outcome)
        raise PostedError(f"outcomes: counts by outcome; known are {known}") from error
    if not read or max(read.values()) > MAX_COUNT:
        raise PostedError("outcomes: name at least one, with a count that is no larger than STIX'")
    return SightingPosted(of, read, first, last)


def opinion_of(posted: Posted) -> OpinionPosted:
    """What an opinion says. raises: PostedError."""
    stix = posted.stix
    said = READ_OPINION.get(str(stix.get("opinion")))
    if said is None:
        raise PostedError(f"opinion: one of {', '.join(READ_OPINION)}")
    refs = stix.get("object_refs")
    of = _words(refs)
    if not of or not isinstance(refs, list) or len(of) != len(refs):
        raise PostedError("object_refs: name at least one indicator")
    of = tuple(dict.fromkeys(of))
    if len(of) > MAX_JUDGED:
        raise PostedError(f"object_refs: names {len(of):,}: name at most {MAX_JUDGED} in one")
    note = stix.get("explanation", "")
    if not isinstance(note, str) or len(note) > 500:  # noqa: PLR2004  # as OpinionIn.note
        raise PostedError("explanation: text of at most 500 characters, without personal data")
    return OpinionPosted(of, said, note)


def reason_of(posted: Posted) -> WithdrawReason:
    """Why an indicator is revoked; "other" where its poster does not say. raises: PostedError."""
    said = _facts_of(posted.stix).get("withdraw_reason")
    tags = read_tags(posted.stix.get("labels")).get("withdraw-reason", [])
    word = str(said or (tags[0] if tags else WithdrawReason.OTHER))
    try:
        return WithdrawReason(word)
    except ValueError as error:
        known = ", ".join(WithdrawReason)
        raise PostedError(f"withdraw_reason: one of {known}") from error


def _value_of(asked: Pattern, *, facts: Stix) -> str:
    """The value of a signal: what the pattern asks for, or what it is the digest of.

    raises: PostedError where the pattern and our extension do not say the same.
    """
    said = facts.get("value")
    if facts.get("kind", asked.kind.value) != asked.kind.value:
        raise PostedError("kind: is another in the extension than in the pattern")
    if is_long(asked.kind):
        return _long_value(asked, said=said)
    is_digest = asked.kind is Kind.URL
    if said is not None and not is_digest and str(said).lower() != asked.value:
        raise PostedError("value: is another in the extension than in the pattern")
    if asked.is_like:
        return asked.value.removesuffix("%")
    return asked.value


def _long_value(asked: Pattern, *, said: object) -> str:
    """The whole value that the pattern's digest is of. raises: PostedError."""
    try:
        value = bytes.fromhex(str(said))
    except ValueError:
        value = b""
    if not value or hashlib.sha256(value).hexdigest() != asked.value:
        raise PostedError(
            f"value: must be given in the extension {EXTENSION}, in hex, and have the digest that"
            " the pattern names"
        )
    return value.hex()


def _version_of(sent: Stix, kind: str) -> str | None:
    """What tells versions of an object apart. raises: PostedError."""
    for name in ("created", "modified"):
        at = _time(sent, name)
        if at and at.year == MAXYEAR:  # nothing could be later, so nobody could revoke it
            raise PostedError(f"{name}: lies in the last year that there is: write when it was")
    found = sent.get("modified") or sent.get("created")
    if found is None and kind not in OBSERVABLES and not kind.startswith("x-"):
        raise PostedError("modified: must be given, as in 2026-01-31T12:00:00.000Z")
    return str(found) if found else None


def _time(sent: Stix, name: str) -> datetime | None:
    """A time of an object; None where it has none. raises: PostedError."""
    text = sent.get(name)
    if text is None:
        return None
    try:
        if isinstance(text, str) and _TIME.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    raise PostedError(f"{name}: is no time: write it as 2026-01-31T12:00:00.000Z")


def _tlp_of(sent: Stix) -> Tlp:
    """The strictest label that an object's markings say; amber for one without.

    raises: PostedError.
    """
    if sent.get("granular_markings"):
        raise PostedError("granular_markings: are not kept apart here: mark the whole object")
    refs = sent.get("object_marking_refs", [])
    if not isinstance(refs, list):
        raise PostedError("object_marking_refs: a list of ids")
    unknown = [str(ref) for ref in refs if str(ref) not in TLP_OF]
    if unknown:
        raise PostedError(
            f"object_marking_refs: {unknown[0][:80]} is not kept here: use those of TLP"
        )
    said = {TLP_OF[str(ref)] for ref in refs} or {Tlp.AMBER}
    return min(said, key=_STRICTEST.index)


def _labels_of(stix: Stix) -> list[str]:
    """Labels of ours that an object has, as tags or bare."""
    given = list(_words(stix.get("labels")))
    known = [one for one in given if one in labels()]
    return known + read_tags(given).get("label", []) or [DEFAULT_LABEL]


def _refuse_labels(given: object) -> None:
    """Refuse content that belongs to another channel. raises: PostedError naming it."""
    if not isinstance(given, list | None):
        raise PostedError("labels: should be a list of texts")
    for word in map(str, given or ()):
        plain = word.rpartition("=")[2].strip('"').rpartition(":")[2]
        if refused := refused_label(plain):
            raise PostedError(f"labels: {refused.title} is never stored here: {refused.refuse_to}")


def _pap_of(stix: Stix) -> str:
    """The strictest PAP that labels say; green where none does; a word that is none as it is."""
    said = [word[4:].lower() for word in _words(stix.get("labels")) if word.upper()[:4] == "PAP:"]
    order: list[str] = list(Pap)
    return min(said, key=lambda one: order.index(one) if one in order else -1, default="green")


def _facts_of(stix: Stix) -> Stix:
    """What our extension says of an object; nothing where it has none."""
    extensions = stix.get("extensions")
    found = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return found if isinstance(found, dict) else {}


def _words(given: object) -> tuple[str, ...]:
    """The texts in a list; none in what is no list."""
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, list) else ()


def _is_id(stix_id: str, *, kind: str) -> bool:
    """Whether an id is that of an object of its type, in the usual spelling."""
    start, _, text = stix_id.partition("--")
    try:
        return start == kind and str(UUID(text)) == text
    except ValueError:
        return False
