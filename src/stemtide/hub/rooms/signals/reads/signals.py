# SPDX-License-Identifier: Apache-2.0
"""Read signals: single ones, the feed, snapshots, the board, and totals."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Count, Max, Q, QuerySet, Sum

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import ConflictError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.platform.retention.columns import describe_retention
from stemtide.hub.rooms.allowlists import reads as allowlists
from stemtide.hub.rooms.approvals.models import WaitingSignal
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.rules import waiting_words
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import standing
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import (
    Row,
    batches,
    durations,
    filled_parts,
    full_value,
)
from stemtide.hub.rooms.signals.models import (
    ContentItem,
    OutcomeTally,
    Sighting,
    Signal,
    SignalTally,
)
from stemtide.hub.rooms.signals.reads import opinions
from stemtide.hub.rooms.signals.rules.signals import Facts, SignalFacts, unpack_audience
from stemtide.hub.rooms.signals.views import (
    NAMES,
    WIRE,
    BoardRow,
    FeedPlace,
    Outcomes,
    SharedChange,
    SightingRow,
    VisibleSignal,
    board_row,
)
from stemtide.protocol.enums import (
    ApprovalState,
    Opinion,
    Outcome,
    Provenance,
    Reach,
    Severity,
    SignalState,
    WithdrawReason,
)
from stemtide.protocol.handling import TLP_ALLOWS, Pap, Tlp
from stemtide.protocol.law.retention import signal_ends
from stemtide.protocol.messages.signals import SignalIn, SignalOut, WithdrawIn
from stemtide.protocol.sync.feed import (
    MAX_PAGE,
    FeedEntry,
    FeedPage,
    FeedSignal,
    SnapshotHead,
    Tombstone,
)
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason
from stemtide.protocol.trust.standing import Basis, basis_of

Key = tuple[str, str, bool]
"""The key that a party shares once: kind, value, exercise."""

_END_WORDS = {
    WaitingAct.WITHDRAW: (
        "its withdrawal by {party} waits for a second look, and it leads to hold at most"
    ),
    WaitingAct.DISPUTE: "the dispute of {party} ends unless somebody approves it",
}

_TAKEN_BACK = (
    "your party withdrew it before it was approved",
    SignalState.WITHDRAWN,
    WithdrawReason.OTHER,
)

_ENDINGS = {
    ApprovalState.REFUSED: (
        "it was refused by {party}, and did not travel",
        SignalState.WITHDRAWN,
        WithdrawReason.UNCONFIRMED,
    ),
    ApprovalState.EXPIRED: (
        "nobody approved it in time, and it did not travel",
        SignalState.EXPIRED,
        None,
    ),
}
"""What became of a signal that waited: in words, as a state, and as a reason."""

_CHUNK = 5000

MAX_TITLED = 20_000
"""Titles that a search by words reads, of the signals that changed last."""
"""Signals in one chunk of a snapshot."""


class EarlierShare(NamedTuple):
    """A live signal that a party shared earlier."""

    uid: UUID
    position: int
    facts: Facts


class SelectedSignal(NamedTuple):
    """A signal in a list, with what the rules need of it. own_opinion: of the viewer's party."""

    id: UUID
    kind: Kind
    value: str
    url: str
    labels: list[str]
    language: str | None
    shared_by: str
    exercise: bool
    crisis: UUID | None
    expires_at: datetime | None
    facts: SignalFacts
    own_opinion: str
    title: str
    shared_at: datetime
    lasts_ms: int | None

    @property
    def state(self) -> SignalState:
        """Return its state."""
        return self.facts.state


def by_title(words: Iterable[str], *, viewer: Party, limit: int) -> list[SelectedSignal]:
    """Return the signals whose title has all of these words, live ones first, then the latest.

    The titles are compared here: SQLite does not know that "ü" is a small "Ü".
    """
    folded_words = [word.casefold() for word in words]
    titled = Signal.objects.filter(readable(viewer)).exclude(title="").order_by("-position")
    columns = titled.values_list("uid", "state", "title")[:MAX_TITLED]
    matches = [
        (state != SignalState.LIVE, uid)
        for uid, state, title in columns
        if all(word in title.casefold() for word in folded_words)
    ]
    matches.sort(key=lambda match: match[0])
    return several([uid for _is_over, uid in matches[:limit]], viewer=viewer)


