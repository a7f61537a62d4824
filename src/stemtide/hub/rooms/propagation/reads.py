# SPDX-License-Identifier: Apache-2.0
"""Read when signals reached agents, and how soon they matched: of one signal, and of days.

What agents have is known from the positions that they reached; first matches and acts are those
that parties report as outcomes. Decision 0186.
"""

import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Min, QuerySet

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.parties.models import Agent, Party
from stemtide.hub.rooms.propagation import rules
from stemtide.hub.rooms.propagation.models import PositionBatch, PropagationDay
from stemtide.hub.rooms.signals.models import EarlierUploadSum, Sighting, Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.rules.signals import unpack_audience
from stemtide.protocol.enums import Outcome, PartyKind, SignalState, Standing
from stemtide.protocol.enums.propagation import PropagationStage
from stemtide.protocol.handling import Tlp, may_receive
from stemtide.protocol.sync.propagation import (
    EarlierSum,
    OtherOutcomesOut,
    OtherOutcomeSum,
    PropagationDayOut,
    RecipientOut,
    SignalPropagationOut,
    StageSum,
)

MOST_DAYS = 92
"""Most days of one request."""

_MOST_BATCHES = 1200
"""Batches that are searched for the times of one signal, or all those of its first minutes
(rules.SETTLED) if they are more: agents that took longer have no time."""

_STORED_WITHIN = timedelta(seconds=10)
"""Another process may store so much later that it had sent what an agent has applied."""

_SHARED, _SHARED_MANY, _WITHDRAWN = "signal.shared", "signals.shared", "signal.withdrawn"
_ACTED = (Outcome.BLOCKED, Outcome.HELD)
_PERCENTS = (50, 95, 99)
_STAGES = {
    **dict.fromkeys(
        (_SHARED, _SHARED_MANY), (PropagationStage.DELIVERED, PropagationStage.APPLIED)
    ),
    _WITHDRAWN: (PropagationStage.WITHDRAWN,),
}
_Row = tuple[int, str, int, int]
_Key = tuple[str, int, str]


class ReachedPosition(NamedTuple):
    """A position that an agent reached. party: its primary key. name: as in PositionBatch."""

    party: int
    name: str
    position: int
    at: datetime


class DayKey(NamedTuple):
    """The key of a sum. party: its primary key."""

    day: date
    party_id: int
    is_sharer: bool
    stage: PropagationStage
    exercise: bool


class _DayOf(NamedTuple):
    """A row of the sums of days. party: its name; "" for all."""

    day: date
    party: str
    is_sharer: bool
    stage: PropagationStage


class Lag(NamedTuple):
    """A time that belongs to a sum. seconds: None if it was late."""

    key: DayKey
    seconds: float | None


class _Handling(NamedTuple):
    """The marks that decide who may receive a signal."""

    shared_by: str
    sharer: int
    tlp: Tlp
    audience: frozenset[str]
    exercise: bool


@dataclass(frozen=True, slots=True)
class _Act:
    """A share or a withdrawal that agents learn of by a position. at: when it happened."""

    at: datetime
    position: int
    stages: tuple[PropagationStage, ...]
    handling: _Handling


class _Progress:
    """When agents first reached some positions, as far as batches were read.

    Of each agent it keeps the times of these positions only, however many rows batches have.
    """

    def __init__(self, positions: Iterable[int], agents: Iterable[Agent]) -> None:
        self._positions = sorted(set(positions))
        self._first: dict[_Key, dict[int, datetime]] = {
            key: {} for agent in agents for key in (_delivered_key(agent), _applied_key(agent))
        }

    def read(
        self, batches: QuerySet[PositionBatch], *, stages: Collection[PropagationStage]
    ) -> Iterator[datetime]:
        """Read batches of some stages, the oldest first; yield the time of each."""
        rows = batches.filter(stage__in=stages).order_by("at", "pk")
        for stage, at, body in rows.values_list("stage", "at", "body").iterator():
            for party, name, position, ms in _unpack(body):
                first = self._first.get((stage, party, name))
                place = bisect_right(self._positions, position)
                if first is not None and place:
                    reached = self._positions[place - 1]
                    reached_at = at - timedelta(milliseconds=ms)
                    first[reached] = min(first.get(reached, reached_at), reached_at)
            yield at

    def delivered_at(self, agent: Agent, position: int) -> datetime | None:
        """Return when an agent had been sent a position: at the latest when it had applied it."""
        sent_at = self._at(_delivered_key(agent), position)
        return min(filter(None, (sent_at, self.applied_at(agent, position))), default=None)

    def applied_at(self, agent: Agent, position: int) -> datetime | None:
        """Return when an agent had applied a position."""
        return self._at(_applied_key(agent), position)

    def _at(self, key: _Key, position: int) -> datetime | None:
        """Return when a position of those that are looked for, or a later one, was reached."""
        times = [at for reached, at in self._first[key].items() if reached >= position]
        return min(times, default=None)


