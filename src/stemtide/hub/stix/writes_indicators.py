# SPDX-License-Identifier: Apache-2.0
"""Newer versions and second descriptions of indicators, and signals that enter a crisis by them.

1 A party shares a value once. Its first indicator of it is told in the signal's place (its face);
  a second one is kept for its poster, as one of several comparisons is, with a part that names the
  signal.
2 A signal stays as long as anything of its party describes it: its face, a part, or a share by
  another door. What it says is that of a description that stands.
3 A signal is in one crisis at a time. A newer version that is posted elsewhere leaves it there.

Called by writes_posting.py.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.parties.reads import Caller
from stemtide.hub.parties.rules import ConflictError, InvalidError, RefusalError
from stemtide.hub.signals import (
    reads_collection,
    rules_ready,
    writes as signals,
    writes_telling as telling,
)
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules import Draft
from stemtide.hub.signals.rules_ready import Ready
from stemtide.hub.stix import reads
from stemtide.hub.stix.models import PatternPart, StixObject
from stemtide.hub.stix.reading import Readings, became, listed
from stemtide.hub.stix.rules import Collection
from stemtide.hub.stix.writes_keeping import Keeping
from stemtide.hub.stix.writes_sharing import Shared, share_all
from stemtide.protocol.signals import SignalIn, WithdrawIn
from stemtide.protocol.stix_posted import (
    Posted,
    PostedError,
    Wanted,
    read_object,
    reason_of,
    signals_of,
)
from stemtide.protocol.words import SignalState, WithdrawReason

_STAYS = "stays, as your party describes it elsewhere as well"
_NOT_COMPARED = InvalidError("pattern", "is none that uploads are compared with: revoke it")


class Indicators:
    """The indicators of one post. acts: how many signals were ended, changed and shared one by one.

    Each method takes one object and returns what a status says of it.
    """

    def __init__(
        self, to: Collection, *, by: Caller, now: datetime, keeping: Keeping, readings: Readings
    ) -> None:
        self.acts = 0
        self._to, self._by, self._now = to, by, now
        self._keeping, self._readings = keeping, readings

    def describe(self, posted: Posted, wanted: Wanted, shared: Shared) -> str:
        """Keep an indicator of several comparisons, or a second one of a value.

        Take room for it first.
        """
        for row in shared.known:
            try:
                with transaction.atomic():
                    self.enter(row)
            except RefusalError as error:
                if not wanted.is_several:
                    raise
                shared.notes.append(str(error))
        self._keeping.keep_parts(posted, shared.made, known=shared.known)
        return shared.told(wanted) if wanted.is_several else listed(shared.notes)

    def enter(self, row: Signal) -> bool:
        """Bring a live signal into the crisis of the collection; whether it was not in it before.

        What was said of it comes with it. raises: NotAllowedError, ConflictError, InvalidError.
        """
        crisis = self._to.crisis
        if crisis is None or (row.crisis is not None and row.crisis.uid == crisis):
            return False
        self.acts += 1
        telling.join_crisis(
            row.uid, crisis=crisis, by=self._by.party, now=self._now, through=self._by.ref
        )
        row.refresh_from_db()
        self._keeping.bring(row)
        return True

    def change(self, posted: Posted, *, row: Signal) -> str:
        """A newer version of the face of a signal."""
        if posted.is_revoked:
            is_gone = self._end(row, but=posted.id, reason=reason_of(posted))
            is_live = row.state == SignalState.LIVE
            at = None if is_live else self._position(row)
            self._keeping.keep(posted, position=at, signal=row, is_beside=is_live)
            return "" if is_gone else f"its signal: {_STAYS}"
        body, ready = self._one_signal(posted, row=row)
        if row.state == SignalState.LIVE:
            self.enter(row)
            if reads_collection.says(row, body, viewer=self._by.party, now=self._now):
                self._keeping.keep(posted, position=self._tell_again(row), signal=row)
                return ""
        if (row.kind, row.value) == (body.kind, ready.drafts[0].value):
            self._withdraw(row, reason=WithdrawReason.SUPERSEDED)
        else:
            self._end(row, but=posted.id, reason=WithdrawReason.SUPERSEDED)
        return self._share_anew(posted, ready, of=row)

    def _share_anew(self, posted: Posted, ready: Ready, *, of: Signal) -> str:
        """Share what the newer version of a face asks for, in place of its signal."""
        shared = share_all([(posted, ready)], by=self._by, now=self._now)[posted.id]
        if not shared.made:
            why = "your party shares this value under another id: send newer versions of that one"
            raise ConflictError(why) if shared.known else PostedError(listed(shared.notes))
        (new,) = shared.made
        self._keeping.move(posted.id, to=new)
        if (of.kind, of.value) == (new.kind, new.value):
            PatternPart.objects.filter(signal=of).update(signal=new)
        self._keeping.keep(posted, position=new.position, signal=new)
        return ""

    def change_former(self, posted: Posted, *, row: Signal) -> str:
        """A newer version of what was a face, and was revoked while others describe its signal."""
        if not posted.is_revoked and row.state == SignalState.LIVE:
            raise ConflictError("this was revoked, and other indicators stand: use a new id")
        if not posted.is_revoked:
            return self.change(posted, row=row)
        self._keeping.keep(posted, signal=row, is_beside=True)
        return ""

    def change_parts(self, posted: Posted, *, parts: Sequence[Signal]) -> str:
        """A newer version of an indicator that has parts.

        1 Revoked, it ends them, as far as nothing else describes them.  2 Those that the new
        version does not ask for, or with other facts, end; what it asks for beside the rest is
        shared, or described.
        """
        if posted.is_revoked:
            gone = [self._end(row, but=posted.id, reason=reason_of(posted)) for row in parts]
            self._keeping.keep(posted, is_private=True)
            return "" if all(gone) else f"{gone.count(False)} of its signals: {_STAYS}"
        wanted, _ = self._readings.of(posted)
        if not wanted.signals:
            raise _NOT_COMPARED
        live = [row for row in parts if row.state == SignalState.LIVE]
        for row in live:
            self.enter(row)
        ready = self._ready(wanted, crisis=self._crisis_of(live))
        same = reads_collection.same_read(ready.drafts, errors=ready.errors, viewer=self._by.party)
        stay = {row.uid for row in live} & set(same.values())
        for row in parts:
            if row.uid not in stay:
                self._end(row, but=posted.id, reason=WithdrawReason.SUPERSEDED)
                PatternPart.objects.filter(stix_id=posted.id, signal=row).delete()
        new = [draft for draft in ready.drafts if same.get(draft.row) not in stay]
        self.acts += len(new)
        shared = share_all([(posted, Ready.of(new))], by=self._by, now=self._now)[posted.id]
        self._keeping.reserve()
        self._keeping.keep_parts(posted, shared.made, known=shared.known)
        ids = [row.uid for row in live if row.uid in stay] + [row.uid for row in shared.made]
        return became(ids, wanted, shared.notes)

    def withdraw(self, posted: Posted, *, row: Signal) -> None:
        """Take back the signal of an indicator that the hub made. raises: NotAllowedError."""
        self._withdraw(row, reason=reason_of(posted))

    def _one_signal(self, posted: Posted, *, row: Signal) -> tuple[SignalIn, Ready]:
        """What the newer version of a face asks for, in the crisis where its signal is."""
        wanted, _ = self._readings.of(posted)
        if wanted.is_several:
            raise InvalidError(
                "pattern", "was one comparison: revoke it, and post the several as a new indicator"
            )
        if not wanted.signals:
            raise _NOT_COMPARED
        ready = self._ready(wanted, crisis=self._crisis_of([row]))
        if ready.errors:
            raise InvalidError(ready.errors[0].field, ready.errors[0].message)
        return ready.drafts[0].body, ready

    def _ready(self, wanted: Wanted, *, crisis: UUID | None) -> Ready:
        """The signals of an indicator in a crisis, read anew."""
        bodies = [signal.model_copy(update={"crisis": crisis}) for signal in wanted.signals]
        return rules_ready.read(bodies, now=self._now)

    def _crisis_of(self, rows: Sequence[Signal]) -> UUID | None:
        """In which crisis newer versions are: the collection's, or that of their signals."""
        if self._to.crisis is not None:
            return self._to.crisis
        there = [row.crisis for row in rows if row.crisis is not None]
        is_taken = there and reads.takes_posts(there[0], viewer=self._by.party, now=self._now)
        return there[0].uid if is_taken else None

    def _end(self, row: Signal, *, but: str, reason: WithdrawReason) -> bool:
        """End a signal, unless something else than one indicator describes it; whether it ended.

        Where an indicator says other facts than the signal, the signal is shared anew with them.
        """
        if row.state != SignalState.LIVE:
            return True
        face = reads.faces([row.pk], viewer=self._by.party).get(row.pk)
        if face is not None and face.stix_id != but:
            return False
        parts = PatternPart.objects.filter(signal=row).exclude(stix_id=but)
        is_by_itself = (
            face is None and not PatternPart.objects.filter(signal=row, is_made=True).exists()
        )
        for stix_id in parts.values_list("stix_id", flat=True).distinct():
            latest = StixObject.objects.filter(stix_id=stix_id, is_latest=True).first()
            if latest is not None and self._follow(row, json.loads(latest.body)):
                return False
        if is_by_itself:
            return False
        self._withdraw(row, reason=reason)
        return True

    def _follow(self, row: Signal, stix: dict[str, object]) -> bool:
        """Have a signal say what an indicator says of its value; whether that one stands."""
        draft = _draft_of(row, stix, crisis=self._crisis_of([row]), now=self._now)
        if draft is None:
            return False
        own_part = PatternPart.objects.filter(stix_id=stix["id"])
        if reads_collection.says(row, draft.body, viewer=self._by.party, now=self._now):
            own_part.filter(signal=row).update(is_made=True)
            self._tell_again(row)
            return True
        try:
            with transaction.atomic():
                self._withdraw(row, reason=WithdrawReason.SUPERSEDED)
                made = signals.share(
                    draft.body, by=self._by.party, now=self._now, actor_ref=self._by.ref
                )
                new = reads_collection.by_uid({made.id}, viewer=self._by.party)[made.id]
                PatternPart.objects.filter(signal=row).update(signal=new)
                own_part.filter(signal=new).update(is_made=True)
        except RefusalError:  # it cannot be shared as it says, for example: its time is over
            row.refresh_from_db()
            return False
        return True

    def _tell_again(self, row: Signal) -> int:
        """Move a signal up in the feed; its position then."""
        self.acts += 1
        return telling.tell_again(row.uid, by=self._by.party, now=self._now, through=self._by.ref)

    def _withdraw(self, row: Signal, *, reason: WithdrawReason) -> None:
        """Take a signal back; once is enough."""
        if row.state == SignalState.LIVE:
            self.acts += 1
            body = WithdrawIn(reason=reason)
            signals.withdraw(
                row.uid, body=body, by=self._by.party, now=self._now, actor_ref=self._by.ref
            )
            row.refresh_from_db()

    def _position(self, row: Signal) -> int | None:
        """Where a signal stands now; None where an object stands there already."""
        at = reads_collection.by_uid({row.uid}, viewer=self._by.party)[row.uid].position
        return None if StixObject.objects.filter(position=at).exists() else at


def _draft_of(
    row: Signal, stix: dict[str, object], *, crisis: UUID | None, now: datetime
) -> Draft | None:
    """What an indicator says of a signal's value; None where it is revoked or says nothing."""
    try:
        posted = read_object(stix)
        wanted = signals_of(posted, crisis=crisis, exercise=row.exercise)
    except PostedError:  # it was taken when less was refused
        return None
    if posted.is_revoked:
        return None
    drafts = rules_ready.read(wanted.signals, now=now).drafts
    same = [draft for draft in drafts if (draft.body.kind, draft.value) == (row.kind, row.value)]
    return same[0] if same else None