def several(uids: Iterable[UUID], *, viewer: Party) -> list[SelectedSignal]:
    """Return signals in the order of their ids, without those that the viewer may not read."""
    by_uid: dict[UUID, SelectedSignal] = {}
    ordered = list(uids)
    for batch in batches(ordered):
        rows = Signal.objects.filter(readable(viewer), uid__in=batch)
        by_uid |= {chosen.id: chosen for chosen in _selected(rows, viewer=viewer)}
    return [by_uid[uid] for uid in ordered if uid in by_uid]


def of_party(
    *, viewer: Party, is_live: bool, limit: int, page: int
) -> tuple[list[SelectedSignal], bool]:
    """Return a page of the signals that the viewer shared, and whether there are more.

    is_live: only those that match. The latest change comes first.
    """
    rows = Signal.objects.filter(shared_by=viewer).order_by("-position")
    if is_live:
        rows = rows.filter(state=SignalState.LIVE)
    first = (page - 1) * limit
    chosen = _selected(rows[first : first + limit + 1], viewer=viewer)
    return chosen[:limit], len(chosen) > limit


def _selected(rows: "QuerySet[Signal]", *, viewer: Party) -> list[SelectedSignal]:
    """Return rows as entries of a list."""
    chosen = list(rows.select_related("shared_by", "crisis"))
    own = dict(opinions.of_party([row.pk for row in chosen], viewer=viewer))
    lengths = durations((row.kind, row.value) for row in chosen)
    return [
        SelectedSignal(
            id=row.uid,
            kind=Kind(row.kind),
            value=row.value,
            url=row.url,
            labels=row.labels,
            language=row.language,
            shared_by=row.shared_by.name,
            exercise=row.exercise,
            crisis=row.crisis.uid if row.crisis else None,
            expires_at=row.expires_at,
            facts=facts(row),
            own_opinion=own.get(row.pk, ""),
            title=row.title,
            shared_at=row.shared_at,
            lasts_ms=lengths.get(row.value),
        )
        for row in chosen
    ]


def signal(uid: UUID, *, viewer: Party) -> SignalOut:
    """Return one signal, in any state; also an own one that waited and was not shared.

    raises: NotFoundError, also for a signal that the viewer may not see.
    """
    waiting = approvals.waiting_signal(uid, viewer=viewer)
    if waiting is not None:
        return describe_waiting(waiting, viewer=viewer)
    ended = approvals.ended_signal(uid, viewer=viewer)
    if ended is not None:
        return describe_ended(ended, viewer=viewer)
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Signal:
    """Return the row of one signal, for writes.

    raises: NotFoundError, also for a signal that the viewer may not see, and for one of another
            party that ended with a crisis, once that is over for the viewer.
    """
    row = find_known(uid, viewer=viewer)
    if _is_over_for(row, viewer=viewer):
        raise NotFoundError("there is no signal {uid} that your party may see", uid=uid)
    return row


def find_known(uid: UUID, *, viewer: Party) -> Signal:
    """Return the row of one signal, also after its crisis: complaints about it come later.

    source: Regulation (EU) 2022/2065 Art. 20(1): six months.

    raises: NotFoundError, also for a signal that the viewer may not see.
    """
    rows = Signal.objects.select_related("shared_by", "content", "crisis")
    row = rows.filter(visible(viewer), uid=uid).first()
    if row is None:
        raise NotFoundError("there is no signal {uid} that your party may see", uid=uid)
    return row


def _is_over_for(row: Signal, *, viewer: Party) -> bool:
    """Whether a signal of another party ended with its crisis, and that is over for a viewer."""
    if row.state == SignalState.LIVE or row.crisis is None or row.shared_by == viewer:
        return False
    return crises.is_over_for(row.crisis.uid, party=viewer)