def signal_propagation(uid: UUID, *, viewer: Party) -> SignalPropagationOut:
    """Return the propagation of a signal that a party may see.

    raises: NotFoundError.
    """
    row = signals.find(uid, viewer=viewer)
    agents = _recipients(_handling_of(row), _agents())
    names = frozenset(agent.party.name for agent in agents)
    kind = PartyKind(viewer.kind)
    may_see_sums = rules.may_see_sums(
        viewer.name, kind=kind, shared_by=row.shared_by.name, recipients=names
    )
    may_see = partial(rules.may_see_recipient, viewer.name, kind=kind)
    read = (
        agents
        if may_see_sums
        else [agent for agent in agents if may_see(recipient=agent.party.name)]
    )
    recipients = _recipient_rows(row, read)
    ended_at = _ended_at(row)
    return SignalPropagationOut(
        signal=row.uid,
        shared_at=row.shared_at,
        ended_at=ended_at,
        sums=_sums(recipients, row.shared_at, ended_at) if may_see_sums else None,
        earlier=_earlier_sum(recipients, kind=kind) if may_see_sums else None,
        recipients=[out for out in recipients if may_see(recipient=out.party)],
    )


def other_outcomes(uid: UUID, *, viewer: Party) -> OtherOutcomesOut:
    """Return how many other parties reported each outcome for a signal that a party may see.

    Parties of one group count once, and suspended ones not at all.

    raises: NotFoundError.
    """
    row = signals.find(uid, viewer=viewer)
    sightings = Sighting.objects.filter(signal=row, count__gt=0)
    sightings = sightings.exclude(party__standing=Standing.SUSPENDED)
    own = viewer.group or viewer.name
    others = {
        (outcome, group or name)
        for outcome, group, name in sightings.values_list("outcome", "party__group", "party__name")
    }
    parties = Counter(outcome for outcome, owner in others if owner != own)
    return OtherOutcomesOut(
        signal=row.uid,
        sums=[
            OtherOutcomeSum(outcome=outcome, parties=rules.shown_parties(parties[outcome]))
            for outcome in Outcome
        ],
    )


def days(
    first: date, last: date, *, viewer: Party, exercise: bool = False
) -> list[PropagationDayOut]:
    """Return the sums of days that a party may see, the latest day first.

    An agency sees all parties, and their total; others see themselves, as recipient and sharer.

    raises: InvalidError.
    """
    if last < first:
        raise InvalidError("to", "is before the first day")
    if (last - first).days >= MOST_DAYS:
        raise InvalidError("to", "ask for {days} days at most", days=MOST_DAYS)
    rows = PropagationDay.objects.filter(day__gte=first, day__lte=last, exercise=exercise)
    is_agency = viewer.kind == PartyKind.AGENCY
    rows = rows if is_agency else rows.filter(party=viewer)
    sums: dict[_DayOf, tuple[Counter[str], int]] = {}
    for row in rows.select_related("party"):
        stage = PropagationStage(row.stage)
        keys = [_DayOf(row.day, row.party.name, row.is_sharer, stage)]
        if is_agency and not row.is_sharer:
            keys.append(_DayOf(row.day, "", False, stage))
        for key in keys:
            buckets, late = sums.get(key, (Counter(), 0))
            sums[key] = buckets + Counter(row.buckets), late + row.late
    stages = list(PropagationStage)
    by_party = sorted(sums, key=lambda key: (key.party, key.is_sharer, stages.index(key.stage)))
    newest_first = sorted(by_party, key=lambda key: key.day, reverse=True)
    return [_day(key, sums[key][0], late=sums[key][1]) for key in newest_first]


