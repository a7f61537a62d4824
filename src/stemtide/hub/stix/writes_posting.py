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
from stemtide.protocol.signals import OpinionIn, SignalIn, WithdrawIn
from stemtide.protocol.stix import TLP_OF, indicator_id, named_uuid
from stemtide.protocol.stix_posted import (
    Fate,
    Posted,
    PostedError,
    SightingPosted,
    opinion_of,
    read_body,
    read_object,
    reason_of,
    sighting_of,
    signal_of,
)
from stemtide.protocol.words import PartyKind, SignalState, WithdrawReason

__all__ = ["Posting"]

_AGENT = "taxii"
_HERE = "is here already; nothing was changed"
_KEPT = "kept as it is: its pattern is none that uploads are compared with"


class Posting:
    """One post on its way in. taken, refused: what became of its objects so far."""

    def __init__(self, to: Collection, *, by: Caller, now: datetime) -> None:
        self.taken: list[Fate] = []
        self.refused: list[Fate] = []
        self._to, self._by, self._now = to, by, now
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

        def read(one: Posted) -> None:
            body = signal_of(one, crisis=self._to.crisis, exercise=self._keeping.exercise)
            if body is None:
                self._keeping.keep_plain(one)
                self._done(one, _KEPT)
            else:
                pairs.append((one, body))

        for one in new:
            self._try(one.stix, partial(read, one))
        if not pairs:
            return
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
        faces: list[tuple[Posted, Signal]] = []
        for number, placed in enumerate(out.signals):
            posted = pairs[number][0]
            if placed is None:
                self._refuse(posted, why[number])
            elif not placed.created:
                self._refuse(posted, self._told_as(rows[placed.id]))
            else:
                faces.append((posted, rows[placed.id]))
                self._done(posted)
        self._keeping.keep_faces(faces)

    def _take(self, posted: Posted) -> None:
        """One object that is no new indicator."""
        if posted.id in TLP_OF:
            self._done(posted, _HERE)
            return
        before = reads.find_kept(posted.id, viewer=self._by.party)
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
        if latest.is_face:
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
        body = signal_of(posted, crisis=self._to.crisis, exercise=row.exercise)
        if body is None:
            raise InvalidError("pattern", "is none that uploads are compared with: revoke it")
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
        rows = [self._found(one) for one in said.of]
        for row in rows:
            signals.opine(
                row.uid,
                body=OpinionIn(opinion=said.said, note=said.note),
                by=self._by.party,
                now=self._now,
                actor_ref=self._by.ref,
            )
        self._keeping.keep(posted, signal=rows[0])
        self._done(posted)

    def _found(self, stix_id: str) -> Signal:
        """The signal that something is said of. raises: NotFoundError."""
        row = reads.find_signal(stix_id, viewer=self._by.party)
        if row is None:
            raise NotFoundError("there is no such indicator that your party may see: read it first")
        return row

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