@needs_no_viewer("the clock acts for a party that may no longer see the signal")
def live(uid: UUID) -> Signal | None:
    """Return the row of a signal for writes; None if it has ended."""
    rows = Signal.objects.select_related("shared_by", "content", "crisis")
    return rows.filter(uid=uid, state=SignalState.LIVE).first()


def facts(row: Signal) -> SignalFacts:
    """Return the facts about a signal that the rules need."""
    state = SignalState(row.state)
    ended_at = row.expires_at if state is SignalState.EXPIRED else row.withdrawn_at
    return SignalFacts(state=state, shared_by=row.shared_by.name, ended_at=ended_at)


def describe(row: Signal, *, viewer: Party) -> SignalOut:
    """Return a signal in its wire format."""
    opinion_rows = list(row.opinions.select_related("party", "set_aside_by", "dismissal"))
    agreeing = [row.party for row in opinion_rows if row.opinion == Opinion.AGREE]
    confirming = [party for party in agreeing if party != row.shared_by]
    return SignalOut(
        id=row.uid,
        position=row.position,
        state=SignalState(row.state),
        kind=Kind(row.kind),
        value=full_value(row.kind, row.value),
        url=row.url or None,
        quality=row.quality,
        within_bits=row.within_bits,
        reach=Reach(row.reach) if row.reach else None,
        content=row.content.uid if row.content else None,
        labels=row.labels,
        ideology=row.ideology,
        entity=row.entity,
        language=row.language,
        severity=Severity(row.severity),
        provenance=Provenance(row.provenance),
        confidence=row.confidence,
        tlp=Tlp(row.tlp),
        pap=Pap(row.pap),
        audience=sorted(unpack_audience(row.audience)),
        disputed=row.is_disputed,
        confirmed_by=sorted(party.name for party in confirming),
        basis=_basis(row, confirming=confirming, viewer=viewer),
        crisis=crises.visible_id(row.crisis, viewer=viewer),
        exercise=row.exercise,
        shared_by=row.shared_by.name,
        shared_at=row.shared_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
        withdraw_reason=WithdrawReason(row.withdraw_reason) if row.withdraw_reason else None,
        withdraw_note=row.withdraw_note,
        via=[UUID(hub) for hub in row.via.split()],
        opinions=[opinions.describe(opinion, viewer=viewer) for opinion in opinion_rows],
        waiting_for=_waiting_ends(row, viewer=viewer),
        retention=describe_retention(row, until=row.erase_due, ends_at=matches_until(row)),
    )


def matches_until(row: Signal) -> datetime | None:
    """Return when a live signal stops matching; None for others, and while it is not known."""
    if row.state != SignalState.LIVE:
        return None
    if row.expires_at is not None or row.erase_due is None:
        return row.expires_at
    return signal_ends(shared_at=row.shared_at, erase_due=row.erase_due)


def crisis_ends_at(row: Signal) -> datetime | None:
    """Return when a signal ends because its crisis does; None if it stays, or is not closed."""
    crisis = row.crisis
    if crisis is None or not crisis.ends_signals or row.shared_at < crisis.warned_at:
        return None
    is_adopted = Signal.objects.filter(pk=row.pk, adoption__isnull=False).exists()
    return None if is_adopted else crisis.tail_ends_at


def _waiting_ends(row: Signal, *, viewer: Party) -> list[str]:
    """Return which withdrawal or dispute of a live signal waits, for those who may know."""
    if row.state != SignalState.LIVE or not row.disputes:
        return []
    ends = approvals.waiting_ends(row.uid, viewer=viewer)
    return [_END_WORDS[WaitingAct(end.act)].format(party=end.party.name) for end in ends]


