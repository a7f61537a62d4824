# SPDX-License-Identifier: Apache-2.0
"""Pulls from a MISP feed: the manifest, then events whose timestamp is higher than the one read.

1 The manifest is asked for with the tag of the one that was worked off (304: nothing is new).
2 Of what is new, some events at a time are put into the checkpoint; each step reads one whole.
3 An event that cannot be read is named and passed over until its timestamp rises: the others go on.

Events that vanish from the manifest end nothing, as in MISP: what ends is marked as deleted.

source: MISP's own reader of feeds (Feed.php).
"""

import re
from typing import Any

from stemtide.hub.exchanges.sources.port import (
    Asking,
    Known,
    LargeError,
    RefusedError,
    SourceError,
    read_json,
)
from stemtide.hub.outside.asking import Question
from stemtide.protocol.exchange_misp import EventError, read_event
from stemtide.protocol.exchanges import Fault, Pull

MAX_EVENTS = 20_000
"""Events of one manifest; one with more is an error."""

AT_ONCE = 200
"""Events that are put into the checkpoint; more are found in the manifest once these are read."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAY_S = 86_400
_MAX_DIGITS = 15
_GONE = 404


def pull(checkpoint: dict[str, Any], *, asking: Asking, known: Known) -> Pull:
    """One step: the manifest, or one event.

    checkpoint: etag (of the manifest that was worked off), pending (events with their timestamps),
    tag (of the manifest that they are from), rest (it has more).

    raises: SourceError.
    """
    if checkpoint.get("pending"):
        return _event(checkpoint, asking=asking)
    headers = {"if-none-match": str(checkpoint["etag"])} if checkpoint.get("etag") else {}
    answer = asking.ask(_question("manifest.json", asking=asking, headers=headers))
    if answer.status == 304:  # noqa: PLR2004  # Not Modified
        return Pull(checkpoint=checkpoint)
    listed = read_json(answer)
    if not isinstance(listed, dict) or len(listed) > MAX_EVENTS:
        raise SourceError("its answer is no manifest, or one of too many events")
    new, notes = _new(listed, known=known, now_s=int(asking.now.timestamp()))
    tag = answer.headers.get("etag", "")[:300]
    if not new:
        return Pull(checkpoint={"etag": tag}, notes=notes)
    some = {"pending": new[:AT_ONCE], "tag": tag, "rest": len(new) > AT_ONCE}
    return Pull(checkpoint=some, more=True, notes=notes)


def _new(
    listed: dict[str, Any], *, known: Known, now_s: int
) -> tuple[list[list[Any]], tuple[str, ...]]:
    """Events whose timestamp is higher than that which was read, the oldest first."""
    stamps: dict[str, int] = {}
    odd = 0
    for uuid, entry in listed.items():
        text = str(entry.get("timestamp", "")) if isinstance(entry, dict) else ""
        stamp = int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None
        if not _UUID.fullmatch(uuid) or stamp is None or stamp > now_s + _DAY_S:
            odd += 1
        else:
            stamps[uuid] = stamp
    had = known(_key(uuid) for uuid in stamps)
    new = [
        [uuid, stamp]
        for uuid, stamp in sorted(stamps.items(), key=lambda one: (one[1], one[0]))
        if stamp > int(had.get(_key(uuid), 0))
    ]
    notes = (f"{odd} events of the manifest have no UUID, or no time that can be",) if odd else ()
    return new, notes


def _event(checkpoint: dict[str, Any], *, asking: Asking) -> Pull:
    """Read the next event."""
    (uuid, stamp), *pending = checkpoint["pending"]
    onward: dict[str, Any] = {**checkpoint, "pending": pending}
    more = bool(pending) or bool(checkpoint.get("rest"))
    if not pending:
        onward = {} if checkpoint.get("rest") else {"etag": checkpoint.get("tag", "")}
    events = {_key(uuid): str(stamp)}
    try:
        answer = asking.ask(_question(f"{uuid}.json", asking=asking))
        told, faults, others = read_event(read_json(answer))
    except (EventError, LargeError) as error:
        fault = Fault(_key(uuid), str(error))
        return Pull([], [fault], onward, more=more, events=events)
    except RefusedError as error:
        if error.status != _GONE:
            raise
        fault = Fault(_key(uuid), "it is in the manifest, and not there (404)")
        return Pull([], [fault], onward, more=more, events=events)
    return Pull(told, faults, onward, more=more, events=events, others=others)


def _question(name: str, *, asking: Asking, headers: dict[str, str] | None = None) -> Question:
    """What is asked for: with the key alone, as MISP has it, or with an account by Basic."""
    place = asking.place
    said = {"accept": "application/json", **asking.signed(bare=True), **(headers or {})}
    return Question(f"{place.address}/{name}", headers=said)


def _key(uuid: str) -> str:
    """What an event is called among records."""
    return f"event:{uuid}"
