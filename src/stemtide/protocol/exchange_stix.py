# SPDX-License-Identifier: Apache-2.0
"""Indicators of another TAXII server as records of an exchange."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

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


def read_objects(sent: Iterable[object]) -> tuple[list[Told], list[Fault], int]:
    """What the objects of a page say: records, faults, and how many are no signals."""
    told: list[Told] = []
    faults: list[Fault] = []
    others = 0
    for one in sent:
        stix: Stix = one if isinstance(one, dict) else {}
        if stix.get("type") != "indicator":
            others += 1
            continue
        try:
            told.append(_read(stix))
        except (PostedError, RefusedWordError) as error:
            faults.append(Fault(str(stix.get("id"))[:300], str(error)))
    return told, faults, others


def _read(stix: Stix) -> Told:
    """One indicator. raises: PostedError, RefusedWordError."""
    key = str(stix.get("id"))[:300]
    if stix.get("revoked") is True:  # whatever else is wrong with it
        return Told(key, str(stix.get("modified"))[:80], reason=_reason(stix))
    posted = read_object(stix)
    words = read_words(stix.get("labels") or [])
    wanted = signals_of(posted, crisis=None, exercise=False)
    if len(wanted.signals) != 1 or wanted.others:
        raise PostedError("pattern: is not one comparison that uploads can be held against")
    (body,) = wanted.signals
    extension = _extension(stix)
    via = words.via or list(way_of(extension))
    return Told(
        key,
        str(posted.version),
        said_at=posted.moment,
        facts=_said(body, stix=stix, extension=extension, words=words.facts),
        is_exercise=words.is_exercise or extension.get("exercise") is True,
        is_disputed=words.is_disputed or extension.get("disputed") is True,
        via=tuple(via),
        signals=signal_uids(key),
        makers=(str(stix.get("created_by_ref")),),
    )


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