def describe_waiting(row: WaitingSignal, *, viewer: Party) -> SignalOut:
    """Return a signal that waits for a second look, in its wire format."""
    body = SignalIn.model_validate_json(row.body)
    values = body.model_dump(exclude={"crisis", "audience", "labels", "via", "retention"})
    notes = {WaitReason(reason): note for reason, note in row.notes.items()}
    return SignalOut(
        **values,
        id=row.uid,
        position=0,
        state=SignalState.WAITING,
        url=None,
        labels=sorted(set(body.labels)),
        audience=sorted(set(body.audience)),
        disputed=False,
        crisis=crises.visible_id(row.approval.crisis, viewer=viewer),
        shared_by=row.party.name,
        shared_at=row.approval.asked_at,
        withdrawn_at=None,
        withdraw_reason=None,
        withdraw_note="",
        via=list(body.via),
        opinions=[],
        waiting_for=waiting_words(map(WaitReason, row.approval.reasons), notes=notes),
    )


def describe_taken_back(
    row: WaitingSignal, *, body: WithdrawIn, viewer: Party, now: datetime
) -> SignalOut:
    """Return a signal that waited and was taken back, in its wire format."""
    ended = {
        "state": SignalState.WITHDRAWN,
        "withdrawn_at": now,
        "withdraw_reason": body.reason,
        "withdraw_note": body.note,
        "waiting_for": [],
    }
    return describe_waiting(row, viewer=viewer).model_copy(update=ended)


def describe_ended(row: WaitingSignal, *, viewer: Party) -> SignalOut:
    """Return a signal that waited and was not shared, with its result."""
    approval = row.approval
    words, state, reason = _ENDINGS.get(ApprovalState(approval.state), _TAKEN_BACK)
    by = approval.decided_by.name if approval.decided_by else ""
    ended = {
        "state": state,
        "withdrawn_at": approval.decided_at if state is SignalState.WITHDRAWN else None,
        "withdraw_reason": reason,
        "withdraw_note": approval.note,
        "waiting_for": [words.format(party=by)],
    }
    return describe_waiting(row, viewer=viewer).model_copy(update=ended)


def _basis(row: Signal, *, confirming: Iterable[Party], viewer: Party) -> Basis | None:
    """Return the default policy's basis for a signal, as far as the viewer sees who supports it.

    None for a signal that has ended. Other sharers of the same value stand behind it as well.
    """
    if row.state != SignalState.LIVE:
        return None
    same = _of_same_value(row, viewer=viewer).select_related("shared_by")
    others = [*confirming, *(signal.shared_by for signal in same)]
    return basis_of(
        row.shared_by.trust,
        [party.trust for party in others],
        kind=Kind(row.kind),
        reach=Reach(row.reach) if row.reach else None,
    )


def count_other_sharers(uid: UUID, *, viewer: Party) -> int:
    """Return how many other parties share the value of a signal live, as far as one may see."""
    return _of_same_value(find(uid, viewer=viewer), viewer=viewer).count()


def _of_same_value(row: Signal, *, viewer: Party) -> QuerySet[Signal]:
    """Return the live signals of other parties with the same kind and value that one may see."""
    same = Signal.objects.filter(visible(viewer), pk__in=bulk_sql.live_with(row.kind, [row.value]))
    return same.filter(exercise=row.exercise).exclude(shared_by=row.shared_by_id)


def live_by_key(values: Iterable[str], *, by: Party) -> dict[Key, EarlierShare]:
    """Return the live signals of a party that have one of these values."""
    before = {}
    for batch in batches(bulk_sql.live_values(values, by=by)):
        rows = Signal.objects.filter(
            shared_by=by, state=SignalState.LIVE, value__in=batch
        ).order_by()
        for row in rows.values_list("kind", "value", "exercise", "uid", "position", *_FACTS):
            kind, value, exercise, uid, position, *columns = row
            facts = Facts(*columns)
            facts = facts._replace(labels=tuple(facts.labels))
            before[kind, value, exercise] = EarlierShare(uid, position, facts)
    return before


def visible_by_uid(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, VisibleSignal]:
    """Return those of these signals that a party may see, in any state."""
    signals = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch)
        columns = rows.values_list("uid", "pk", "exercise", "crisis__uid", "shared_at")
        signals.update({column[0]: VisibleSignal(*column[1:]) for column in columns})
    return signals


