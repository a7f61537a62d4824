# SPDX-License-Identifier: Apache-2.0
"""Read signals by value in the order of their stamps, for clients that poll by second (StopNCII).

1 A record represents one value: all live signals of it that a party may see, with all opinions.
2 Stamps are given in the order of commits. A run of pages ends with the stamp that was the last
  when the run began. A client that continues from that stamp misses nothing: later changes have
  that stamp or a later one. Records of that same second come twice.
3 Signals that no longer match are sent only to clients that may have received them: those that
  were shared in or before the second that the client asks from.
4 A client that has nothing yet gets the canary first. Canary records count towards the page size;
  if a page ends between them, the place has stamp 0.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import canonical as url
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.stopncii import canary
from stemtide.interop.stopncii.records import (
    FEEDBACK_OF,
    FIRST_START_S,
    TYPE_OF,
    Feedback,
    FeedbackOut,
    RecordOut,
    Status,
    feedback_of_sharer,
)
from stemtide.protocol.enums import Opinion, SignalState
from stemtide.protocol.handling import Pap


class _Row(NamedTuple):
    """The columns of a signal that a record is built from."""

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


class PagePosition(NamedTuple):
    """The position where a page ended. until_s: the last stamp when the run's first page was read.

    stamp_s: 0 while pk counts the canary records that were sent.
    """

    stamp_s: int
    pk: int
    until_s: int


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records in the order of their stamps. place: where to continue; None at the end.

    next_s: the time to ask from next time, never before a stamp that was sent already.
    """

    records: list[RecordOut]
    next_s: int
    place: PagePosition | None


def records(
    since_s: int, *, viewer: Party, limit: int, after: PagePosition | None = None
) -> RecordPage:
    """Return the records that changed in or after a second, oldest first.

    A client that has nothing yet (since_s at or before FIRST_START_S) gets the canary and all live
    signals. The last stamp is read before the rows: rows written in between have no lower stamp.
    """
    place = after or PagePosition(0, 0, _last_stamp())
    canaries = _canaries(since_s, place)[:limit]
    if not place.stamp_s:
        place = place._replace(pk=place.pk + len(canaries))
    size = limit - len(canaries)
    rows = _rows(since_s, place, viewer=viewer)[: size + 1]
    page = [_Row(*columns) for columns in rows][:size]
    if page:
        place = PagePosition(page[-1].stamp_s, page[-1].pk, place.until_s)
    is_more = len(rows) > size or bool(_canaries(since_s, place))
    return RecordPage(
        records=[*canaries, *_records(page, viewer=viewer)],
        next_s=max(since_s, place.stamp_s),
        place=place if is_more else None,
    )


def _canaries(since_s: int, place: PagePosition) -> list[RecordOut]:
    """Return the canary records that are still to be sent."""
    is_first = since_s <= FIRST_START_S and not place.stamp_s
    return canary.records()[place.pk :] if is_first else []


def _rows(since_s: int, place: PagePosition, *, viewer: Party) -> QuerySet[Signal, tuple[Any, ...]]:
    """Return the columns of signals changed in or after a second and not sent yet, oldest first."""
    rows = _representable(viewer).filter(
        _known_to_client(since_s), stamp_s__range=(since_s, place.until_s)
    )
    if place.stamp_s:
        is_same = Q(stamp_s=place.stamp_s, pk__gt=place.pk)
        rows = rows.filter(Q(stamp_s__gt=place.stamp_s) | is_same)
    return rows.order_by("stamp_s", "pk").values_list(*_COLUMNS)


def with_value(text: str, *, viewer: Party) -> list[tuple[UUID, str]]:
    """Return live real signals of a value that a party may see, of any kind: id and sharer.

    text: hex of any kind, or a web address in any spelling.
    """
    rows = Signal.objects.filter(
        visible(viewer), pk__in=_with_text(text), state=SignalState.LIVE, exercise=False
    )
    return list(rows.order_by("position").values_list("uid", "shared_by__name"))


def _with_text(text: str) -> list[int]:
    """Return the primary keys of live signals whose value a text spells, of any party."""
    values = [(kind.value, text.lower()) for kind in Kind]
    with suppress(url.UrlError):  # not an address: a hash, or nothing
        values.append((Kind.URL.value, url.digest(rule_of(text, reach=UrlScope.ADDRESS)).hex()))
    return [pk for kind, value in values for pk in bulk_sql.live_with(kind, [value])]


def _representable(viewer: Party) -> QuerySet[Signal]:
    """Return the signals that a record can represent for a party: real ones, each of one value.

    Left out are signals that forbid all action, because clients act on every record, and signals of
    whole folders or hosts, which clients would treat as one address.
    """
    rows = Signal.objects.filter(visible(viewer), exercise=False, kind__in=_KINDS)
    return rows.exclude(pap=Pap.RED).exclude(
        Q(kind=Kind.URL) & (Q(url="") | Q(reach__isnull=False))
    )


def _last_stamp() -> int:
    """Return the last stamp that was given."""
    return Signal.objects.aggregate(last=Max("stamp_s"))["last"] or 0


