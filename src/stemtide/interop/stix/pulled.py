# SPDX-License-Identifier: Apache-2.0
"""Convert indicators of a TAXII server or an OpenCTI to source records.

An indicator that joins several comparisons with OR becomes a record for each. A record is named
by the indicator and by the comparison, so newer versions update it in any order.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.interop.exchanges import RecordError, SourceRecord
from stemtide.interop.stix.events import ids_of, is_for_organisations
from stemtide.interop.stix.objects import EXTENSION, Stix, signal_uids
from stemtide.interop.stix.posted import PostedError, hops_of, read_object, signals_of
from stemtide.interop.vocabulary import RefusedTagError, parse_tags, strictest_marks
from stemtide.protocol.enums import WithdrawReason
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.signals import SignalIn

_FIELDS = (
    *("kind", "value", "quality", "within_bits", "reach", "content", "labels", "ideology"),
    *("entity", "severity", "provenance", "confidence", "tlp", "pap", "audience", "expires_at"),
    "language",
)

MAX_SIGNALS = 20_000
"""Maximum signals of a page, as of a post."""

_PART_DIGITS = 32


class TooManySignalsError(Exception):
    """A page has more signals than are taken at once; a smaller page may not."""


def read_objects(sent: Iterable[object]) -> tuple[list[SourceRecord], list[RecordError], int]:
    """Return a page's records, its errors, and the number of objects that are not indicators.

    Of several versions of an indicator the last one counts.

    raises: TooManySignalsError.
    """
    records: list[SourceRecord] = []
    faults: list[RecordError] = []
    others = 0
    indicators: dict[object, Stix] = {}
    for place, element in enumerate(sent):
        stix: Stix = element if isinstance(element, dict) else {}
        named = stix.get("id")
        if stix.get("type") == "indicator":
            indicators[named if isinstance(named, str) else place] = stix
        else:
            others += 1
    for stix in indicators.values():
        try:
            records += _read(stix)
        except (PostedError, RefusedTagError) as error:
            faults.append(RecordError(_key(stix), str(error)))
        if len(records) > MAX_SIGNALS:
            raise TooManySignalsError
    return records, faults, others


def _read(stix: Stix) -> list[SourceRecord]:
    """Return an indicator's records, one per comparison. raises: PostedError, RefusedTagError."""
    key = _key(stix)
    if stix.get("revoked") is True:  # even if the object is invalid otherwise
        return [SourceRecord(key, str(stix.get("modified"))[:80], reason=_withdraw_reason(stix))]
    posted = read_object(_limit_distance(stix))
    words = parse_tags(stix.get("labels") or [])
    requested = signals_of(posted, crisis=None, exercise=False)
    if not requested.signals:
        raise PostedError(requested.why)
    extension = _extension(stix)
    via = words.via or list(hops_of(extension))
    whole = SourceRecord(
        key,
        str(posted.version),
        said_at=posted.moment,
        is_exercise=words.is_exercise or extension.get("exercise") is True,
        is_disputed=words.is_disputed or extension.get("disputed") is True,
        via=tuple(via),
        signals=tuple(uid for name in ids_of(stix) for uid in signal_uids(name)),
        makers=(str(stix.get("created_by_ref")),),
        beside=requested.others,
    )
    facts = {
        _part_key(key, body): _stated_fields(
            body, stix=stix, extension=extension, words=words.facts
        )
        for body in requested.signals
    }
    if len(facts) == 1:
        return [replace(whole, facts=facts_of_part) for facts_of_part in facts.values()]
    return [
        replace(whole, key=name, part_of=key, facts=facts_of_part)
        for name, facts_of_part in facts.items()
    ]


def _key(stix: Stix) -> str:
    """Return the name of an indicator, also of one whose id no database can have."""
    name = str(stix.get("id"))[:300]
    return "".join(character if character.isprintable() else "?" for character in name)


def _limit_distance(stix: Stix) -> Stix:
    """Return an indicator with its distance limited to 31 bits: an older hub may send more."""
    extension = _extension(stix)
    bits = extension.get("within_bits")
    if not isinstance(bits, int) or bits <= MATCH_WITHIN_BITS:
        return stix
    extension = {**extension, "within_bits": MATCH_WITHIN_BITS}
    return {**stix, "extensions": {**stix["extensions"], EXTENSION: extension}}


def _part_key(key: str, body: SignalIn) -> str:
    """Return the name of a comparison. It is a digest: names appear in logs, values must not."""
    digest = hashlib.sha256(f"{body.kind} {body.value}".encode()).hexdigest()
    return f"{key}#{digest[:_PART_DIGITS]}"


def _stated_fields(
    body: SignalIn, *, stix: Stix, extension: Stix, words: dict[str, Any]
) -> dict[str, object]:
    """Return the fields that an indicator itself states, without our defaults."""
    stated = {name: getattr(body, name) for name in _FIELDS}
    is_said = {
        "labels": "labels" in extension or "labels" in words,
        "severity": "severity" in extension or "severity" in words,
        "pap": "pap" in extension or "pap" in words,
        "confidence": "confidence" in stix,
        "tlp": bool(stix.get("object_marking_refs")),
    }
    for name, is_stated in is_said.items():
        if not is_stated:
            del stated[name]
    own = {"labels": words["labels"]} if "labels" in words else {}
    granted = {"tlp": Tlp.AMBER} if is_for_organisations(stix) else {}
    return {**words, **stated, **own, **strictest_marks([words, stated, granted])}


def _extension(stix: Stix) -> Stix:
    """Return our extension of an indicator, {} if it has none."""
    extensions = stix.get("extensions")
    extension = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return extension if isinstance(extension, dict) else {}


def _withdraw_reason(stix: Stix) -> WithdrawReason:
    """Return why an indicator was revoked, "other" if the reason is unknown to us."""
    reason = _extension(stix).get("withdraw_reason")
    if isinstance(reason, str) and reason in set(WithdrawReason):
        return WithdrawReason(reason)
    return WithdrawReason.OTHER


def moment_of(text: str) -> datetime | None:
    """Return a TAXII timestamp as an aware datetime, None if it is invalid."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