def feed_places(uids: Iterable[UUID], *, viewer: Party) -> dict[str, FeedPlace]:
    """Return the places in the feed of those of these signals that a party may see, by id."""
    places = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(visible(viewer), uid__in=batch)
        for row in rows.values_list(*FeedPlace._fields):
            places[str(row[0])] = FeedPlace(*row)
    return places


def names(uids: Iterable[UUID], *, viewer: Party) -> dict[UUID, str]:
    """Return the titles of signals that a party may read; else their addresses or values."""
    titles = {}
    for batch in batches(uids):
        rows = Signal.objects.filter(readable(viewer), uid__in=batch)
        for uid, title, url, value in rows.values_list("uid", "title", "url", "value"):
            titles[uid] = title or url or value[:16]
    return titles


def content_items(uids: Iterable[UUID], *, exercise: bool, by: Party) -> dict[UUID, int]:
    """Return the primary keys of those content items of a party that exist."""
    pks: dict[UUID, int] = {}
    for batch in batches(uids):
        rows = ContentItem.objects.filter(shared_by=by, exercise=exercise, uid__in=batch)
        pks.update(rows.values_list("uid", "pk"))
    return pks


def live_of(contents: Iterable[UUID], *, by: Party) -> list[UUID]:
    """Return the ids of a party's own live signals of these pieces of content."""
    rows = Signal.objects.filter(
        shared_by=by, content__uid__in=list(contents), state=SignalState.LIVE
    )
    return list(rows.order_by("position").values_list("uid", flat=True))


def feed(
    after: int,
    *,
    viewer: Party,
    limit: int = MAX_PAGE,
    exercise: bool = False,
    history: str = "",
    parties_after: int | None = None,
) -> FeedPage:
    """Return the signals that changed after a position, oldest first, each at its latest position.

    The head is read before the rows, so that next never passes a row that commits in between.

    parties_after: the page has the parties whose standing changed after it, up to next; 0 for all
             parties, None for none.
    history: the history digest at that position, as the reader got it; "" if the reader has none.
    raises:  ConflictError if the hub's feed ends before that position, or has another history
             there: the hub was restored from a backup.
    """
    heads = ledger.heads()
    if after > heads.positions:
        raise ConflictError(
            "this hub's feed ends at {positions}, before {after}: the hub was restored from "
            "a backup; load the snapshot and continue from there",
            positions=heads.positions,
            after=after,
        )
    if history and history != ledger.history(after):
        raise ConflictError(
            "the history of this hub's feed up to {after} differs from yours: the hub was "
            "restored from a backup; load the snapshot and continue from there",
            after=after,
        )
    size = max(1, min(limit, MAX_PAGE))
    rows = feed_rows(viewer, exercise=exercise).filter(
        position__gt=after, position__lte=heads.positions
    )
    changed = rows_by_name(rows.order_by("position").values_list(*WIRE)[: size + 1], viewer=viewer)
    page = next(filled_parts(changed[:size]))  # long values may fill a page sooner
    more = len(page) < len(changed)
    entries = [entry_of(row) for row in page]
    next_position = entries[-1].position if more else heads.positions
    return FeedPage.model_construct(
        hub=heads.hub,
        entries=entries,
        next=next_position,
        head=heads.positions,
        more=more,
        history=ledger.history(next_position),
        parties=[]
        if parties_after is None
        else standing.changed(parties_after, until=next_position, exercise=exercise),
        allowlist=allowlists.version(),
    )


def snapshot(*, viewer: Party, exercise: bool = False) -> Iterator[bytes]:
    """Yield all live signals that a party may see: JSON lines, head first, tail last.

    A signal that changes meanwhile gets a position above the head's, so the feed delivers it.
    """
    heads = ledger.heads()
    history = ledger.history(heads.positions)
    head = SnapshotHead(
        hub=heads.hub,
        position=heads.positions,
        history=history,
        parties=standing.changed(exercise=exercise),
    )
    yield head.model_dump_json().encode() + b"\n"
    live = feed_rows(viewer, exercise=exercise).filter(state=SignalState.LIVE)
    after, count = 0, 0
    while True:
        rows = live.filter(position__gt=after, position__lte=heads.positions).order_by("position")
        chunk = rows_by_name(rows.values_list(*WIRE[1:])[:_CHUNK], viewer=viewer, names=NAMES[1:])
        if not chunk:
            break
        yield from map(ENCODER.encode_lines, filled_parts(chunk))
        after, count = chunk[-1]["position"], count + len(chunk)
    yield ENCODER.encode({"signals": count}) + b"\n"


