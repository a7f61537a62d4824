# SPDX-License-Identifier: Apache-2.0
"""What one post means: new signals, newer versions, withdrawals, counts, opinions, other objects.

Called by writes.py: what is read before its turn (reading.py), the rest in its transactions. How
objects are kept is in writes_keeping.py.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    RefusalError,
)
from stemtide.hub.signals import writes as signals
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules_ready import Ready
from stemtide.hub.stix import reads, rules
from stemtide.hub.stix.models import StixObject
from stemtide.hub.stix.reading import Readings, listed
from stemtide.hub.stix.rules import Collection, Holder
from stemtide.hub.stix.writes_indicators import Indicators
from stemtide.hub.stix.writes_keeping import Keeping
from stemtide.hub.stix.writes_sharing import share_all
from stemtide.protocol.agents import OutcomeReportIn, OutcomeRow
from stemtide.protocol.handling import Tlp
from stemtide.protocol.signals import OpinionIn
from stemtide.protocol.stix import TLP_OF, indicator_id, named_uuid
from stemtide.protocol.stix_authors import check_author
from stemtide.protocol.stix_fates import Fate
from stemtide.protocol.stix_posted import (
    Posted,
    PostedError,
    SightingPosted,
    Wanted,
    opinion_of,
    read_object,
    sighting_of,
)
from stemtide.protocol.words import PartyKind, SignalState

__all__ = ["Posting"]

_AGENT = "taxii"
_HERE = "is here already; nothing was changed"

NEW_IN_A_TURN = 2_000
"""New signals that one turn shares, and then others write first."""

ACTS_IN_A_TURN = 50
"""The same of what is done one by one: objects kept, signals ended, counted and judged."""

MAX_JUDGED = 1_000
"""Indicators that the opinions of one post are of, together: each is written while others wait."""


class Posting:
    """One post on its way in. taken, refused: what became of its objects so far.

    Read it before a turn to write, then take it in as many turns as it needs: in between, others
    get theirs.
    """

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self.taken: list[Fate] = []
        self.refused: list[Fate] = []
        self._to, self._by, self._now = to, by, now
        self._judged = self._acts = 0
        self._keeping = Keeping(to, by=by, now=now)
        self._others = reads.other_parties(viewer=by.party)
        self._readings = Readings(crisis=to.crisis, exercise=self._keeping.exercise, now=now)
        self._indicators = Indicators(
            to, by=by, now=now, keeping=self._keeping, readings=self._readings
        )
        self._read: list[Posted] = []
        self._new: deque[Posted] = deque()
        self._shared: set[int] = set()
        self._rest: deque[Posted] | None = None
        self._told = (0, 0)

    @property
    def is_done(self) -> bool:
        """Whether every object was taken or refused."""
        return self._rest is not None and not self._rest

    def read(self, objects: Sequence[object]) -> None:
        """Read the objects of a post, which writes nothing; first what seems to be new here."""
        for place, sent in enumerate(objects):
            self._try(sent, partial(self._read_into, self._read, sent), place=place)
        used = reads.used_ids([one.id for one in self._read], by=self._by.ref)
        self._readings.read(sorted(self._read, key=lambda one: one.id in used))
        new: dict[str, Posted] = {}
        for one in self._read:
            if one.type == "indicator" and not one.is_revoked and one.id not in used:
                new.setdefault(one.id, one)
        self._new = deque(new.values())

    def take_some(self) -> tuple[int, int]:
        """Take what one turn has room for, in numbered steps, until `is_done`.

        1 Share what are new indicators, many in one act.  2 In later turns take the others one by
        one, indicators first: what is said of them may stand in the same post.

        return: how many objects were taken and refused since the turn before.
        """
        self._acts = self._indicators.acts = 0
        self._share(self._next_new())  # 1
        if not self._new and self._rest is None:
            left = [one for one in self._read if id(one) not in self._shared]
            self._rest = deque(sorted(left, key=lambda one: one.type != "indicator"))
        while self._rest and self._acts + self._indicators.acts < ACTS_IN_A_TURN:
            one = self._rest.popleft()
            self._acts += 1
            self._try(one.stix, partial(_do_whole, self._take, one))  # 2
        before, self._told = self._told, (len(self.taken), len(self.refused))
        return self._told[0] - before[0], self._told[1] - before[1]

    def _next_new(self) -> list[Posted]:
        """The indicators among the next ones whose ids nobody used: as many as a turn has room for.

        An id that is used by now is no new one's, whatever it was when the post was read.
        """
        some: list[Posted] = []
        while self._new and self._acts < NEW_IN_A_TURN:
            some.append(self._new.popleft())
            self._acts += self._readings.weight(some[-1])
        used = reads.used_ids([one.id for one in some], by=self._by.ref)
        new = [one for one in some if one.id not in used]
        self._shared.update(id(one) for one in new)
        return new

    def _try(self, sent: object, act: Callable[[], object], *, place: int | None = None) -> None:
        """Do what an object asks, or note why not. place: where it stands in the post."""
        try:
            act()
        except (PostedError, RefusalError) as error:
            fate = Fate.of(sent, now=self._now, message=str(error), place=place)
            self.refused.append(fate)

    def _read_into(self, read: list[Posted], sent: object) -> None:
        """Read one object whose frame is right, and which the key may post here."""
        posted = read_object(sent)
        if not (posted.type == "indicator" and posted.is_revoked):  # an agency may take back
            check_author(posted, others=self._others)
        holder = Holder(PartyKind(self._by.party.kind), self._by.scopes)
        rules.check_type(posted.type, to=self._to, holder=holder)
        read.append(posted)

    def _share(self, new: Sequence[Posted]) -> None:
        """Share new indicators in one act; those that we could not match are kept as they are."""
        asking: list[tuple[Posted, Ready]] = []
        wanted: dict[str, Wanted] = {}

        def look_at(one: Posted) -> None:
            found, ready = self._readings.of(one)
            if not found.signals:
                self._keeping.keep_plain(one)
                self._done(one, f"kept as it is: {found.why}")
                return
            if found.is_several:
                self._keeping.reserve()
            wanted[one.id] = found
            asking.append((one, ready))

        for one in new:
            self._try(one.stix, partial(look_at, one))
        shared = share_all(asking, by=self._by, now=self._now)
        faces: list[tuple[Posted, Signal]] = []
        for one in (each for each in new if each.id in wanted):
            found, asked = shared[one.id], wanted[one.id]
            if asked.is_several and (found.made or found.known):
                self._done(one, self._indicators.describe(one, asked, found))
            elif found.made:
                faces.append((one, found.made[0]))
                self._done(one, found.told(asked))
            elif found.known:
                self._shared.discard(id(one))  # it is taken by itself, in a later turn
            else:
                self._refuse(one, listed(found.notes))
        self._keeping.keep_faces(faces)

    def _take(self, posted: Posted) -> None:
        """One object that is no new indicator."""
        if posted.id in TLP_OF:
            self._done(posted, _HERE)
            return
        before = reads.find_kept(posted.id, at=posted.moment, viewer=self._by.party)
        own = [row for row in before if row.shared_by_id == self._by.party.pk]
        if posted.version is None:
            before = own
        if own and posted.type not in rules.FEEDBACK_TYPES:
            mark = own[-1].exercise
            rules.check_mark(exercise=mark, to_exercise=self._keeping.exercise)
        if same := [row for row in own or before if row.version_at == posted.moment]:
            self._take_again(posted, same[-1])
        elif before:
            self._take_version(posted, before=before)
        elif posted.type == "indicator":
            self._take_ours(posted)
        elif posted.type == "sighting":
            self._count(posted, sighting_of(posted), before=None)
        elif posted.type == "opinion":
            self._judge(posted)
        else:
            self._keeping.keep_plain(posted)
            self._done(posted)

    def _take_again(self, posted: Posted, row: StixObject) -> None:
        """A version that is here already enters the collection, where it is not in it."""
        is_own = row.shared_by_id == self._by.party.pk
        is_told = row.signal_id is not None or row.is_private
        if self._to.is_feedback or posted.is_revoked or (self._to.crisis is None and is_told):
            self._done(posted, _HERE)
        elif not is_own:
            self._take_others(posted)
        else:
            is_new = self._bring_in(posted, row)
            self._done(posted, "" if is_new else _HERE)

    def _bring_in(self, posted: Posted, row: StixObject) -> bool:
        """Bring an object, or the signals that it describes, into a crisis; whether it was new."""
        parts = reads.parts(posted.id, viewer=self._by.party)
        signals = [row.signal] if row.is_face and row.signal else parts
        joined = [
            self._indicators.enter(signal) for signal in signals if signal.state == SignalState.LIVE
        ]
        if signals and not joined:
            raise ConflictError("its signal no longer matches: send a newer version")
        if row.is_face:
            return any(joined)
        return self._keeping.bring_object(row) or any(joined)

    def _take_others(self, posted: Posted) -> None:
        """An object of another party that is here already: only that party brings it elsewhere."""
        there = reads.kept(self._to, viewer=self._by.party).filter(stix_id=posted.id)
        row = reads.find_signal(posted.id, viewer=self._by.party)
        is_there = row is not None and row.crisis is not None and row.crisis.uid == self._to.crisis
        if not (self._to.crisis is None or is_there or there.exists()):
            raise NotAllowedError(
                "this object is another party's, and only they bring it into a crisis: share its"
                " value under an id of your own"
            )
        self._done(posted, _HERE)

    def _take_version(self, posted: Posted, *, before: list[StixObject]) -> None:
        """Another version of an object that is there."""
        check_author(posted, others=self._others)
        latest = before[-1]
        if latest.shared_by_id != self._by.party.pk or latest.made_from:
            raise NotAllowedError("this object is another party's: say an opinion of it instead")
        at, had = posted.moment, latest.version_at
        if at is None or (had is not None and at < had):
            raise ConflictError("a newer version is here already: send one that is newer still")
        parts = reads.parts(posted.id, viewer=self._by.party)
        if parts:
            self._done(posted, self._indicators.change_parts(posted, parts=parts))
        elif latest.is_face and latest.signal is not None:
            change = self._indicators.change_former if latest.is_beside else self._indicators.change
            self._done(posted, change(posted, row=latest.signal))
        elif posted.type == "sighting":
            self._count(posted, sighting_of(posted), before=latest)
        elif posted.type == "opinion":
            self._judge(posted)
        else:
            self._keeping.keep_plain(posted)
            self._done(posted)

    def _take_ours(self, posted: Posted) -> None:
        """An indicator that nobody posted: one that we made of a signal, or a new one.

        Of one that we made the revocation counts, and that its sharer brings it into a crisis.
        """
        row = reads.find_signal(posted.id, viewer=self._by.party)
        if row is None and posted.is_revoked:
            raise NotFoundError("there is no such indicator to revoke: post it first")
        if row is None and reads.used_ids([posted.id], by=self._by.ref):
            raise NotAllowedError("this id is in use: choose another")
        if row is None:
            self._take_new(posted)
        elif posted.is_revoked:
            self._indicators.withdraw(posted, row=row)
            self._done(posted)
        elif row.shared_by_id != self._by.party.pk:
            self._take_others(posted)
        else:
            rules.check_mark(exercise=row.exercise, to_exercise=self._keeping.exercise)
            self._done(posted, "" if self._indicators.enter(row) else _HERE)

    def _take_new(self, posted: Posted) -> None:
        """A new indicator of a value that its party shares already: a second description of it."""
        wanted, ready = self._readings.of(posted)
        shared = share_all([(posted, ready)], by=self._by, now=self._now)[posted.id]
        if shared.made and not wanted.is_several:  # what it repeated has ended meanwhile
            self._keeping.keep_faces([(posted, shared.made[0])])
            self._done(posted, shared.told(wanted))
            return
        if not shared.made and not shared.known:
            raise PostedError(listed(shared.notes))
        self._keeping.reserve()
        self._done(posted, self._indicators.describe(posted, wanted, shared))

    def _count(self, posted: Posted, said: SightingPosted, *, before: StixObject | None) -> None:
        """Count what a sighting reports; of a newer version what is more than in the one before."""
        row = self._found(said.of)
        had = sighting_of(read_object(json.loads(before.body))).outcomes if before else {}
        more = {one: count - had.get(one, 0) for one, count in said.outcomes.items()}
        rows = tuple(
            OutcomeRow(
                signal=row.uid,
                outcome=one,
                count=count,
                first_at=said.first_at,
                last_at=said.last_at,
            )
            for one, count in more.items()
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
        self._keeping.keep(posted, signal=row, is_private=True)
        self._done(posted)

    def _judge(self, posted: Posted) -> None:
        """Note what an opinion says, of each indicator that it names."""
        said = opinion_of(posted)
        self._judged += len(said.of)
        if self._judged > MAX_JUDGED:
            raise PostedError(f"one post judges at most {MAX_JUDGED:,} times: send another")
        rows = [self._found(one) for one in said.of]
        beside = rows[rules.told_with(posted.tlp, of=[Tlp(row.tlp) for row in rows])]
        self._acts += len(rows)
        for row in rows:
            signals.opine(
                row.uid,
                body=OpinionIn(opinion=said.said, note=said.note),
                by=self._by.party,
                now=self._now,
                actor_ref=self._by.ref,
            )
        self._keeping.keep(posted, signal=beside)
        self._done(posted)

    def _found(self, stix_id: str) -> Signal:
        """The signal that something is said of. raises: NotFoundError."""
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

    def _done(self, posted: Posted, message: str = "") -> None:
        """Note that an object was taken."""
        self.taken.append(Fate.of(posted.stix, now=self._now, message=message))

    def _refuse(self, posted: Posted, message: str) -> None:
        """Note that an object was not taken."""
        self.refused.append(Fate.of(posted.stix, now=self._now, message=message))


@transaction.atomic
def _do_whole(act: Callable[[Posted], None], posted: Posted) -> None:
    """Do what an object asks whole, or not at all."""
    act(posted)
