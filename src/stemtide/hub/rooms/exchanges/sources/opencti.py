# SPDX-License-Identifier: Apache-2.0
"""Pull from a live stream of an OpenCTI: server-sent events with objects of STIX. Decision 0228.

1 The first run reads everything: OpenCTI sends the objects that the stream's filters let through,
  oldest change first, and then its events since (`recover`). Afterwards the hub asks for the events
  after its position. If OpenCTI no longer keeps all of these, everything is read again, and records
  that do not come have ended.
2 A run ends at a heartbeat at or after the last event that there was when it connected.
3 What an event refers to comes before it under the same id. So a page ends between two ids.
4 A heartbeat has the time of another clock than events, so the position stays a minute behind it.
5 A lack of progress is an error: a page that is full, or that breaks off, under one id, or with ids
  that go back; an id that lies in the future.

source: OpenCTI, Data streaming (live streams; from, recover, no-dependencies, listen-delete).
"""

import re
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from stemtide.client.lines import EventReader, ServerEvent
from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.sources.source import (
    SourceClient,
    SourceError,
    VersionsOf,
    decode_json,
)
from stemtide.interop.exchanges import Pull, RecordError, SourceFeedback
from stemtide.interop.stix.event_feedback import read_event_feedback
from stemtide.interop.stix.events import TYPES, UnreadableEventError, objects_of
from stemtide.interop.stix.objects import Stix
from stemtide.interop.stix.pulled import MAX_SIGNALS, TooManySignalsError, read_objects

PAGE = 100
"""Indicators of one page: with 200 comparisons each, the most signals that are taken at once."""

PAGE_FEEDBACK = 2_000
"""Opinions and sightings of one page."""