@needs_no_viewer("the notifier filters for each subscriber")
def changes(after: int) -> list[SharedChange]:
    """Return the changes after a position, of signals one per handling, lowest position first."""
    rows = Signal.objects.filter(position__gt=after).order_by()
    groups = rows.values_list("shared_by__name", "tlp", "audience", "exercise")
    changed = [
        SharedChange(
            position=position,
            shared_by=shared_by,
            tlp=Tlp(tlp),
            audience=unpack_audience(audience),
            exercise=exercise,
        )
        for shared_by, tlp, audience, exercise, position in groups.annotate(
            last=Max("position")
        ).order_by("last")
    ]
    last = max(standing.last_position(), allowlists.last_position())
    if last > after:  # the standing of a party, and the allow-list, concern everybody
        changed.append(SharedChange(last, "", Tlp.CLEAR, frozenset(), exercise=False))
    return sorted(changed, key=attrgetter("position"))


@needs_no_viewer("traces name signals by ids that say nothing")
def first_changed(after: int, *, limit: int) -> list[tuple[UUID, int]]:
    """Return the ids and positions of the signals that changed after a position.

    None if there are more than a limit.
    """
    rows = Signal.objects.filter(position__gt=after).order_by("position")
    changed = list(rows.values_list("uid", "position")[: limit + 1])
    return changed if len(changed) <= limit else []


def board(
    *, viewer: Party, limit: int = 50, skip: int = 0, exercise: bool | None = None
) -> list[BoardRow]:
    """Return live and lately withdrawn signals grouped by content, latest change first.

    skip: pieces of content to leave out before the first.
    exercise: None for real and exercise alike.
    """
    rows = Signal.objects.filter(visible(viewer)).exclude(state=SignalState.EXPIRED)
    if exercise is not None:
        rows = rows.filter(exercise=exercise)
    latest: Iterable[tuple[int, int | None]] = rows.order_by("-position").values_list(
        "pk", "content_id"
    )[: (skip + limit) * 6]
    keys = dict.fromkeys(
        (None, pk) if content is None else (content, None) for pk, content in latest
    )
    newest_keys = list(islice(keys, skip, skip + limit))
    loose = [pk for _, pk in newest_keys if pk is not None]
    items = [content for content, _ in newest_keys if content is not None]
    matching = rows.filter(Q(pk__in=loose) | Q(content__in=items)).order_by("-position")
    groups: dict[object, list[Signal]] = {}
    for row in matching.select_related("shared_by", "content", "crisis"):
        key = ("signal", row.pk) if row.content_id is None else ("content", row.content_id)
        groups.setdefault(key, []).append(row)
    in_groups = [row for group in groups.values() for row in group]
    counts = _outcomes_by_signal([row.pk for row in in_groups])
    lengths = durations((row.kind, row.value) for row in in_groups)
    return [board_row(group, counts=counts, durations=lengths) for group in groups.values()]


def sightings(
    *, viewer: Party, exercise: bool | None = None, signal: UUID | None = None
) -> list[SightingRow]:
    """Return the outcomes of the signals (or of one signal) that a party may see, by provider.

    Coordinating parties get a row for each provider; a provider its own and the total (is_total);
    an observer the total. exercise: None for real and exercise alike.
    """
    if signal is None:
        return _tallied_sightings(viewer, exercise=exercise)
    rows = Sighting.objects.filter(visible(viewer, "signal__"), signal__uid=signal)
    if exercise is not None:
        rows = rows.filter(signal__exercise=exercise)
    if viewer.kind in COORDINATING:
        return _sighting_rows(rows)
    return [*_sighting_rows(rows.filter(party=viewer)), _total_row(rows)]


