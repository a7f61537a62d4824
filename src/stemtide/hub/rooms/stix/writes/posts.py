# SPDX-License-Identifier: Apache-2.0
"""Apply a post: new signals, newer versions, withdrawals, counts, opinions, other objects.

Called by writes.py: parsing before the write lock (parser.py), the rest in its transactions.
Objects are stored by writes/objects.py.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError, RefusalError
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.stix import rules
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.hub.rooms.stix.parser import ParsedIndicators, listed
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.rules import Collection, Holder
from stemtide.hub.rooms.stix.writes.indicators import Indicators
from stemtide.hub.rooms.stix.writes.objects import ObjectStore
from stemtide.hub.rooms.stix.writes.signals import share_all
from stemtide.interop.stix.authors import check_author
from stemtide.interop.stix.objects import TLP_OF, indicator_id, named_uuid
from stemtide.interop.stix.posted import (
    IndicatorSignals,
    Posted,
    PostedError,
    SightingPosted,
    opinion_of,
    read_object,
    sighting_of,
)
from stemtide.interop.stix.status import ObjectStatus
from stemtide.protocol.enums import Opinion, PartyKind, SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.messages.signals import OpinionIn
from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow

__all__ = ["Posting"]

_AGENT = "taxii"
_HERE = "is here already; nothing was changed"

NEW_IN_A_TURN = 2_000
"""New signals that a transaction shares, before others can write."""

ACTS_IN_A_TURN = 50
"""Individual writes of a transaction: objects stored, signals ended, counted and judged."""

MAX_JUDGED = 1_000
"""Maximum indicators that the opinions of a post refer to: each is written while others wait."""


class Posting:
    """A post in progress. taken, refused: the status of its objects so far.

    Parse it before taking the write lock, then apply it in as many transactions as it needs, so
    that others can write in between.
    """

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self.taken: list[ObjectStatus] = []
        self.refused: list[ObjectStatus] = []
        self._to, self._by, self._now = to, by, now
        self._judged = self._acts = 0
        self._store = ObjectStore(to, by=by, now=now)
        self._others = reads.other_parties(viewer=by.party)
        self._readings = ParsedIndicators(crisis=to.crisis, exercise=self._store.exercise, now=now)
        self._indicators = Indicators(
            to, by=by, now=now, store=self._store, readings=self._readings
        )
        self._read: list[Posted] = []
        self._new: deque[Posted] = deque()
        self._shared: set[int] = set()
        self._remaining: deque[Posted] | None = None
        self._reported = (0, 0)

    @property
    def is_done(self) -> bool:
        """Whether every object was taken or refused."""
        return self._remaining is not None and not self._remaining

    def read(self, objects: Sequence[object]) -> None:
        """Parse the objects of a post without writing; find those that seem to be new."""
        for place, sent in enumerate(objects):
            self._apply_or_refuse(sent, partial(self._parse_into, self._read, sent), place=place)
        used = reads.used_ids([posted.id for posted in self._read])
        self._readings.read(sorted(self._read, key=lambda posted: posted.id in used))
        new: dict[str, Posted] = {}
        for posted in self._read:
            if posted.type == "indicator" and not posted.is_revoked and posted.id not in used:
                new.setdefault(posted.id, posted)
        self._new = deque(new.values())

    def apply_part(self) -> tuple[int, int]:
        """Apply as much as one transaction has room for, until `is_done`.

        1 Share new indicators, many at once.  2 In later transactions apply the others one by one,
        indicators first, as other objects of the post may refer to them.

        return: number of objects taken and refused since the last transaction.
        """
        self._acts = self._indicators.acts = 0
        self._share(self._next_new())  # 1
        if not self._new and self._remaining is None:
            left = [posted for posted in self._read if id(posted) not in self._shared]
            self._remaining = deque(sorted(left, key=lambda posted: posted.type != "indicator"))
        while self._remaining and self._acts + self._indicators.acts < ACTS_IN_A_TURN:
            posted = self._remaining.popleft()
            self._acts += 1
            self._apply_or_refuse(posted.stix, partial(_apply_atomically, self._apply, posted))  # 2
        before, self._reported = self._reported, (len(self.taken), len(self.refused))
        return self._reported[0] - before[0], self._reported[1] - before[1]

    def _next_new(self) -> list[Posted]:
        """Return the next indicators with unused ids, as many as a transaction has room for.

        An id that has been used since the post was parsed is no longer new.
        """
        candidates: list[Posted] = []
        while self._new and self._acts < NEW_IN_A_TURN:
            candidates.append(self._new.popleft())
            self._acts += self._readings.weight(candidates[-1])
        used = reads.used_ids([posted.id for posted in candidates])
        new = [posted for posted in candidates if posted.id not in used]
        self._shared.update(id(posted) for posted in new)
        return new

    def _apply_or_refuse(
        self, sent: object, act: Callable[[], object], *, place: int | None = None
    ) -> None:
        """Apply an object, or record why it is refused. place: its index in the post."""
        try:
            act()
        except (PostedError, RefusalError) as error:
            fate = ObjectStatus.of(sent, now=self._now, message=str(error), place=place)
            self.refused.append(fate)

    def _parse_into(self, read: list[Posted], sent: object) -> None:
        """Parse a valid object that the key may post here."""
        posted = read_object(sent)
        if not (posted.type == "indicator" and posted.is_revoked):  # an agency may revoke
            check_author(posted, others=self._others)
        holder = Holder(PartyKind(self._by.party.kind), self._by.scopes)
        rules.check_type(posted.type, to=self._to, holder=holder)
        read.append(posted)

    def _share(self, new: Sequence[Posted]) -> None:
        """Share new indicators at once; those without usable comparisons are stored as they are."""
        requests: list[tuple[Posted, ParsedRows]] = []
        requested: dict[str, IndicatorSignals] = {}

        def request(posted: Posted) -> None:
            parsed, ready = self._readings.of(posted)
            if not parsed.signals:
                self._store.store_plain(posted)
                self._accept(posted, f"kept as it is: {parsed.why}")
                return
            if parsed.is_several:
                self._store.reserve()
            requested[posted.id] = parsed
            requests.append((posted, ready))

        for posted in new:
            self._apply_or_refuse(posted.stix, partial(request, posted))
        results = share_all(requests, by=self._by, now=self._now)
        faces: list[tuple[Posted, Signal]] = []
        for posted in (candidate for candidate in new if candidate.id in requested):
            shared, indicator = results[posted.id], requested[posted.id]
            if indicator.is_several and (shared.created or shared.existing):
                self._accept(posted, self._indicators.describe(posted, indicator, shared))
            elif shared.created:
                faces.append((posted, shared.created[0]))
                self._accept(posted, shared.message(indicator))
            elif shared.existing:
                self._shared.discard(id(posted))  # it is applied by itself, in a later transaction
            elif shared.waiting:
                self._accept(posted, listed(shared.notes))
            else:
                self._refuse(posted, listed(shared.notes))
        self._store.store_faces(faces)

    def _apply(self, posted: Posted) -> None:
        """Apply an object that is not a new indicator."""
        if posted.id in TLP_OF:
            self._accept(posted, _HERE)
            return
        before = reads.find_versions(posted.id, at=posted.moment, viewer=self._by.party)
        own = [row for row in before if row.shared_by_id == self._by.party.pk]
        if posted.version is None:
            before = own
        if own and posted.type not in rules.FEEDBACK_TYPES:
            mark = own[-1].exercise
            rules.check_exercise(exercise=mark, to_exercise=self._store.exercise)
        if same := [row for row in own or before if row.version_at == posted.moment]:
            self._apply_stored_version(posted, same[-1])
        elif before:
            self._apply_new_version(posted, before=before)
        elif posted.type == "indicator":
            self._apply_indicator(posted)
        elif posted.type == "sighting":
            self._count(posted, sighting_of(posted), before=None)
        elif posted.type == "opinion":
            self._record_opinion(posted)
        else:
            self._store.store_plain(posted)
            self._accept(posted)

    def _apply_stored_version(self, posted: Posted, row: StixObject) -> None:
        """Add a version that is stored already to the collection, unless it is in it."""
        is_own = row.shared_by_id == self._by.party.pk
        is_told = row.signal_id is not None or row.is_private
        if self._to.is_feedback or posted.is_revoked or (self._to.crisis is None and is_told):
            self._accept(posted, _HERE)
        elif not is_own:
            self._apply_others_object(posted)
        else:
            is_new = self._bring_in(posted, row)
            self._accept(posted, "" if is_new else _HERE)

    def _bring_in(self, posted: Posted, row: StixObject) -> bool:
        """Add an object, or its signals, to a crisis; return whether any was not in it."""
        parts = reads.parts(posted.id, viewer=self._by.party)
        signals = [row.signal] if row.is_face and row.signal else parts
        joined = [
            self._indicators.join_crisis(signal)
            for signal in signals
            if signal.state == SignalState.LIVE
        ]
        if signals and not joined:
            raise ConflictError("its signal no longer matches: send a newer version")
        if row.is_face:
            return any(joined)
        return self._store.add_to_collection(row) or any(joined)

    def _apply_others_object(self, posted: Posted) -> None:
        """Handle another party's stored object: only that party can add it to other collections."""
        there = reads.stored_objects(self._to, viewer=self._by.party).filter(stix_id=posted.id)
        row = reads.find_signal(posted.id, viewer=self._by.party)
        is_there = row is not None and row.crisis is not None and row.crisis.uid == self._to.crisis
        if not (self._to.crisis is None or is_there or there.exists()):
            raise NotAllowedError(
                "this object belongs to another party, and only that party can add it to a "
                "crisis: share its value under an id of your own"
            )
        self._accept(posted, _HERE)

    def _apply_new_version(self, posted: Posted, *, before: list[StixObject]) -> None:
        """Apply another version of a stored object."""
        check_author(posted, others=self._others)
        latest = before[-1]
        if latest.shared_by_id != self._by.party.pk or latest.made_from:
            raise NotAllowedError("this object belongs to another party: post an opinion instead")
        at, had = posted.moment, latest.version_at
        if at is None or (had is not None and at < had):
            raise ConflictError("the hub already has a newer version: send one that is newer still")
        parts = reads.parts(posted.id, viewer=self._by.party)
        if parts:
            self._accept(posted, self._indicators.change_parts(posted, parts=parts))
        elif latest.is_face and latest.signal is not None:
            change = self._indicators.change_former if latest.is_beside else self._indicators.change
            self._accept(posted, change(posted, row=latest.signal))
        elif posted.type == "sighting":
            self._count(posted, sighting_of(posted), before=latest)
        elif posted.type == "opinion":
            self._record_opinion(posted)
        else:
            self._store.store_plain(posted)
            self._accept(posted)

    def _apply_indicator(self, posted: Posted) -> None:
        """Apply an indicator that nobody posted: one that the hub generated, or a new one.

        Of a generated one only its revocation is applied, and its sharer's adding it to a crisis.
        """
        row = reads.find_signal(posted.id, viewer=self._by.party)
        if row is None and posted.is_revoked:
            raise NotFoundError("there is no such indicator to revoke: post it first")
        if row is None and reads.used_ids([posted.id]):
            raise NotAllowedError("this id is in use: choose another")
        if row is None:
            self._apply_second_description(posted)
        elif posted.is_revoked:
            self._accept(posted, self._indicators.withdraw(posted, row=row))
        elif row.shared_by_id != self._by.party.pk:
            self._apply_others_object(posted)
        else:
            rules.check_exercise(exercise=row.exercise, to_exercise=self._store.exercise)
            self._accept(posted, "" if self._indicators.join_crisis(row) else _HERE)

    def _apply_second_description(self, posted: Posted) -> None:
        """Apply a new indicator of a value that its party already shares: a second description."""
        requested, ready = self._readings.of(posted)
        shared = share_all([(posted, ready)], by=self._by, now=self._now)[posted.id]
        if shared.created and not requested.is_several:  # the repeated signal has ended meanwhile
            self._store.store_faces([(posted, shared.created[0])])
            self._accept(posted, shared.message(requested))
            return
        if not shared.created and not shared.existing:
            if not shared.waiting:
                raise PostedError(listed(shared.notes))
            self._accept(posted, listed(shared.notes))
            return
        self._store.reserve()
        self._accept(posted, self._indicators.describe(posted, requested, shared))

    def _count(
        self, posted: Posted, reported: SightingPosted, *, before: StixObject | None
    ) -> None:
        """Count a sighting's uploads; of a newer version only the difference to the last one."""
        row = self._signal_of(reported.of)
        had = sighting_of(read_object(json.loads(before.body))).outcomes if before else {}
        more = {
            outcome: count - had.get(outcome, 0) for outcome, count in reported.outcomes.items()
        }
        rows = tuple(
            OutcomeRow(
                signal=row.uid,
                outcome=outcome,
                count=count,
                first_at=reported.first_at,
                last_at=reported.last_at,
            )
            for outcome, count in more.items()
            if count > 0
        )
        if rows:
            uid = named_uuid(f"{posted.id}\n{posted.version}")
            signals.report_outcomes(
                OutcomeReportIn(report=uid, agent=_AGENT, rows=rows),
                by=self._by.party,
                now=self._now,
                actor_ref=self._by.ref,
            )
        self._store.store(posted, signal=row, is_private=True)
        self._accept(posted)

    def _record_opinion(self, posted: Posted) -> None:
        """Record an opinion of each indicator that it names."""
        judgement = opinion_of(posted)
        self._judged += len(judgement.of)
        if self._judged > MAX_JUDGED:
            raise PostedError(f"one post judges at most {MAX_JUDGED:,} times: send another")
        rows = [self._signal_of(stix_id) for stix_id in judgement.of]
        note = judgement.note
        if judgement.opinion is Opinion.DISPUTE and not note.strip():
            note = "disputed in a STIX opinion"
        beside = rows[rules.strictest_signal(posted.tlp, of=[Tlp(row.tlp) for row in rows])]
        self._acts += len(rows)
        for row in rows:
            signals.give_opinion(
                row.uid,
                body=OpinionIn(opinion=judgement.opinion, note=note),
                by=self._by.party,
                now=self._now,
                actor_ref=self._by.ref,
            )
        self._store.store(posted, signal=beside)
        self._accept(posted)

    def _signal_of(self, stix_id: str) -> Signal:
        """Return the signal that feedback refers to. raises: NotFoundError."""
        row = reads.find_signal(stix_id, viewer=self._by.party)
        if row is not None:
            return row
        parts = reads.parts(stix_id, viewer=self._by.party)
        if len(parts) == 1:
            return parts[0]
        if parts:
            ids = listed([indicator_id(part.uid) for part in parts])
            raise NotAllowedError("this indicator is several signals: name one of {ids}", ids=ids)
        raise NotFoundError("there is no such indicator that your party may see: read it first")

    def _accept(self, posted: Posted, message: str = "") -> None:
        """Record that an object was taken."""
        self.taken.append(ObjectStatus.of(posted.stix, now=self._now, message=message))

    def _refuse(self, posted: Posted, message: str) -> None:
        """Record that an object was refused."""
        self.refused.append(ObjectStatus.of(posted.stix, now=self._now, message=message))


@transaction.atomic
def _apply_atomically(act: Callable[[Posted], None], posted: Posted) -> None:
    """Apply an object completely, or not at all."""
    act(posted)
