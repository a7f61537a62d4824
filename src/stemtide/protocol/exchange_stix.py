# SPDX-License-Identifier: Apache-2.0
"""Indicators of another TAXII server as records of an exchange.

What asks for several things joined by OR is a record for each, named by the indicator and by what
the comparison asks for: in a newer version each is found again, in whatever order.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS
from stemtide.protocol.exchange_words import RefusedWordError, read_words, strictest_marks
from stemtide.protocol.exchanges import Fault, Told
from stemtide.protocol.signals import SignalIn
from stemtide.protocol.stix import EXTENSION, Stix, signal_uids
from stemtide.protocol.stix_posted import (
    PostedError,
    read_object,
    signals_of,
    way_of,
)
from stemtide.protocol.words import WithdrawReason

_FIELDS = (
    *("kind", "value", "quality", "within_bits", "reach", "content", "labels", "ideology"),
    *("entity", "severity", "provenance", "confidence", "tlp", "pap", "audience", "expires_at"),
)

MAX_SIGNALS = 20_000
"""Signals that a page may ask for, as one post may."""

_PART_DIGITS = 32


class TooManySignalsError(Exception):
    """A page asks for more signals than are taken at once; a smaller page may not."""


def read_objects(sent: Iterable[object]) -> tuple[list[Told], list[Fault], int]:
    """What the objects of a page say: records, faults, and how many are no signals.

    Of several versions of an indicator the last one counts.

    raises: TooManySignalsError.
    """
    told: list[Told] = []
    faults: list[Fault] = []
    others = 0
    indicators: dict[object, Stix] = {}
    for place, one in enumerate(sent):
        stix: Stix = one if isinstance(one, dict) else {}
        named = stix.get("id")
        if stix.get("type") == "indicator":
            indicators[named if isinstance(named, str) else place] = stix
        else:
            others += 1
    for stix in indicators.values():
        try:
            told += _read(stix)
        except (PostedError, RefusedWordError) as error:
            faults.append(Fault(str(stix.get("id"))[:300], str(error)))
        if len(told) > MAX_SIGNALS:
            raise TooManySignalsError
    return told, faults, others


def _read(stix: Stix) -> list[Told]:
    """The records of one indicator, one a comparison. raises: PostedError, RefusedWordError."""
    key = str(stix.get("id"))[:300]
    if stix.get("revoked") is True:  # whatever else is wrong with it
        return [Told(key, str(stix.get("modified"))[:80], reason=_reason(stix))]
    posted = read_object(_limited(stix))
    words = read_words(stix.get("labels") or [])
    wanted = signals_of(posted, crisis=None, exercise=False)
    if not wanted.signals:
        raise PostedError(wanted.why)
    extension = _extension(stix)
    via = words.via or list(way_of(extension))
    whole = Told(
        key,
        str(posted.version),
        said_at=posted.moment,
        is_exercise=words.is_exercise or extension.get("exercise") is True,
        is_disputed=words.is_disputed or extension.get("disputed") is True,
        via=tuple(via),
        signals=signal_uids(key),
        makers=(str(stix.get("created_by_ref")),),
        beside=wanted.others,
    )
    facts = {
        _part(key, body): _said(body, stix=stix, extension=extension, words=words.facts)
        for body in wanted.signals
    }
    if len(facts) == 1:
        return [replace(whole, facts=said) for said in facts.values()]
    return [replace(whole, key=name, part_of=key, facts=said) for name, said in facts.items()]


def _limited(stix: Stix) -> Stix:
    """Return an indicator with its distance limited to 31 bits: an older hub may tell more."""
    extension = _extension(stix)
    bits = extension.get("within_bits")
    if not isinstance(bits, int) or bits <= MATCH_WITHIN_BITS:
        return stix
    extension = {**extension, "within_bits": MATCH_WITHIN_BITS}
    return {**stix, "extensions": {**stix["extensions"], EXTENSION: extension}}


def _part(key: str, body: SignalIn) -> str:
    """The name of one comparison of an indicator: it tells no value, as names stand in logs."""
    asked = hashlib.sha256(f"{body.kind} {body.value}".encode()).hexdigest()
    return f"{key}#{asked[:_PART_DIGITS]}"


def _said(
    body: SignalIn, *, stix: Stix, extension: Stix, words: dict[str, Any]
) -> dict[str, object]:
    """The fields that an indicator itself says, without what we would put in their place."""
    found = {name: getattr(body, name) for name in _FIELDS}
    is_said = {
        "labels": "labels" in extension or "labels" in words,
        "severity": "severity" in extension or "severity" in words,
        "pap": "pap" in extension or "pap" in words,
        "confidence": "confidence" in stix,
        "tlp": bool(stix.get("object_marking_refs")),
    }
    for name, said in is_said.items():
        if not said:
            del found[name]
    own = {"labels": words["labels"]} if "labels" in words else {}
    return {**words, **found, **own, **strictest_marks([words, found])}


def _extension(stix: Stix) -> Stix:
    """What our extension says of an indicator."""
    extensions = stix.get("extensions")
    found = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return found if isinstance(found, dict) else {}


def _reason(stix: Stix) -> WithdrawReason:
    """Why an indicator was revoked; "other" where its words are none of ours."""
    said = _extension(stix).get("withdraw_reason")
    if isinstance(said, str) and said in set(WithdrawReason):
        return WithdrawReason(said)
    return WithdrawReason.OTHER


def moment_of(text: str) -> datetime | None:
    """A time of TAXII; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
