# SPDX-License-Identifier: Apache-2.0
"""Signals by value and in the order of their stamps, for clients that count in seconds.

1 A record stands for one value: all live signals of it that a party may see, with what is said.
2 Stamps are given in the order of commits. A run of pages ends with the stamp that was the last
  when it began, so whoever asks again from the last stamp told misses nothing: what changed
  meanwhile has that one or a later one. What shares that second comes twice.
3 What no longer matches is told to those who may have it, and to nobody else: what a reader has
  was shared in the second that it asks from, or before.
4 Whoever has nothing is told the canary first. It counts as any record does, so that no page is
  longer than asked for; where a page ends between its records, the place has stamp 0.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from stemtide.fingerprints import url
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url_reach import Reach, rule_of
from stemtide.hub.crises import reads as crises
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import statements
from stemtide.hub.signals.long_values import batches
from stemtide.hub.signals.models import OpinionRow, Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol import canary
from stemtide.protocol.handling import Pap
from stemtide.protocol.stopncii import (
    FEEDBACK_OF,
    FIRST_START_S,
    TYPE_OF,
    Feedback,
    FeedbackOut,
    RecordOut,
    Status,
    feedback_of_sharer,
)
from stemtide.protocol.words import Opinion, SignalState


class _Row(NamedTuple):
    """What a record is made of, as it stands in the row of a signal."""

    pk: int
    stamp_s: int
    uid: UUID
    state: str
    kind: str
    value: str
    url: str
    shared_by: str
    crisis: UUID | None
    labels: list[str]
    severity: str
    confidence: int
    tlp: str
    pap: str
    via: str


_COLUMNS = tuple(
    {"shared_by": "shared_by__name", "crisis": "crisis__uid"}.get(field, field)
    for field in _Row._fields
)
_KINDS = tuple(kind.value for kind in TYPE_OF)
_STRONGEST = (Feedback.NOT_BLOCKED, Feedback.BLOCKED, Feedback.PENDING_REVIEW)
_Value = tuple[str, str]


class Place(NamedTuple):
    """Where a page ended. until_s: the last stamp when the first page of its run was read.

    stamp_s: 0 while pk counts the records of the canary that were told.
    """

    stamp_s: int
    pk: int
    until_s: int


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in the order of their stamps. place: where to go on; None where all were told.

    next_s: the time to ask from next time, never before one that was told already.
    """

    records: list[RecordOut]
    next_s: int
    place: Place | None


def records(since_s: int, *, viewer: Party, limit: int, after: Place | None = None) -> RecordPage:
    """What changed in or after a second, oldest first; for whoever has nothing, what is live.

    The last stamp is read before the rows: what is written in between has no lower one.
    """
    place = after or Place(0, 0, _last_stamp())
    canaries = _canaries(since_s, place)[:limit]
    if not place.stamp_s:
        place = place._replace(pk=place.pk + len(canaries))
    size = limit - len(canaries)
    found = _rows(since_s, place, viewer=viewer)[: size + 1]
    page = [_Row(*one) for one in found][:size]
    if page:
        place = Place(page[-1].stamp_s, page[-1].pk, place.until_s)
    is_more = len(found) > size or bool(_canaries(since_s, place))
    return RecordPage(
        records=[*canaries, *_records(page, viewer=viewer)],
        next_s=max(since_s, place.stamp_s),
        place=place if is_more else None,
    )


def _canaries(since_s: int, place: Place) -> list[RecordOut]:
    """The records of the canary that are still to be told."""
    is_first = since_s <= FIRST_START_S and not place.stamp_s
    return canary.records()[place.pk :] if is_first else []


def _rows(since_s: int, place: Place, *, viewer: Party) -> QuerySet[Signal, tuple[Any, ...]]:
    """The columns of what changed in or after a second and is still to be told, oldest first."""
    rows = _given(viewer).filter(_may_be_had(since_s), stamp_s__range=(since_s, place.until_s))
    if place.stamp_s:
        is_same = Q(stamp_s=place.stamp_s, pk__gt=place.pk)
        rows = rows.filter(Q(stamp_s__gt=place.stamp_s) | is_same)
    return rows.order_by("stamp_s", "pk").values_list(*_COLUMNS)


def with_value(text: str, *, viewer: Party) -> list[tuple[UUID, str]]:
    """Live real signals of a value that a party may see, of any kind: id, and who shared each.

    text: hex of any kind, or a web address in any spelling.
    """
    rows = Signal.objects.filter(
        visible(viewer), pk__in=_with_text(text), state=SignalState.LIVE, exercise=False
    )
    return list(rows.order_by("position").values_list("uid", "shared_by__name"))


def _with_text(text: str) -> list[int]:
    """Live signals whose value a text spells, whoever may see them."""
    values = [(kind.value, text.lower()) for kind in Kind]
    with suppress(url.UrlError):  # then it is a hash or nothing
        values.append((Kind.URL.value, url.digest(rule_of(text, reach=Reach.ADDRESS)).hex()))
    return [pk for kind, value in values for pk in statements.live_with(kind, [value])]


def _given(viewer: Party) -> QuerySet[Signal]:
    """The signals that this shape can tell a party of: real ones, each of one value.

    Not those that forbid all action, for its readers act on whatever is there, and not those of
    whole folders or hosts, which they would take for one address.
    """
    rows = Signal.objects.filter(visible(viewer), exercise=False, kind__in=_KINDS)
    return rows.exclude(pap=Pap.RED).exclude(
        Q(kind=Kind.URL) & (Q(url="") | Q(reach__isnull=False))
    )


