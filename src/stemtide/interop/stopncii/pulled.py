# SPDX-License-Identifier: Apache-2.0
"""Convert records of StopNCII-style servers to source records."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from stemtide.interop.exchanges import RecordError, SourceRecord
from stemtide.interop.stopncii import canary
from stemtide.interop.stopncii.records import KIND_OF, PREFIX, SURE, UNSURE, Feedback
from stemtide.interop.vocabulary import RefusedTagError, TagMeaning, merge, parse_tags

ENDED = frozenset({"Withdrawn", "Deleted"})

MAX_FEEDBACKS = 200
"""Maximum feedbacks of a record. A longer one is refused, as a handling mark may be in the rest."""

_LAST_S = 253_402_300_799


def read_records(
    sent: Iterable[object], *, hub: str
) -> tuple[list[SourceRecord], list[RecordError], Counter[str]]:
    """Return a page's records, its errors, and counts of unknown signal types.

    hub: our own id. Feedback that originates from this hub is ignored.
    """
    records: list[SourceRecord] = []
    faults: list[RecordError] = []
    others: Counter[str] = Counter()
    for element in sent:
        record: dict[str, Any] = element if isinstance(element, dict) else {}
        name = str(record.get("signalType", ""))[:60].removeprefix(PREFIX)
        if name not in KIND_OF:
            others[name] += 1
            continue
        if record.get("hashValue") in canary.HASHES:
            continue  # the canary is no party's signal
        key = _key(name, record.get("hashValue"))
        try:
            records.append(_read(record, name=name, key=key, hub=hub))
        except (ValueError, RefusedTagError) as error:
            faults.append(RecordError(key, str(error)[:300]))
    return records, faults, others


def _read(record: dict[str, Any], *, name: str, key: str, hub: str) -> SourceRecord:
    """Convert one record. raises: ValueError, RefusedTagError."""
    stamp = record.get("lastModtimestamp")
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 <= stamp <= _LAST_S:
        raise ValueError("lastModtimestamp: is no time in whole seconds")
    value = record.get("hashValue")
    if not isinstance(value, str):
        raise ValueError("hashValue: is no text")  # noqa: TRY004  # of a stranger's record
    version = f"{stamp}-{_digest(json.dumps(record, sort_keys=True))[:24]}"
    said_at = datetime.fromtimestamp(stamp, UTC)
    if record.get("hashStatus") in ENDED:
        return SourceRecord(key, version, said_at=said_at)
    words, theirs, is_echo = _words_of(record, hub=hub)
    is_sure = Feedback.BLOCKED in theirs
    confidence = words.facts.get("confidence", SURE if is_sure else UNSURE)
    return SourceRecord(
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


def _words_of(record: dict[str, Any], *, hub: str) -> tuple[TagMeaning, set[str], bool]:
    """Return others' merged tags, their feedback values, and whether all sharers had it from us.

    raises: ValueError, RefusedTagError.
    """
    listed = record.get("CSPFeedbacks")
    feedbacks = listed if isinstance(listed, list) else []
    if len(feedbacks) > MAX_FEEDBACKS:
        raise ValueError(f"CSPFeedbacks: are more than {MAX_FEEDBACKS}")
    words_of_others: list[TagMeaning] = []
    theirs: set[str] = set()
    shares = echoes = 0
    for element in feedbacks:
        feedback: dict[str, Any] = element if isinstance(element, dict) else {}
        tags = feedback.get("tags")
        words = parse_tags(tags if isinstance(tags, list) else [])
        is_ours = hub in words.via
        shares += bool(words.via)
        echoes += is_ours
        if not is_ours:
            words_of_others.append(words)
            theirs.add(str(feedback.get("feedbackValue")))
    return merge(words_of_others), theirs, bool(echoes) and echoes == shares


def _key(name: str, value: object) -> str:
    """Return a record's name for our log, without its value."""
    return f"{name}:{_digest(str(value))[:40]}"


def _digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
