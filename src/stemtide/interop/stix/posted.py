# SPDX-License-Identifier: Apache-2.0
"""Parse posted STIX objects: indicators, sightings and opinions.

Objects come from many programs, so most properties are optional; present ones are validated
strictly.
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
from stemtide.interop.stix.context import MAX_COUNT, READ_OPINION
from stemtide.interop.stix.objects import (
    EXTENSION,
    OBSERVABLES,
    TLP_OF,
    Stix,
    are_portable,
    nesting_depth,
    read_tags,
)
from stemtide.interop.stix.patterns import (
    PLAIN,
    Budget,
    Comparison,
    TooManyComparisonsError,
    read_patterns,
)
from stemtide.protocol.enums import Opinion, Outcome, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import labels, refused_label
from stemtide.protocol.messages.signals import MAX_VIA, SignalIn, is_long

MAX_OBJECT_BYTES = 1 << 20
"""Maximum bytes of an object, as JSON. Longer values are shared by the hub's own API."""

MAX_DEPTH = 16
"""Maximum nesting of objects and lists."""

MAX_JUDGED = 100  # indicators of an opinion
_ONLY_OF = {"quality": Kind.PDQ, "within_bits": Kind.PDQ, "reach": Kind.URL}
"""Fields of our extension that apply to one kind only, if a pattern has several kinds."""

DEFAULT_LABEL = "perpetrator-content"
"""Label of content whose poster gives none."""