MAX_EVENTS = 10_000
"""Most events of one page, whatever they are."""

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""A longer event is refused alone."""

_DAY_MS, _BEHIND_MS = 86_400_000, 60_000
_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,9})", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")

_Position: TypeAlias = tuple[int, int]
"""The id of an event: milliseconds since 1970, and a number within them."""

_START: _Position = (0, 0)


def pull(checkpoint: dict[str, Any], *, client: SourceClient, versions_of: VersionsOf) -> Pull:  # noqa: ARG001  # part of the Puller interface
    """Read one page of the stream.

    checkpoint: after (the id of an event), recover (until when objects are sent instead of events,
    as an id), full_since (when reading everything began).

    raises: SourceError.
    """
    checkpoint = checkpoint or _from_start(client.now)
    page = _Page(
        start=_position(str(checkpoint["after"])) or _START,
        recover=_position(str(checkpoint.get("recover", ""))),
        now_ms=_ms(client.now),
    )
    _read_page(page, _question(page, client=client), client=client)
    if page.is_gap:
        note = "it no longer has all events since the last run: everything is read again"
        return Pull(checkpoint=_from_start(client.now), more=True, notes=(note,))
    return _pulled(page, checkpoint, client=client)


def _pulled(page: "_Page", checkpoint: dict[str, Any], *, client: SourceClient) -> Pull:
    """Return the records of a page. raises: SourceError."""
    try:
        source_records, faults, others = read_objects(page.objects)
    except TooManySignalsError as error:
        words = f"it brings more than {MAX_SIGNALS:,} signals under one id: no way on"
        raise SourceError(words) from error
    feedback = SourceFeedback()
    if client.endpoint.feedback:
        feedback = read_event_feedback(page.objects, now=client.now)
    since = checkpoint.get("full_since")
    is_whole = page.is_over and since is not None
    onward = {"after": _text(page.position)}
    if not is_whole:
        onward |= {key: checkpoint[key] for key in ("recover", "full_since") if key in checkpoint}
    return Pull(
        source_records,
        [*page.faults, *faults],
        onward,
        more=not page.is_over and page.has_progress,
        others=others + page.unknown.total(),
        notes=_notes(page.unknown),
        feedback=feedback,
        full_since=datetime.fromisoformat(since) if since else None,
        is_whole=is_whole,
    )


def _from_start(now: datetime) -> dict[str, Any]:
    """Return the checkpoint from which everything is read."""
    recover = _text((_ms(now) - _BEHIND_MS, 0))
    return {"after": _text(_START), "recover": recover, "full_since": now.isoformat()}


def _question(page: "_Page", *, client: SourceClient) -> OutboundRequest:
    """Return the request."""
    query = {"from": _text(page.start), "no-dependencies": "true", "listen-delete": "true"}
    if page.recover:
        moment = datetime.fromtimestamp(page.recover[0] / 1000, tz=UTC)
        query["recover"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    headers = {"accept": "text/event-stream", **client.signed()}
    return OutboundRequest(f"{client.endpoint.address}?{urlencode(query)}", headers=headers)


def _read_page(page: "_Page", question: OutboundRequest, *, client: SourceClient) -> None:
    """Read events until a page is complete. raises: SourceError without progress."""
    reader = EventReader(MAX_EVENT_BYTES)
    try:
        with closing(client.stream(question)) as parts:
            for part in parts:
                if not all(page.take(event) for event in reader.take(part)):
                    break
            else:
                page.note_end()
    except SourceError:
        # What is too long to end within the limit of a page costs itself alone, if it has an id.
        if reader.too_large and _position(reader.too_large.id):
            page.take(reader.too_large)
            page.note_end()
        if not page.has_progress:
            raise
    if page.is_full and not page.has_progress:
        raise SourceError("it sends too many events under one id, or its ids go back: no way on")


@dataclass
class _Page:
    """The events of one page.

    start: the position after which events were requested. recover: see the checkpoint.
    position: the id up to which everything was read; group: that of the present event.
    last: of the last event that there was when the connection was made.
    unknown: events that no objects come with, by name.
    """

    start: _Position
    recover: _Position | None
    now_ms: int
    objects: list[Stix] = field(default_factory=list)
    faults: list[RecordError] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    is_over: bool = False
    is_full: bool = False
    is_gap: bool = False

    def __post_init__(self) -> None:
        self.position = self.group = self.last = self.start
        self._event_count = 0
        self._type_counts: Counter[str] = Counter()

    @property
    def has_progress(self) -> bool:
        """Whether the next page begins later than this one."""
        return self.position > self.start

    @property
    def _is_long(self) -> bool:
        """Whether the next id goes to the next page."""
        counts = self._type_counts
        return (
            counts["indicator"] >= PAGE or counts["opinion"] + counts["sighting"] >= PAGE_FEEDBACK
        )

    def take(self, event: ServerEvent) -> bool:
        """Read an event; return whether to read on. raises: SourceError."""
        self._event_count += 1
        self.is_full = self._event_count > MAX_EVENTS
        place = _position(event.id)
        if place is not None and place[0] > self.now_ms + _DAY_MS:
            raise SourceError("its clock is wrong: the id of an event lies in the future")
        if event.name == "connected":
            return self._connect(event)
        if event.name == "heartbeat":
            return self._pause(place)
        if place is not None and place > self.group:
            self.position = self.group
            self.is_full |= self.has_progress and self._is_long
            if self.is_full:
                return False
            self.group = place
        self._read(event)
        return not self.is_full

    def note_end(self) -> None:
        """Note that no more comes: of a single id everything that comes has come.

        raises: SourceError if nothing came at all.
        """
        if not self._event_count:
            raise SourceError("it sends no events, and no heartbeats either")
        if not self.has_progress:
            self.position = self.group

    def _connect(self, event: ServerEvent) -> bool:
        """Note what the server has; return whether to read on."""
        try:
            info = decode_json(event.data.encode())
        except SourceError:
            info = None
        names = info if isinstance(info, dict) else {}
        first = _position(str(names.get("firstEventId")))
        last = _position(str(names.get("lastEventId")))
        self.last = last or self.start
        if self.recover is not None:
            return True
        self.is_gap = first is not None and first > self.start
        self.is_over = not self.is_gap and last is not None and last <= self.start
        return not self.is_gap and not self.is_over

    def _pause(self, place: _Position | None) -> bool:
        """Note a heartbeat; return whether to read on."""
        if place is None or place < max(self.last, self.recover or _START):
            return not self.is_full
        self.is_over = True
        behind = (place[0] - _BEHIND_MS, 0)
        self.position = max(self.position, self.group, self.recover or _START, behind)
        return False

    def _read(self, event: ServerEvent) -> None:
        """Take the objects of an event, or note why there are none."""
        if event.is_too_large:
            self._refuse(event, f"it has more than {MAX_EVENT_BYTES:,} bytes")
            return
        if event.name not in TYPES:
            self.unknown[event.name if _NAME.fullmatch(event.name) else "?"] += 1
            return
        try:
            objects = objects_of(event.name, decode_json(event.data.encode()))
        except UnreadableEventError as error:
            self._refuse(event, str(error))
        except SourceError:
            self._refuse(event, "its data is no JSON")
        else:
            self.objects += objects
            self._type_counts.update(stix["type"] for stix in objects)

    def _refuse(self, event: ServerEvent, words: str) -> None:
        """Note an event that cannot be read."""
        name = event.id if _position(event.id) else "without an id"
        self.faults.append(RecordError(f"event {name}", words))


def _position(text: str) -> _Position | None:
    """Return the position that an id names, None if it is none."""
    match = _ID.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _text(position: _Position) -> str:
    """Return a position as the id of an event."""
    return f"{position[0]}-{position[1]}"


def _ms(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def _notes(unknown: Counter[str]) -> tuple[str, ...]:
    """Return a log line about events that no objects come with."""
    names = ", ".join(f"{count} {name}" for name, count in unknown.most_common(5))
    return (f"events that are not known: {names}",) if unknown else ()