@needs_no_viewer("the scheduler sums up for all parties")
def lags_of(entries: Sequence[EntryRow]) -> list[Lag]:
    """Return how long agents took after shares and withdrawals. entries: of the ledger."""
    acts = [act for entry in entries if entry.kind in _STAGES for act in _acts_of(entry)]
    if not acts:
        return []
    agents = _agents()
    to_whom = {
        handling: _recipients(handling, agents) for handling in {act.handling for act in acts}
    }
    lags: list[Lag] = []
    for group in _close_together(acts):
        progress = _progress_after(group, agents)
        lags += [lag for act in group for lag in _lags(act, to_whom[act.handling], progress)]
    return lags


def _close_together(acts: Iterable[_Act]) -> Iterator[list[_Act]]:
    """Yield acts by time, in groups: between two groups nobody need look for positions."""
    group: list[_Act] = []
    for act in sorted(acts, key=lambda act: act.at):
        if group and act.at > group[-1].at + rules.SETTLED:
            yield group
            group = []
        group.append(act)
    yield group


def _progress_after(acts: Sequence[_Act], agents: Sequence[Agent]) -> _Progress:
    """Return the positions of agents from the first of some acts on, until the last is settled."""
    progress = _Progress((act.position for act in acts), agents)
    batches = PositionBatch.objects.filter(
        at__gte=acts[0].at,
        at__lte=acts[-1].at + rules.SETTLED,
        highest__gte=min(act.position for act in acts),
    )
    stages = {PropagationStage.APPLIED, *(stage for act in acts for stage in act.stages)}
    for _ in progress.read(batches, stages=stages):
        pass
    return progress


def _lags(act: _Act, recipients: Sequence[Agent], progress: _Progress) -> Iterator[Lag]:
    """Yield the times of an act's recipients, for their own sums and for the sharer's."""
    agents = [agent for agent in recipients if agent.first_seen_at <= act.at <= agent.last_seen_at]
    others = {agent.party_id for agent in agents} - {act.handling.sharer}
    for agent in agents:
        for stage in act.stages:
            is_delivery = stage is PropagationStage.DELIVERED
            read = progress.delivered_at if is_delivery else progress.applied_at
            seconds = _seconds(act.at, read(agent, act.position))
            if seconds is not None and seconds > rules.SETTLED.total_seconds():
                seconds = None
            facts = (stage, act.handling.exercise)
            day = act.at.date()
            yield Lag(DayKey(day, agent.party_id, False, *facts), seconds)
            if len(others) >= rules.FEWEST_PARTIES:
                yield Lag(DayKey(day, act.handling.sharer, True, *facts), seconds)


def _acts_of(entry: EntryRow) -> Iterator[_Act]:
    """Yield the acts of an entry: one for each handling of its signals."""
    stages = _STAGES[entry.kind]
    rows = Signal.objects.select_related("shared_by")
    if entry.kind != _SHARED_MANY:
        position = entry.detail.get("position")
        row = rows.filter(uid=entry.subject.partition(":")[2]).first()
        if row is not None and isinstance(position, int):
            yield _Act(entry.recorded_at, position, stages, _handling_of(row))
        return
    first, last = entry.detail.get("first"), entry.detail.get("last")
    if isinstance(first, int) and isinstance(last, int):
        marks = rows.filter(position__gte=first, position__lte=last).order_by()
        for tlp, audience, sharer, name in marks.values_list(
            "tlp", "audience", "shared_by", "shared_by__name"
        ).distinct():
            handling = _Handling(name, sharer, Tlp(tlp), unpack_audience(audience), entry.exercise)
            yield _Act(entry.recorded_at, last, stages, handling)


def _agents() -> list[Agent]:
    """Return all agents, in the order in which they are listed."""
    return list(Agent.objects.select_related("party").order_by("party__name", "name"))