def _tallied_sightings(viewer: Party, *, exercise: bool | None) -> list[SightingRow]:
    """Return the rows of sightings() for all signals, from what the database keeps (0135)."""
    rows = OutcomeTally.objects.filter(visible(viewer))
    if exercise is not None:
        rows = rows.filter(exercise=exercise)
    own = rows.filter(party__isnull=False)
    if viewer.kind not in COORDINATING:
        own = own.filter(party=viewer)
    names = ("party__name", "party__title")
    groups: dict[tuple[str, str], dict[str, tuple[int, datetime]]] = {}
    sums = own.order_by("party__name").values_list(*names, "outcome")
    for name, title, outcome, count, last_at in sums.annotate(Sum("count"), Max("last_at")):
        groups.setdefault((name, title), {})[outcome] = (count, last_at)
    providers = [
        _tallied_row(sums_of_party, party=name, title=title)
        for (name, title), sums_of_party in groups.items()
    ]
    if viewer.kind in COORDINATING:
        return providers
    whole = rows.filter(Q(party__isnull=True) | ~Q(outcome="")).order_by().values_list("outcome")
    total = {
        outcome: (count, last_at)
        for outcome, count, last_at in whole.annotate(Sum("count"), Max("last_at"))
    }
    return [*providers, _tallied_row(total, party="", title="All providers", is_total=True)]


def _tallied_row(
    sums: dict[str, tuple[int, datetime]], *, party: str, title: str, is_total: bool = False
) -> SightingRow:
    """Return sums by outcome as a row; that of "" is the number of signals."""
    counts = {outcome: sums[outcome][0] if outcome in sums else 0 for outcome in ("", *Outcome)}
    return SightingRow(
        party=party,
        title=title,
        blocked=counts[Outcome.BLOCKED],
        held=counts[Outcome.HELD],
        logged=counts[Outcome.LOGGED],
        reversed=counts[Outcome.REVERSED],
        signals=counts[""],
        last_at=max((last_at for _, last_at in sums.values()), default=None),
        is_total=is_total,
    )


def totals(*, viewer: Party, exercise: bool = False) -> dict[str, int]:
    """Return counts for metrics over all that the viewer may see: of real signals, or exercises.

    Ledger and feed are one for both.
    """
    heads = ledger.heads()
    counts = _tallied(viewer, exercise=exercise)
    outcome_tallies = OutcomeTally.objects.filter(visible(viewer), exercise=exercise)
    sums = dict(
        outcome_tallies.exclude(outcome="").order_by().values_list("outcome").annotate(Sum("count"))
    )
    return {
        "ledger_entries": heads.entries,
        "feed_position": heads.positions,
        **{f"signals_{state}": counts.get(state, 0) for state in SignalState},
        "signals_waiting": approvals.count_open_signals(viewer=viewer, exercise=exercise),
        "signals_disputed": counts["disputed"],
        **{f"outcomes_{outcome}": sums.get(outcome, 0) for outcome in Outcome},
    }


TALLIED = ("live", "withdrawn", "expired", "disputed")
"""What the database counts: signals by state, and those of the live ones that are disputed."""


def _tallied(viewer: Party, *, exercise: bool) -> dict[str, int]:
    """Return how many signals a party may see, by TALLIED, without counting them (0135)."""
    rows = SignalTally.objects.filter(visible(viewer), exercise=exercise)
    sums = rows.aggregate(*(Sum(name) for name in TALLIED))
    return {name: sums[f"{name}__sum"] or 0 for name in TALLIED}


_FACTS = tuple(
    {"content": "content__uid", "crisis": "crisis__uid"}.get(n, n) for n in Facts._fields
)
"""Columns in the order of Facts."""

ENCODER = msgspec.json.Encoder()