def _last_stamp() -> int:
    """The last stamp that was given."""
    return Signal.objects.aggregate(last=Max("stamp_s"))["last"] or 0


def _may_be_had(since_s: int) -> Q:
    """What matches, and what no longer does but may have been told to who asks from that second."""
    if since_s <= FIRST_START_S:
        return Q(state=SignalState.LIVE)
    after = datetime.fromtimestamp(since_s, UTC) + timedelta(seconds=1)
    return Q(state=SignalState.LIVE) | Q(shared_at__lt=after)


def _records(page: list[_Row], *, viewer: Party) -> list[RecordOut]:
    """A record for each value of a page, where the value comes last."""
    last = {(row.kind, row.value): row for row in page}
    live = _live(last, viewer=viewer)
    judged = _judged([one.pk for some in live.values() for one in some])
    seen, hub = crises.seen(viewer=viewer), ledger.heads().hub
    return [
        _active(row, live[value], judged=judged, seen=seen, hub=hub)
        if value in live
        else _ended(row)
        for value, row in sorted(last.items(), key=lambda one: (one[1].stamp_s, one[1].pk))
    ]


def _live(values: Iterable[_Value], *, viewer: Party) -> dict[_Value, list[_Row]]:
    """The live signals of each value that a party may see."""
    by_kind: dict[str, list[str]] = {}
    for kind, value in values:
        by_kind.setdefault(kind, []).append(value)
    found: dict[_Value, list[_Row]] = {}
    pks = [pk for kind, some in by_kind.items() for pk in statements.live_with(kind, some)]
    for some_pks in batches(pks):
        rows = _given(viewer).filter(pk__in=some_pks, state=SignalState.LIVE).order_by("pk")
        for row in (_Row(*one) for one in rows.values_list(*_COLUMNS)):
            found.setdefault((row.kind, row.value), []).append(row)
    return found


def _judged(pks: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    """What is said of each of some signals: party and opinion, the earliest first."""
    found: dict[int, list[tuple[str, str]]] = {}
    for batch in batches(pks):
        rows = OpinionRow.objects.filter(signal__in=batch).order_by("given_at", "pk")
        for pk, party, opinion in rows.values_list("signal_id", "party__name", "opinion"):
            found.setdefault(pk, []).append((party, opinion))
    return found


def _active(
    row: _Row,
    live: list[_Row],
    *,
    judged: Mapping[int, list[tuple[str, str]]],
    seen: frozenset[UUID] | None,
    hub: UUID,
) -> RecordOut:
    """The record of a value that matches: what those who share it say, and those who judged it."""
    said: dict[str, FeedbackOut] = {}
    cases: dict[str, Status] = {}
    for one in live:
        if one.crisis and (seen is None or one.crisis in seen):
            cases[str(one.crisis)] = Status.ACTIVE
        _add(said, one.shared_by, feedback_of_sharer(Pap(one.pap)), tags=_tags(one, hub=hub))
    for one in live:
        for party, opinion in judged.get(one.pk, ()):
            _add(said, party, FEEDBACK_OF[Opinion(opinion)], tags=[])
    return _record(row, Status.ACTIVE, cases=cases, said=list(said.values()))


def _add(said: dict[str, FeedbackOut], source: str, value: Feedback, *, tags: list[str]) -> None:
    """Let one party say one thing; of two the one that stops more."""
    before = said.get(source)
    if before is None:
        said[source] = FeedbackOut(source=source, feedbackValue=value, tags=tags)
        return
    strongest = min(before.feedbackValue, value, key=_STRONGEST.index)
    said[source] = FeedbackOut(
        source=source, feedbackValue=strongest, tags=list(dict.fromkeys([*before.tags, *tags]))
    )


def _ended(row: _Row) -> RecordOut:
    """The record of a value that matches no more: nobody says block, and who took it back objects.

    The clients keep such a record, and show it as disputed.
    """
    is_expired = row.state == SignalState.EXPIRED
    value = Feedback.WITHDRAWN if is_expired else Feedback.NOT_BLOCKED
    tags = [str(row.state), f"signal:{row.uid}"]
    said = FeedbackOut(source=row.shared_by, feedbackValue=value, tags=tags)
    return _record(row, Status.WITHDRAWN, cases={}, said=[said])


def _record(
    row: _Row, status: Status, *, cases: dict[str, Status], said: list[FeedbackOut]
) -> RecordOut:
    """A record. Clients compare addresses as they stand, so they get the likeliest spelling."""
    return RecordOut(
        lastModtimestamp=row.stamp_s,
        signalType=TYPE_OF[Kind(row.kind)],
        hashValue=f"https://{row.url}" if row.kind == Kind.URL else row.value,
        hashStatus=status,
        caseNumbers=cases,
        CSPFeedbacks=said,
    )


def _tags(row: _Row, *, hub: UUID) -> list[str]:
    """What the shape has no place for, in words of ours. hub: which this is."""
    return [
        f"signal:{row.uid}",
        *(f"label:{label}" for label in row.labels),
        f"severity:{row.severity}",
        f"confidence:{row.confidence}",
        f"tlp:{row.tlp}",
        f"pap:{row.pap}",
        *(f"via:{hub}" for hub in row.via.split()),
        f"hub:{hub}",
    ]