def _recipients(handling: _Handling, agents: Iterable[Agent]) -> list[Agent]:
    """Return those agents whose parties may receive a signal."""
    return [
        agent
        for agent in agents
        if (agent.exercise or not handling.exercise)
        and not agent.party.is_suspended
        and (handling.exercise or not agent.party.exercise)
        and may_receive(
            agent.party.name,
            PartyKind(agent.party.kind),
            tlp=handling.tlp,
            audience=handling.audience,
            shared_by=handling.shared_by,
        )
    ]


def _recipient_rows(row: Signal, agents: Sequence[Agent]) -> list[RecipientOut]:
    """Return the times of all recipients of a signal."""
    position, ended_at = _shared_position(row), _ended_at(row)
    progress = _progress_of(row, agents, position=position, ended_at=ended_at)
    matches = _first_outcomes(row, tuple(Outcome))
    acts, releases = _first_outcomes(row, _ACTED), _first_outcomes(row, (Outcome.REVERSED,))
    earlier = {(sum_.party_id, sum_.agent): sum_ for sum_ in row.earlier_uploads.all()}
    outs = [
        RecipientOut(
            party=agent.party.name,
            agent=agent.name,
            delivered_at=progress.delivered_at(agent, position),
            applied_at=progress.applied_at(agent, position),
            is_applied=agent.position >= position,
            matched_at=matches.get(agent.party.name),
            acted_at=acts.get(agent.party.name),
            withdrawn_at=progress.applied_at(agent, row.position) if ended_at else None,
            released_at=releases.get(agent.party.name),
            **_earlier_fields(earlier.get((agent.party_id, agent.name))),
        )
        for agent in agents
    ]
    without_agent = sorted(matches.keys() - {agent.party.name for agent in agents})
    return outs + [
        RecipientOut(
            party=name,
            agent="",
            delivered_at=None,
            applied_at=None,
            is_applied=False,
            matched_at=matches[name],
            acted_at=acts.get(name),
            withdrawn_at=None,
            released_at=releases.get(name),
        )
        for name in without_agent
    ]


def _earlier_fields(row: EarlierUploadSum | None) -> dict[str, Any]:
    """Return a recipient's counts of uploads that came before the signal."""
    return {"earlier_uploads": row.count, "earlier_since": row.first_hour} if row else {}


def _earlier_sum(recipients: Sequence[RecipientOut], *, kind: PartyKind) -> EarlierSum | None:
    """Return the sum of uploads that came before the signal.

    A sharer gets it once enough parties report some: else it could ask by a signal whether, and
    when, one provider got a file.
    """
    reporting = [out for out in recipients if out.earlier_since]
    parties = {out.party for out in reporting}
    if kind is not PartyKind.AGENCY and len(parties) < rules.FEWEST_PARTIES:
        return None
    return EarlierSum(
        uploads=sum(out.earlier_uploads for out in reporting),
        agents=len(reporting),
        since=min((out.earlier_since for out in reporting if out.earlier_since), default=None),
    )


def _progress_of(
    row: Signal, agents: Sequence[Agent], *, position: int, ended_at: datetime | None
) -> _Progress:
    """Return when agents reached a signal's share, and its end if it has one.

    No batch is read twice: what follows the share is searched for the end, too.
    """
    progress = _Progress((position, row.position), agents)
    stages = (PropagationStage.DELIVERED, PropagationStage.APPLIED)
    read_to = _search(progress, agents, position=position, since=row.shared_at, stages=stages)
    if ended_at is not None:
        since = max(ended_at, read_to)
        _search(progress, agents, position=row.position, since=since, stages=stages[1:])
    return progress


def _search(
    progress: _Progress,
    agents: Sequence[Agent],
    *,
    position: int,
    since: datetime,
    stages: Collection[PropagationStage],
) -> datetime:
    """Read batches until all agents that have applied a position have a time; return how far."""
    waiting = [agent for agent in agents if agent.position >= position]
    batches = PositionBatch.objects.filter(at__gte=since, highest__gte=position)
    read_to, all_at = since, None
    for count, at in enumerate(progress.read(batches, stages=stages)):
        read_to = at
        waiting = [agent for agent in waiting if progress.applied_at(agent, position) is None]
        all_at = all_at or (None if waiting else at)
        is_found = all_at is not None and at > all_at + _STORED_WITHIN
        if is_found or (count >= _MOST_BATCHES and at > since + rules.SETTLED):
            break
    return read_to