_TYPE = re.compile(r"[a-z][a-z0-9-]{1,248}[a-z0-9]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_STRICTEST_FIRST = list(Tlp)
_NOT_SIGNAL_FIELDS = (
    *("extension_type", "kind", "state", "crisis", "exercise", "shared_by", "disputed"),
    *("via", "hub", "withdraw_reason"),
)


class PostedError(ValueError):
    """A posted object is refused; the message names the property and the remedy."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An object with valid common properties. version: None if it has no versions."""

    stix: Stix
    id: str
    type: str
    version: str | None
    tlp: Tlp
    audience: tuple[str, ...] = ()

    @property
    def moment(self) -> datetime | None:
        """Return the time of its version; None if it has none."""
        return datetime.fromisoformat(self.version) if self.version else None

    @property
    def is_revoked(self) -> bool:
        """Whether this version revokes the object."""
        return self.stix.get("revoked") is True


@dataclass(frozen=True, slots=True)
class SightingPosted:
    """Outcomes of content that matched an indicator."""

    of: str
    outcomes: dict[Outcome, int]
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpinionPosted:
    """An opinion of one or more indicators."""

    of: tuple[str, ...]
    opinion: Opinion
    note: str


def read_object(sent: object) -> Posted:
    """Validate an object's type, id, version, size and markings. raises: PostedError."""
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
    if nesting_depth(sent) > MAX_DEPTH:
        raise PostedError(f"more than {MAX_DEPTH} objects and lists lie inside each other")
    if not are_portable(sent):
        raise PostedError("a number is too large: write those with more than 18 digits as text")
    if len(json.dumps(sent)) > MAX_OBJECT_BYTES:
        raise PostedError(f"one object has at most {MAX_OBJECT_BYTES:,} bytes")
    _refuse_labels(sent.get("labels"))
    tlp, audience = _tlp_of(sent), _texts(_extension_of(sent).get("audience"))
    return Posted(sent, stix_id, kind, _version_of(sent, kind), tlp, audience)


@dataclass(frozen=True, slots=True)
class IndicatorSignals:
    """The signals of an indicator.

    others: number of comparisons that are not signals. why: the reason if there are none, else "".
    """

    signals: tuple[SignalIn, ...]
    others: int = 0
    why: str = ""

    @property
    def is_several(self) -> bool:
        """Whether readers get it as several indicators."""
        return len(self.signals) > 1


def signals_of(
    posted: Posted, *, crisis: UUID | None, exercise: bool, budget: Budget | None = None
) -> IndicatorSignals:
    """Return an indicator's signals: one for each comparison that uploads can be matched against.

    budget: limits for all patterns of a request. raises: PostedError.
    """
    stix, facts = posted.stix, _extension_of(posted.stix)
    pattern = stix.get("pattern")
    if not isinstance(pattern, str):
        raise PostedError("pattern: must be given, as text")
    if stix.get("pattern_type", "stix") != "stix":
        return IndicatorSignals((), why=PLAIN)
    try:
        parsed = read_patterns(pattern, budget=budget)
    except TooManyComparisonsError as error:
        raise PostedError(f"pattern: {error}") from error
    if len(parsed.comparisons) > 1 and {"kind", "value"} & set(facts):
        raise PostedError("value: the extension says one, and the pattern several: leave it out")
    common = _common_fields(stix)
    common |= {name: value for name, value in facts.items() if name not in _NOT_SIGNAL_FIELDS}
    common |= {"crisis": crisis, "exercise": exercise, "via": hops_of(facts)}
    read = []
    for comparison in parsed.comparisons:
        own = {
            name: value
            for name, value in common.items()
            if len(parsed.comparisons) == 1
            or _ONLY_OF.get(name, comparison.kind) is comparison.kind
        }
        read.append(_signal(posted, comparison, own))
    signals = tuple(signal for signal in read if signal)
    why = parsed.why or ("" if signals else PLAIN)
    return IndicatorSignals(signals, parsed.others + len(read) - len(signals), why)


def _common_fields(stix: Stix) -> Stix:
    """Return the properties that an indicator gives to all its signals: read once for speed."""
    tags = read_tags(stix.get("labels"))
    return {
        "severity": (tags.get("severity") or ["medium"])[0],
        "provenance": (tags.get("origin") or ["unknown"])[0],
        "confidence": stix.get("confidence", 50),
        "pap": _pap_of(stix),
        "expires_at": stix.get("valid_until"),
        "labels": _labels_of(stix),
    }


def _signal(posted: Posted, comparison: Comparison, own: Stix) -> SignalIn | None:
    """Return the signal of a comparison, None for a LIKE without a reach.

    own: its fields other than the value. raises: PostedError.
    """
    fields: dict[str, Any] = {
        **own,
        "kind": comparison.kind,
        "value": _value_of(comparison, facts=_extension_of(posted.stix)),
        "tlp": posted.tlp,
        "audience": posted.audience,
    }
    if comparison.is_like and "reach" not in fields:
        return None
    try:
        return SignalIn.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise PostedError(f"{path}: {first['msg'].removeprefix('Value error, ')}"[:300]) from error


def hops_of(facts: Stix) -> tuple[str, ...]:
    """Return the hubs that a signal came through, from our extension; the sending hub is last.

    A path that is too long loses its middle: the origin and the last hubs matter.
    """
    hubs = (*_texts(facts.get("via")), *_texts([facts.get("hub")]))
    way = tuple(dict.fromkeys(hubs))
    return way if len(way) <= MAX_VIA else (way[0], *way[1 - MAX_VIA :])


def sighting_of(posted: Posted) -> SightingPosted:
    """Return the counts of a sighting. raises: PostedError."""
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
    outcomes = _extension_of(stix).get("outcomes", {tags[0]: count})
    try:
        read = {Outcome(name): int(many) for name, many in dict(outcomes).items() if int(many) > 0}
    except (TypeError, ValueError) as error:
        known_names = ", ".join(Outcome)
        raise PostedError(f"outcomes: counts by outcome; known are {known_names}") from error
    if not read or max(read.values()) > MAX_COUNT:
        raise PostedError("outcomes: name at least one, with a count that is no larger than STIX'")
    return SightingPosted(of, read, first, last)


def opinion_of(posted: Posted) -> OpinionPosted:
    """Return the content of an opinion. raises: PostedError."""
    stix = posted.stix
    stance = READ_OPINION.get(str(stix.get("opinion")))
    if stance is None:
        raise PostedError(f"opinion: one of {', '.join(READ_OPINION)}")
    refs = stix.get("object_refs")
    of = _texts(refs)
    if not of or not isinstance(refs, list) or len(of) != len(refs):
        raise PostedError("object_refs: name at least one indicator")
    of = tuple(dict.fromkeys(of))
    if len(of) > MAX_JUDGED:
        raise PostedError(f"object_refs: names {len(of):,}: name at most {MAX_JUDGED} in one")
    note = stix.get("explanation", "")
    if not isinstance(note, str) or len(note) > 500:  # noqa: PLR2004  # as OpinionIn.note
        raise PostedError("explanation: text of at most 500 characters, without personal data")
    return OpinionPosted(of, stance, note)


def reason_of(posted: Posted) -> WithdrawReason:
    """Return why an indicator is revoked, "other" if it gives no reason. raises: PostedError."""
    reason = _extension_of(posted.stix).get("withdraw_reason")
    tags = read_tags(posted.stix.get("labels")).get("withdraw-reason", [])
    word = str(reason or (tags[0] if tags else WithdrawReason.OTHER))
    try:
        return WithdrawReason(word)
    except ValueError as error:
        known_names = ", ".join(WithdrawReason)
        raise PostedError(f"withdraw_reason: one of {known_names}") from error


def _value_of(comparison: Comparison, *, facts: Stix) -> str:
    """Return a signal's value: the pattern's, or the value that the pattern's digest is of.

    raises: PostedError if pattern and extension differ.
    """
    stated = facts.get("value")
    if facts.get("kind", comparison.kind.value) != comparison.kind.value:
        raise PostedError("kind: is another in the extension than in the pattern")
    if is_long(comparison.kind):
        return _long_value(comparison, stated=stated)
    is_digest = comparison.kind is Kind.URL
    if stated is not None and not is_digest and str(stated).lower() != comparison.value:
        raise PostedError("value: is another in the extension than in the pattern")
    if comparison.is_like:
        return comparison.value.removesuffix("%")
    return comparison.value


def _long_value(comparison: Comparison, *, stated: object) -> str:
    """Return the complete value whose digest the pattern has. raises: PostedError."""
    try:
        value = bytes.fromhex(str(stated))
    except ValueError:
        value = b""
    if not value or hashlib.sha256(value).hexdigest() != comparison.value:
        raise PostedError(
            f"value: must be given in the extension {EXTENSION}, in hex, and have the digest that"
            " the pattern names"
        )
    return value.hex()


def _version_of(sent: Stix, kind: str) -> str | None:
    """Return the version of an object, None if it has none. raises: PostedError."""
    for name in ("created", "modified"):
        at = _time(sent, name)
        if at and at.year == MAXYEAR:  # no later version is possible, so it could never be revoked
            raise PostedError(f"{name}: lies in the last year that there is: write when it was")
    version = sent.get("modified") or sent.get("created")
    if version is None and kind not in OBSERVABLES and not kind.startswith("x-"):
        raise PostedError("modified: must be given, as in 2026-01-31T12:00:00.000Z")
    return str(version) if version else None


def _time(sent: Stix, name: str) -> datetime | None:
    """Return a timestamp of an object, None if absent. raises: PostedError."""
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
    """Return the strictest TLP label of an object's markings, amber if there is none.

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
    marks = {TLP_OF[str(ref)] for ref in refs} or {Tlp.AMBER}
    return min(marks, key=_STRICTEST_FIRST.index)


def _labels_of(stix: Stix) -> list[str]:
    """Return the labels of ours that an object has, as tags or bare."""
    stated = list(_texts(stix.get("labels")))
    known_labels = [label for label in stated if label in labels()]
    return known_labels + read_tags(stated).get("label", []) or [DEFAULT_LABEL]


def _refuse_labels(stated: object) -> None:
    """Refuse labels of content that belongs to another channel. raises: PostedError naming it."""
    if not isinstance(stated, list | None):
        raise PostedError("labels: should be a list of texts")
    for word in map(str, stated or ()):
        plain = word.rpartition("=")[2].strip('"').rpartition(":")[2]
        if refused := refused_label(plain):
            raise PostedError(f"labels: {refused.title} is never stored here: {refused.refuse_to}")


def _pap_of(stix: Stix) -> str:
    """Return the strictest PAP in the labels, green if none; unknown words are left to fail."""
    marks = [word[4:].lower() for word in _texts(stix.get("labels")) if word.upper()[:4] == "PAP:"]
    order: list[str] = list(Pap)
    return min(marks, key=lambda mark: order.index(mark) if mark in order else -1, default="green")


def _extension_of(stix: Stix) -> Stix:
    """Return our extension of an object, {} if it has none."""
    extensions = stix.get("extensions")
    extension = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return extension if isinstance(extension, dict) else {}


def _texts(sent: object) -> tuple[str, ...]:
    """Return the texts in a list; an empty tuple for anything that is not a list."""
    return (
        tuple(entry for entry in sent if isinstance(entry, str)) if isinstance(sent, list) else ()
    )


def _is_id(stix_id: str, *, kind: str) -> bool:
    """Whether an id is valid for its object's type, in the canonical spelling."""
    start, _, text = stix_id.partition("--")
    try:
        return start == kind and str(UUID(text)) == text
    except ValueError:
        return False
