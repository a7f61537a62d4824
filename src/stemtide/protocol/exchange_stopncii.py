# SPDX-License-Identifier: Apache-2.0
"""Records of a server of StopNCII's shape as records of an exchange."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from stemtide.protocol import canary
from stemtide.protocol.exchange_words import RefusedWordError, Words, merge, read_words
from stemtide.protocol.exchanges import Fault, Told
from stemtide.protocol.stopncii import KIND_OF, PREFIX, SURE, UNSURE, Feedback

ENDED = frozenset({"Withdrawn", "Deleted"})

MAX_FEEDBACKS = 200
"""Feedbacks of one record: with more it is refused, as a mark may be among the rest."""

_LAST_S = 253_402_300_799


def read_records(
    sent: Iterable[object], *, hub: str
) -> tuple[list[Told], list[Fault], Counter[str]]:
    """What the records of a page say: records, faults, and of which types we know nothing.

    hub: our own id. What came from here is no part of what the source says.
    """
    told: list[Told] = []
    faults: list[Fault] = []
    others: Counter[str] = Counter()
    for one in sent:
        record: dict[str, Any] = one if isinstance(one, dict) else {}
        name = str(record.get("signalType", ""))[:60].removeprefix(PREFIX)
        if name not in KIND_OF:
            others[name] += 1
            continue
        if record.get("hashValue") in canary.HASHES:
            continue  # it proves the line, and is nobody's
        key = _key(name, record.get("hashValue"))
        try:
            told.append(_read(record, name=name, key=key, hub=hub))
        except (ValueError, RefusedWordError) as error:
            faults.append(Fault(key, str(error)[:300]))
    return told, faults, others


def _read(record: dict[str, Any], *, name: str, key: str, hub: str) -> Told:
    """One record. raises: ValueError, RefusedWordError."""
    stamp = record.get("lastModtimestamp")
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 <= stamp <= _LAST_S:
        raise ValueError("lastModtimestamp: is no time in whole seconds")
    value = record.get("hashValue")
    if not isinstance(value, str):
        raise ValueError("hashValue: is no text")  # noqa: TRY004  # of a stranger's record
    version = f"{stamp}-{_digest(json.dumps(record, sort_keys=True))[:24]}"
    said_at = datetime.fromtimestamp(stamp, UTC)
    if record.get("hashStatus") in ENDED:
        return Told(key, version, said_at=said_at)
    words, theirs, is_echo = _words_of(record, hub=hub)
    is_sure = Feedback.BLOCKED in theirs
    confidence = words.facts.get("confidence", SURE if is_sure else UNSURE)
    return Told(
        key,
        version,
        said_at=said_at,
        facts={
            **words.facts,
            "kind": KIND_OF[name],
            "value": value if name == "URL" else value.lower(),
            "confidence": confidence,
        },
        is_exercise=words.is_exercise,
        is_disputed=words.is_disputed or Feedback.NOT_BLOCKED in theirs,
        via=(hub,) if is_echo else tuple(words.via),
        signals=tuple(words.signals),
    )


def _words_of(record: dict[str, Any], *, hub: str) -> tuple[Words, set[str], bool]:
    """What feedbacks of others say, which they are, and whether all who share had it from us.

    raises: ValueError, RefusedWordError.
    """
    given = record.get("CSPFeedbacks")
    feedbacks = given if isinstance(given, list) else []
    if len(feedbacks) > MAX_FEEDBACKS:
        raise ValueError(f"CSPFeedbacks: are more than {MAX_FEEDBACKS}")
    said: list[Words] = []
    theirs: set[str] = set()
    shares = echoes = 0
    for one in feedbacks:
        feedback: dict[str, Any] = one if isinstance(one, dict) else {}
        some = feedback.get("tags")
        words = read_words(some if isinstance(some, list) else [])
        is_ours = hub in words.via
        shares += bool(words.via)
        echoes += is_ours
        if not is_ours:
            said.append(words)
            theirs.add(str(feedback.get("feedbackValue")))
    return merge(said), theirs, bool(echoes) and echoes == shares


def _key(name: str, value: object) -> str:
    """What a record is called in our log: it holds no value."""
    return f"{name}:{_digest(str(value))[:40]}"


def _digest(text: str) -> str:
    """A digest of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
