# SPDX-License-Identifier: Apache-2.0
"""Pull from a MISP, by a feed or by its API: the list of events, then those that are newer.

1 A feed's manifest is requested with the ETag of the last completed one (304: nothing is new). By
  the API, the index of published events is the list.
2 New events are put into the checkpoint, a limited number at a time; each step reads one event.
3 An event that cannot be read is logged and skipped until its timestamp rises.
4 By the API, the sharing groups are read too, if its organisations are known as parties.
5 By the API, sightings of attributes are read too, if they are asked for.

Events that vanish from the list end nothing, as in MISP: ended attributes are marked as deleted.

source: MISP's own reader of feeds (Feed.php); PyMISP's search_index() and get_event().
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.sources import sharing_groups
from stemtide.hub.rooms.exchanges.sources.source import (
    LargeError,
    SourceClient,
    SourceError,
    SourceRefusedError,
    VersionsOf,
    read_json,
)
from stemtide.interop.exchanges import Pull, RecordError, SourceFeedback
from stemtide.interop.misp.pulled import EventError, read_event
from stemtide.interop.misp.sightings import read_sightings

MAX_EVENTS = 20_000
"""Most events in a list; more are an error."""

AT_ONCE = 200
"""Events per checkpoint; the others are read from the list afterwards."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAY_S = 86_400
_MAX_DIGITS = 15
_GONE = 404


def pull(checkpoint: dict[str, Any], *, client: SourceClient, versions_of: VersionsOf) -> Pull:
    """Make one step: read the manifest, or one event.

    checkpoint: etag (of the last completed manifest), pending (events with their timestamps), tag
    (of
    the manifest that they are from), rest (whether it has more).

    raises: SourceError.
    """
    if checkpoint.get("pending"):
        return _event(checkpoint, client=client, is_api=False)
    headers = {"if-none-match": str(checkpoint["etag"])} if checkpoint.get("etag") else {}
    response = client.ask(_question("manifest.json", client=client, more=headers))
    if response.status == 304:  # noqa: PLR2004  # Not Modified
        return Pull(checkpoint=checkpoint)
    listed = read_json(response)
    if not isinstance(listed, dict) or len(listed) > MAX_EVENTS:
        raise SourceError("its answer is no manifest, or one of too many events")
    new, notes = _new(listed, versions_of=versions_of, now_s=int(client.now.timestamp()))
    tag = response.headers.get("etag", "")[:300]
    if not new:
        return Pull(checkpoint={"etag": tag}, notes=notes)
    onward = {"pending": new[:AT_ONCE], "tag": tag, "rest": len(new) > AT_ONCE}
    return Pull(checkpoint=onward, more=True, notes=notes)


def pull_by_api(
    checkpoint: dict[str, Any], *, client: SourceClient, versions_of: VersionsOf
) -> Pull:
    """Make one step: read the index of published events, or one event.

    checkpoint: pending (events with their timestamps), rest (whether the index has more).

    raises: SourceError.
    """
    if checkpoint.get("pending"):
        return _event(checkpoint, client=client, is_api=True)
    filters = {"minimal": 1, "published": 1}
    listed = read_json(client.ask(_question("events/index", client=client, body=filters)))
    if not isinstance(listed, list) or len(listed) > MAX_EVENTS:
        raise SourceError(f"its answer is no index, or one of more than {MAX_EVENTS:,} events")
    fields = ("timestamp", "sighting_timestamp") if client.endpoint.feedback else ("timestamp",)
    entries = {
        str(entry.get("uuid")): {"timestamp": max(_stamps(entry, fields), default=None)}
        for entry in listed
        if isinstance(entry, dict)
    }
    new, notes = _new(entries, versions_of=versions_of, now_s=int(client.now.timestamp()))
    onward = {"pending": new[:AT_ONCE], "rest": len(new) > AT_ONCE} if new else {}
    return Pull(checkpoint=onward, more=bool(new), notes=notes)


def _stamps(entry: dict[str, Any], fields: Iterable[str]) -> list[int]:
    """Return the times of an event, in seconds; those that are none are left out."""
    texts = [str(entry.get(name) or "") for name in fields]
    return [int(text) for text in texts if text.isdecimal() and len(text) <= _MAX_DIGITS]


def _new(
    listed: dict[str, Any], *, versions_of: VersionsOf, now_s: int
) -> tuple[list[list[Any]], tuple[str, ...]]:
    """Return events whose timestamp is higher than the one that was read, oldest first."""
    stamps: dict[str, int] = {}
    invalid_count = 0
    for uuid, entry in listed.items():
        text = str(entry.get("timestamp", "")) if isinstance(entry, dict) else ""
        stamp = int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else None
        if not _UUID.fullmatch(uuid) or stamp is None or stamp > now_s + _DAY_S:
            invalid_count += 1
        else:
            stamps[uuid] = stamp
    known_stamps = versions_of(_key(uuid) for uuid in stamps)
    new = [
        [uuid, stamp]
        for uuid, stamp in sorted(stamps.items(), key=lambda item: (item[1], item[0]))
        if stamp > int(known_stamps.get(_key(uuid), 0))
    ]
    notes = (
        (f"{invalid_count} events of the list have no UUID, or no time that can be",)
        if invalid_count
        else ()
    )
    return new, notes


def _event(checkpoint: dict[str, Any], *, client: SourceClient, is_api: bool) -> Pull:
    """Read the next event."""
    (uuid, stamp), *pending = checkpoint["pending"]
    onward: dict[str, Any] = {**checkpoint, "pending": pending}
    more = bool(pending) or bool(checkpoint.get("rest"))
    if not pending:
        onward = {} if is_api or checkpoint.get("rest") else {"etag": checkpoint.get("tag", "")}
    events = {_key(uuid): str(stamp)}
    question = _question(f"{uuid}.json", client=client)
    if is_api:
        question = _question(f"events/view/{uuid}", client=client, body={"deleted": [0, 1]})
    try:
        sent = read_json(client.ask(question))
        audience_of = sharing_groups.audiences(client) if is_api else None
        source_records, faults, others = read_event(sent, is_api=is_api, audience_of=audience_of)
    except (EventError, LargeError) as error:
        fault = RecordError(_key(uuid), str(error))
        return Pull([], [fault], onward, more=more, events=events)
    except SourceRefusedError as error:
        if error.status != _GONE:
            raise
        fault = RecordError(_key(uuid), "it is in the list, and not there (404)")
        return Pull([], [fault], onward, more=more, events=events)
    feedback = SourceFeedback()
    if is_api and client.endpoint.feedback:
        feedback = read_sightings(sent)
    return Pull(
        *(source_records, faults, onward),
        more=more,
        events=events,
        others=others,
        feedback=feedback,
    )


def _question(
    name: str,
    *,
    client: SourceClient,
    more: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
) -> OutboundRequest:
    """Return the request, with the bare key as MISP expects it, or Basic with an account.

    more: headers. body: to post as JSON.
    """
    headers = {"accept": "application/json", **client.signed(bare=True), **(more or {})}
    address = f"{client.endpoint.address}/{name}"
    if body is None:
        return OutboundRequest(address, headers=headers)
    headers["content-type"] = "application/json"
    return OutboundRequest(address, method="POST", headers=headers, body=msgspec.json.encode(body))


def _key(uuid: str) -> str:
    """Return an event's key among the records."""
    return f"event:{uuid}"