def visible(viewer: Party, prefix: str = "") -> Q:
    """Return the SQL filter for signals that a party may see (protocol.handling.may_receive)."""
    kinds = [tlp for tlp, allowance in TLP_ALLOWS.items() if viewer.kind in allowance.to_kinds]
    received = (
        Q(**{f"{prefix}shared_by": viewer})
        | Q(**{f"{prefix}audience__contains": f"|{viewer.name}|"})
        | Q(**{f"{prefix}audience": "", f"{prefix}tlp__in": kinds})
    )
    return received & Q(**{f"{prefix}exercise": True}) if viewer.exercise else received


def readable(viewer: Party) -> Q:
    """Return the SQL filter for signals whose content a party may read, as find() allows it.

    A signal of another party that ended, in a crisis that is over for the viewer, is visible and
    not readable: feeds still tell that it ended, and pages and files no longer show it (decision
    0209).
    """
    over = crises.over_for(viewer=viewer)
    if not over:
        return visible(viewer)
    is_own_or_live = Q(shared_by=viewer) | Q(state=SignalState.LIVE)
    return visible(viewer) & (is_own_or_live | Q(crisis=None) | ~Q(crisis__uid__in=over))


def feed_rows(viewer: Party, *, exercise: bool) -> QuerySet[Signal]:
    """Return the signals of a party's feed: real ones, and those of exercises on request."""
    rows = Signal.objects.filter(visible(viewer))
    return rows if exercise else rows.filter(exercise=False)


def rows_by_name(
    rows: Iterable[tuple[Any, ...]], *, viewer: Party, names: tuple[str, ...] = NAMES
) -> list[Row]:
    """Return rows of WIRE by wire name, with what the viewer may know of crises and opinions."""
    visible_crises, at = crises.visible_ids(viewer=viewer), names.index("crisis")
    if visible_crises is not None:
        rows = (
            row if row[at] in visible_crises else (*row[:at], None, *row[at + 1 :]) for row in rows
        )
    return opinions.add_opinions((dict(zip(names, row, strict=True)) for row in rows), viewer)


@needs_no_viewer("rows_by_name has filtered the row")
def entry_of(row: Row) -> FeedEntry:
    """Return the feed entry for a row."""
    entry = FeedSignal if row["state"] == SignalState.LIVE else Tombstone
    return entry.model_validate(row)


def _outcomes_by_signal(pks: list[int]) -> dict[int, Outcomes]:
    """Return the outcomes of each signal, summed over all providers."""
    sums: dict[int, dict[str, int]] = {}
    for batch in batches(pks):
        rows = Sighting.objects.filter(signal__in=batch).values_list("signal_id", "outcome")
        for pk, outcome, count in rows.annotate(Sum("count")):
            sums.setdefault(pk, {})[outcome] = count
    return {pk: Outcomes(**counts) for pk, counts in sums.items()}


def _outcomes(sightings: QuerySet[Sighting]) -> dict[str, int]:
    """Return the sum of sightings for each outcome."""
    return dict(sightings.order_by().values_list("outcome").annotate(Sum("count")))


def _sighting_rows(sightings: QuerySet[Sighting]) -> list[SightingRow]:
    """Return one row for each provider with sightings, by name."""
    return [
        _sighting_row(sightings.filter(party=pk), party=name, title=title)
        for pk, name, title in sightings.order_by("party__name")
        .values_list("party", "party__name", "party__title")
        .distinct()
    ]


def _total_row(sightings: QuerySet[Sighting]) -> SightingRow:
    """Return one row for all providers together."""
    return _sighting_row(sightings, party="", title="All providers", is_total=True)


def _sighting_row(
    sightings: QuerySet[Sighting], *, party: str, title: str, is_total: bool = False
) -> SightingRow:
    """Sum sightings into one row."""
    sums = _outcomes(sightings)
    facts = sightings.aggregate(signals=Count("signal", distinct=True), last_at=Max("last_at"))
    return SightingRow(
        party=party,
        title=title,
        blocked=sums.get(Outcome.BLOCKED, 0),
        held=sums.get(Outcome.HELD, 0),
        logged=sums.get(Outcome.LOGGED, 0),
        reversed=sums.get(Outcome.REVERSED, 0),
        signals=facts["signals"],
        last_at=facts["last_at"],
        is_total=is_total,
    )