def _known_to_client(since_s: int) -> Q:
    """Return the filter for live signals and ended ones that the client may have received."""
    if since_s <= FIRST_START_S:
        return Q(state=SignalState.LIVE)
    after = datetime.fromtimestamp(since_s, UTC) + timedelta(seconds=1)
    return Q(state=SignalState.LIVE) | Q(shared_at__lt=after)


def _records(page: list[_Row], *, viewer: Party) -> list[RecordOut]:
    """Return a record for each value of a page, at the value's last position in the page."""
    last = {(row.kind, row.value): row for row in page}
    live = _live(last, viewer=viewer)
    judged = _opinions([row.pk for rows in live.values() for row in rows])
    visible_crises, hub = crises.visible_ids(viewer=viewer), ledger.heads().hub
    return [
        _live_record(row, live[value], judged=judged, visible_crises=visible_crises, hub=hub)
        if value in live
        else _ended_record(row)
        for value, row in sorted(last.items(), key=lambda item: (item[1].stamp_s, item[1].pk))
    ]


def _live(values: Iterable[_Value], *, viewer: Party) -> dict[_Value, list[_Row]]:
    """Return the live signals of each value that a party may see."""
    by_kind: dict[str, list[str]] = {}
    for kind, value in values:
        by_kind.setdefault(kind, []).append(value)
    live: dict[_Value, list[_Row]] = {}
    pks = [
        pk for kind, kind_values in by_kind.items() for pk in bulk_sql.live_with(kind, kind_values)
    ]
    for batch in batches(pks):
        rows = _representable(viewer).filter(pk__in=batch, state=SignalState.LIVE).order_by("pk")
        for row in (_Row(*columns) for columns in rows.values_list(*_COLUMNS)):
            live.setdefault((row.kind, row.value), []).append(row)
    return live


def _opinions(pks: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    """Return the opinions on each signal: party and opinion, the earliest first."""
    opinions: dict[int, list[tuple[str, str]]] = {}
    for batch in batches(pks):
        rows = OpinionRow.objects.filter(signal__in=batch).order_by("given_at", "pk")
        for pk, party, opinion in rows.values_list("signal_id", "party__name", "opinion"):
            opinions.setdefault(pk, []).append((party, opinion))
    return opinions


def _live_record(
    row: _Row,
    live: list[_Row],
    *,
    judged: Mapping[int, list[tuple[str, str]]],
    visible_crises: frozenset[UUID] | None,
    hub: UUID,
) -> RecordOut:
    """Return the record of a value that matches, with the feedback of its sharers and reviewers."""
    feedback: dict[str, FeedbackOut] = {}
    cases: dict[str, Status] = {}
    for signal in live:
        if signal.crisis and (visible_crises is None or signal.crisis in visible_crises):
            cases[str(signal.crisis)] = Status.ACTIVE
        _add(
            feedback,
            signal.shared_by,
            feedback_of_sharer(Pap(signal.pap)),
            tags=_tags(signal, hub=hub),
        )
    for signal in live:
        for party, opinion in judged.get(signal.pk, ()):
            _add(feedback, party, FEEDBACK_OF[Opinion(opinion)], tags=[])
    return _record(row, Status.ACTIVE, cases=cases, feedback=list(feedback.values()))


def _add(
    feedback: dict[str, FeedbackOut], source: str, value: Feedback, *, tags: list[str]
) -> None:
    """Add one party's feedback; if it gave two, keep the value that blocks more."""
    before = feedback.get(source)
    if before is None:
        feedback[source] = FeedbackOut(source=source, feedbackValue=value, tags=tags)
        return
    strongest = min(before.feedbackValue, value, key=_STRONGEST.index)
    feedback[source] = FeedbackOut(
        source=source, feedbackValue=strongest, tags=list(dict.fromkeys([*before.tags, *tags]))
    )


def _ended_record(row: _Row) -> RecordOut:
    """Return the record of a value that no longer matches: no feedback blocks, its sharer objects.

    Clients keep such a record and show it as disputed.
    """
    is_expired = row.state == SignalState.EXPIRED
    value = Feedback.WITHDRAWN if is_expired else Feedback.NOT_BLOCKED
    tags = [str(row.state), f"signal:{row.uid}"]
    feedback = FeedbackOut(source=row.shared_by, feedbackValue=value, tags=tags)
    return _record(row, Status.WITHDRAWN, cases={}, feedback=[feedback])


def _record(
    row: _Row, status: Status, *, cases: dict[str, Status], feedback: list[FeedbackOut]
) -> RecordOut:
    """Return a record. Clients compare addresses literally, so they get the likeliest spelling."""
    return RecordOut(
        lastModtimestamp=row.stamp_s,
        signalType=TYPE_OF[Kind(row.kind)],
        hashValue=f"https://{row.url}" if row.kind == Kind.URL else row.value,
        hashStatus=status,
        caseNumbers=cases,
        CSPFeedbacks=feedback,
    )


def _tags(row: _Row, *, hub: UUID) -> list[str]:
    """Return tags for the facts that the format has no field for. hub: the id of this hub."""
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
