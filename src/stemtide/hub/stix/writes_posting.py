# SPDX-License-Identifier: Apache-2.0
"""What one post means: new signals, newer versions, withdrawals, counts, opinions, other objects.

Called by writes.py, in its transaction and after its turn. How objects are kept is in
writes_keeping.py.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RefusalError,
)
from stemtide.hub.signals import reads_collection, writes as signals, writes_telling as telling
from stemtide.hub.signals.models import Signal
from stemtide.hub.stix import reads, rules
from stemtide.hub.stix.models import StixObject
from stemtide.hub.stix.rules import Collection, Holder
from stemtide.hub.stix.writes_keeping import Keeping
from stemtide.protocol.agents import OutcomeReportIn, OutcomeRow
from stemtide.protocol.handling import Tlp
from stemtide.protocol.signals import OpinionIn, SignalIn, WithdrawIn
from stemtide.protocol.stix import TLP_OF, indicator_id, named_uuid
from stemtide.protocol.stix_fates import Fate
from stemtide.protocol.stix_posted import (
    Posted,
    PostedError,
    SightingPosted,
    Wanted,
    opinion_of,
    read_body,
    read_object,
    reason_of,
    sighting_of,
    signals_of,
)
from stemtide.protocol.words import PartyKind, SignalState, WithdrawReason

__all__ = ["Posting"]

_AGENT = "taxii"
_HERE = "is here already; nothing was changed"
_NAMED = 10
"""Ids and remarks that a message names, of however many."""

MAX_SIGNALS = 20_000
"""Signals that one post shares or says anew."""

MAX_JUDGED = 1_000
"""Indicators that the opinions of one post are of, together: each is written while others wait."""


class Posting:
    """One post on its way in. taken, refused: what became of its objects so far."""

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self.taken: list[Fate] = []
        self.refused: list[Fate] = []
        self._to, self._by, self._now = to, by, now
        self._asked = self._judged = 0
        self._keeping = Keeping(to, by=by, now=now)

    def take(self, objects: Sequence[object]) -> None:
        """Take the objects of a post in numbered steps.

        1 Read the frame of each.  2 Share what are new indicators, in one act.  3 Take the others
        one by one, indicators first: what is said of them may stand in the same post.
        """
        read: list[Posted] = []
        for sent in objects:
            self._try(sent, partial(self._read_into, read, sent))  # 1
        used = reads.used_ids([one.id for one in read], by=self._by.ref)
        rest = []
        new: dict[str, Posted] = {}
        for one in read:
            is_new = one.type == "indicator" and not one.is_revoked and one.id not in used
            if is_new and one.id not in new:
                new[one.id] = one
            else:
                rest.append(one)
        self._share(list(new.values()))  # 2
        for one in sorted(rest, key=lambda posted: posted.type != "indicator"):  # 3
            self._try(one.stix, partial(_do_whole, self._take, one))

    def _try(self, sent: object, act: Callable[[], object]) -> None:
        """Do what an object asks, or note why not."""
        try:
            act()
        except (PostedError, RefusalError) as error:
            self.refused.append(Fate.of(sent, now=self._now, message=str(error)))

    def _read_into(self, read: list[Posted], sent: object) -> None:
        """Read one object whose frame is right, and which the key may post here."""
        posted = read_object(sent)
        holder = Holder(PartyKind(self._by.party.kind), self._by.scopes)
        rules.check_type(posted.type, to=self._to, holder=holder)
        read.append(posted)

    def _share(self, new: Sequence[Posted]) -> None:
        """Share new indicators in one act; those that we could not match are kept as they are."""
        pairs: list[tuple[Posted, SignalIn]] = []
        wanted: dict[str, Wanted] = {}

        def read(one: Posted) -> None:
            found = self._wanted(one)
            if not found.signals:
                self._keeping.keep_plain(one)
                self._done(one, f"kept as it is: {found.why}")
                return
            if found.is_several:
                self._keeping.reserve()
            wanted[one.id] = found
            pairs.extend((one, body) for body in found.signals)

        for one in new:
            self._try(one.stix, partial(read, one))
        made, notes = self._share_all(pairs)
        faces: list[tuple[Posted, Signal]] = []
        for one in (each for each in new if each.id in wanted):
            rows, said = made[one.id], notes[one.id]
            if not rows:
                self._refuse(one, _listed(said))
                continue
            if wanted[one.id].is_several:
                self._keeping.keep_parts(one, rows)
            else:
                faces.append((one, rows[0]))
            self._done(one, _became(rows, wanted[one.id], said))
        self._keeping.keep_faces(faces)

    def _wanted(self, one: Posted) -> Wanted:
        """The signals that an indicator asks for. raises: PostedError."""
        found = signals_of(one, crisis=self._to.crisis, exercise=self._keeping.exercise)
        self._asked += len(found.signals)
        if self._asked > MAX_SIGNALS:
            raise PostedError(f"one post shares at most {MAX_SIGNALS:,} signals: send another")
        return found

    def _share_all(
        self, pairs: Sequence[tuple[Posted, SignalIn]]
    ) -> tuple[dict[str, list[Signal]], dict[str, list[str]]]:
        """Share what indicators ask for; by their ids the new signals, and why others are none."""
        made: dict[str, list[Signal]] = {one.id: [] for one, _ in pairs}
        notes: dict[str, list[str]] = {one.id: [] for one, _ in pairs}
        if not pairs:
            return made, notes
        out = signals.share_many(
            [body for _, body in pairs],
            by=self._by.party,
            now=self._now,
            partial=True,
            actor_ref=self._by.ref,
        )
        why = {error.row: f"{error.field}: {error.message}" for error in out.errors}
        rows = reads_collection.by_uid(
            {one.id for one in out.signals if one}, viewer=self._by.party
        )
        for number, placed in enumerate(out.signals):
            stix_id = pairs[number][0].id
            if placed is None:
                notes[stix_id].append(why[number])
            elif not placed.created:
                notes[stix_id].append(self._told_as(rows[placed.id]))
            else:
                made[stix_id].append(rows[placed.id])
        return made, notes

    def _take(self, posted: Posted) -> None:
        """One object that is no new indicator."""
        if posted.id in TLP_OF:
            self._done(posted, _HERE)
            return
        before = reads.find_kept(posted.id, at=posted.moment, viewer=self._by.party)
        if posted.version is None:
            before = [row for row in before if row.shared_by_id == self._by.party.pk]
        if any(row.version_at == posted.moment for row in before):
            self._done(posted, _HERE)
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

    def _take_version(self, posted: Posted, *, before: list[StixObject]) -> None:
        """Another version of an object that is there."""
        latest = before[-1]
        if latest.shared_by_id != self._by.party.pk or latest.made_from:
            raise NotAllowedError("this object is another party's: say an opinion of it instead")
        at, had = posted.moment, latest.version_at
        if at is None or (had is not None and at < had):
            raise ConflictError("a newer version is here already: send one that is newer still")
        parts = reads.parts(posted.id, viewer=self._by.party)
        if parts:
            self._change_parts(posted, parts=parts)
        elif latest.is_face:
            self._change(posted, latest=latest)
        elif posted.type == "sighting":
            self._count(posted, sighting_of(posted), before=latest)
        elif posted.type == "opinion":
            self._judge(posted)
        else:
            self._keeping.keep_plain(posted)
            self._done(posted)

    def _take_ours(self, posted: Posted) -> None:
        """An indicator that we made of a signal comes back: its revocation counts, no more."""
        row = reads.find_signal(posted.id, viewer=self._by.party)
        if row is None and posted.is_revoked:
            raise NotFoundError("there is no such indicator to revoke: post it first")
        if row is None:
            raise NotAllowedError("this id is in use: choose another")
        if not posted.is_revoked:
            self._done(posted, _HERE)
            return
        self._withdraw(row, reason=reason_of(posted))
        self._done(posted)

    def _change(self, posted: Posted, *, latest: StixObject) -> None:
        """A newer version of a face: a withdrawal, other facts, or other words beside the same."""
        row = latest.signal
        assert row is not None  # noqa: S101  # a face has one
        if posted.is_revoked:
            self._withdraw(row, reason=reason_of(posted))
            self._keeping.keep(posted, position=self._position(row), signal=row)
            self._done(posted)
            return
        wanted = self._wanted(posted)
        if wanted.is_several:
            raise InvalidError(
                "pattern", "was one comparison: revoke it, and post the several as a new indicator"
            )
        if not wanted.signals:
            raise InvalidError("pattern", "is none that uploads are compared with: revoke it")
        (body,) = wanted.signals
        is_live = row.state == SignalState.LIVE
        if is_live and reads_collection.says(row, body, viewer=self._by.party, now=self._now):
            told = telling.tell_again(
                row.uid, by=self._by.party, now=self._now, through=self._by.ref
            )
            self._keeping.keep(posted, position=told, signal=row)
            self._done(posted)
            return
        self._withdraw(row, reason=WithdrawReason.SUPERSEDED)
        made = signals.share(body, by=self._by.party, now=self._now, actor_ref=self._by.ref)
        new = reads_collection.by_uid({made.id}, viewer=self._by.party)[made.id]
        self._keeping.move(posted.id, to=new)
        self._keeping.keep(posted, position=made.position, signal=new)
        self._done(posted)

    def _change_parts(self, posted: Posted, *, parts: Sequence[Signal]) -> None:
        """A newer version of an indicator that became several signals.

        1 Revoked, it withdraws them all.  2 Those that the new version does not ask for, or with
        other facts, are withdrawn; what it asks for beside the rest is shared.
        """
        if posted.is_revoked:
            for row in parts:
                self._withdraw(row, reason=reason_of(posted))
            self._keeping.keep(posted, is_private=True)
            self._done(posted)
            return
        wanted = self._wanted(posted)
        if not wanted.signals:
            raise InvalidError("pattern", "is none that uploads are compared with: revoke it")
        same = reads_collection.same(wanted.signals, viewer=self._by.party, now=self._now)
        stay = {row.uid for row in parts} & set(same.values())
        for row in parts:
            if row.uid not in stay:
                self._withdraw(row, reason=WithdrawReason.SUPERSEDED)
        new = [body for place, body in enumerate(wanted.signals) if same.get(place) not in stay]
        made, notes = self._share_all([(posted, body) for body in new])
        rows = made.get(posted.id, [])
        self._keeping.reserve()
        self._keeping.keep_parts(posted, rows)
        kept = [row for row in parts if row.uid in stay]
        self._done(posted, _became([*kept, *rows], wanted, notes.get(posted.id, [])))

    def _withdraw(self, row: Signal, *, reason: WithdrawReason) -> None:
        """Take a signal back; once is enough."""
        if row.state == SignalState.LIVE:
            body = WithdrawIn(reason=reason)
            signals.withdraw(
                row.uid, body=body, by=self._by.party, now=self._now, actor_ref=self._by.ref
            )

    def _position(self, row: Signal) -> int:
        """Where a signal stands now."""
        return reads_collection.by_uid({row.uid}, viewer=self._by.party)[row.uid].position

    def _count(self, posted: Posted, said: SightingPosted, *, before: StixObject | None) -> None:
        """Count what a sighting reports; of a newer version what is more than in the one before."""
        row = self._found(said.of)
        had = sighting_of(read_body(before.body)).outcomes if before else {}
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
        if parts := reads.parts(stix_id, viewer=self._by.party):
            ids = _listed([indicator_id(part.uid) for part in parts])
            raise NotAllowedError("this indicator is several signals: name one of {ids}", ids=ids)
        raise NotFoundError("there is no such indicator that your party may see: read it first")

    def _told_as(self, row: Signal) -> str:
        """That a value is shared already, and under which id."""
        face = reads.faces([row.pk], viewer=self._by.party).get(row.pk)
        known = face.stix_id if face else indicator_id(row.uid)
        return f"your party shares this already, as {known}: send newer versions of that"

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


def _became(rows: Sequence[Signal], wanted: Wanted, notes: Sequence[str]) -> str:
    """What an indicator became, where that is not simply the signal that it asks for."""
    if not wanted.is_several and not wanted.others:
        return ""
    ids = _listed([indicator_id(row.uid) for row in rows])
    said = f"became {len(rows)} signals, each told by itself: {ids}" if wanted.is_several else ""
    left = f"{wanted.others} of its comparisons are none that uploads are compared with"
    return "; ".join(one for one in (said, left if wanted.others else "", _listed(notes)) if one)


def _listed(words: Sequence[str]) -> str:
    """Some of many words, each once."""
    each = list(dict.fromkeys(words))
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    return "; ".join(each[:_NAMED]) + more