def _first_outcomes(row: Signal, outcomes: Collection[Outcome]) -> dict[str, datetime]:
    """Return when parties first met content of a signal, with one of some outcomes."""
    sightings = Sighting.objects.filter(signal=row, outcome__in=outcomes).order_by()
    return dict(sightings.values_list("party__name").annotate(Min("first_at")))


def _shared_position(row: Signal) -> int:
    """Return the position at which a signal was shared; it may have another one by now.

    A signal of a bulk that has moved counts as the last one of its bulk.
    """
    entry = Entry.objects.filter(subject=row.ref, kind=_SHARED).first()
    if entry is not None and isinstance(entry.detail.get("position"), int):
        return int(entry.detail["position"])
    for first, last in ledger_reads.acts_at([row.shared_at]):
        return row.position if first <= row.position <= last else last
    return row.position


def _sums(
    recipients: Sequence[RecipientOut], shared_at: datetime, ended_at: datetime | None
) -> list[StageSum]:
    """Return the sums of all stages: of agents, and of parties for what parties report."""
    agents = [recipient for recipient in recipients if recipient.agent]
    parties = list({recipient.party: recipient for recipient in recipients}.values())
    rows = [
        (PropagationStage.DELIVERED, agents, shared_at, "delivered_at"),
        (PropagationStage.APPLIED, agents, shared_at, "applied_at"),
        (PropagationStage.MATCHED, parties, shared_at, "matched_at"),
        (PropagationStage.ACTED, parties, shared_at, "acted_at"),
    ]
    if ended_at is not None:
        rows += [
            (PropagationStage.WITHDRAWN, agents, ended_at, "withdrawn_at"),
            (PropagationStage.RELEASED, parties, ended_at, "released_at"),
        ]
    return [
        _stage_sum(stage, of, [_seconds(since, getattr(recipient, name)) for recipient in of])
        for stage, of, since, name in rows
    ]


def _stage_sum(
    stage: PropagationStage, of: Sequence[RecipientOut], times: Sequence[float | None]
) -> StageSum:
    """Return the sum of one stage."""
    reached = [seconds for seconds in times if seconds is not None]
    p50, p95, p99 = (rules.percentile(reached, percent=percent) for percent in _PERCENTS)
    return StageSum(stage=stage, count=len(reached), of=len(of), p50_s=p50, p95_s=p95, p99_s=p99)


def _day(key: _DayOf, buckets: Mapping[str, int], *, late: int) -> PropagationDayOut:
    """Return a sum of a day."""
    p50, p95, p99 = (
        rules.percentile_of_buckets(buckets, late=late, percent=percent) for percent in _PERCENTS
    )
    return PropagationDayOut(
        day=key.day,
        party=key.party,
        is_sharer=key.is_sharer,
        stage=key.stage,
        count=sum(buckets.values()) + late,
        late=late,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
    )


def _handling_of(row: Signal) -> _Handling:
    """Return the marks that decide who may receive a signal."""
    return _Handling(
        row.shared_by.name,
        row.shared_by.pk,
        Tlp(row.tlp),
        unpack_audience(row.audience),
        row.exercise,
    )


def _ended_at(row: Signal) -> datetime | None:
    """Return when a signal was withdrawn or expired; None if it is live."""
    if row.state == SignalState.LIVE:
        return None
    return row.withdrawn_at or row.expires_at


def _seconds(since: datetime, at: datetime | None) -> float | None:
    """Return the seconds between two times, not below 0; None for one that is not known."""
    return None if at is None else max(0.0, (at - since).total_seconds())


def _delivered_key(agent: Agent) -> _Key:
    """Return under which name batches tell what an agent was sent."""
    return PropagationStage.DELIVERED, agent.party_id, agent.key


def _applied_key(agent: Agent) -> _Key:
    """Return under which name batches tell what an agent has applied."""
    return PropagationStage.APPLIED, agent.party_id, agent.name


def _unpack(body: bytes | memoryview) -> list[_Row]:
    """Return the rows of a batch."""
    return msgspec.json.decode(zlib.decompress(bytes(body)), type=list[_Row])
