# SPDX-License-Identifier: Apache-2.0
"""Handle newer versions and second descriptions of indicators, and signals that join a crisis.

1 A party shares a value once. Its first indicator of it replaces the signal's (its face); a
  second one is stored for its poster, like one with several comparisons, with a PatternPart that
  links the signal.
2 A signal stays live as long as anything of its party describes it: its face, a part, or a share
  by another interface. Its fields are those of a description that is still valid.
3 A signal is in one crisis at a time. A newer version that is posted elsewhere does not move it.

Called by writes/posts.py.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError, InvalidError, RefusalError
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import collection
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.rules.signals import SignalDraft
from stemtide.hub.rooms.signals.writes import entries, signals
from stemtide.hub.rooms.stix.models import PatternPart, StixObject
from stemtide.hub.rooms.stix.parser import ParsedIndicators, describe_result, listed
from stemtide.hub.rooms.stix.reads import stix as reads
from stemtide.hub.rooms.stix.rules import Collection
from stemtide.hub.rooms.stix.writes.objects import ObjectStore
from stemtide.hub.rooms.stix.writes.signals import Shared, share_all
from stemtide.interop.stix.posted import (
    IndicatorSignals,
    Posted,
    PostedError,
    read_object,
    reason_of,
    signals_of,
)
from stemtide.protocol.enums import SignalState, WithdrawReason
from stemtide.protocol.messages.signals import SignalIn, WithdrawIn
from stemtide.protocol.trust.second_look import WaitingAct

_STAYS_LIVE = "stays, as your party describes it elsewhere as well"
_WAITS = "stays, disputed by your party, until somebody approves its withdrawal"
_ASKS_LESS = (
    "this version asks for less than the one before, which counts as a withdrawal, and your party"
    " has withdrawn as many signals today as it may alone: revoke it, which waits for a second"
    " look, or send this version tomorrow (UTC)"
)
_NOT_COMPARED = InvalidError("pattern", "cannot be compared with uploads: revoke it")


class Indicators:
    """The indicators of a post. acts: number of signals ended, changed and shared individually.

    Each method takes one object and returns its message for the status.
    """

    def __init__(
        self,
        to: Collection,
        *,
        by: Caller,
        now: datetime,
        store: ObjectStore,
        readings: ParsedIndicators,
    ) -> None:
        self.acts = 0
        self._to, self._by, self._now = to, by, now
        self._store, self._readings = store, readings

    def describe(self, posted: Posted, requested: IndicatorSignals, shared: Shared) -> str:
        """Store an indicator with several comparisons, or a second one of a value.

        Call ObjectStore.reserve first.
        """
        for row in shared.existing:
            try:
                with transaction.atomic():
                    self.join_crisis(row)
            except RefusalError as error:
                if not requested.is_several:
                    raise
                shared.notes.append(str(error))
        self._store.store_with_parts(posted, shared.created, existing=shared.existing)
        return shared.message(requested) if requested.is_several else listed(shared.notes)

    def join_crisis(self, row: Signal) -> bool:
        """Add a live signal to the collection's crisis; return whether it was not in it before.

        Its opinions and sightings follow. raises: NotAllowedError, ConflictError, InvalidError.
        """
        crisis = self._to.crisis
        if crisis is None or (row.crisis is not None and row.crisis.uid == crisis):
            return False
        self.acts += 1
        entries.join_crisis(
            row.uid, crisis=crisis, by=self._by.party, now=self._now, through=self._by.ref
        )
        row.refresh_from_db()
        self._store.add_feedback(row)
        return True

    def change(self, posted: Posted, *, row: Signal) -> str:
        """Handle a newer version of a signal's face."""
        if posted.is_revoked:
            is_gone = self._end_unless_described(row, but=posted.id, reason=reason_of(posted))
            is_live = row.state == SignalState.LIVE
            at = None if is_live else self._position(row)
            self._store.store(posted, position=at, signal=row, is_beside=is_live)
            return "" if is_gone else f"its signal: {self._why_live(row)}"
        body, ready = self._one_signal(posted, row=row)
        if row.state == SignalState.LIVE:
            self.join_crisis(row)
            if collection.equals(row, body, viewer=self._by.party, now=self._now):
                self._store.store(posted, position=self._move_to_end(row), signal=row)
                return ""
        if (row.kind, row.value) == (body.kind, ready.drafts[0].value):
            self._withdraw(row, reason=WithdrawReason.SUPERSEDED, replaced_by=ready.drafts[0])
        else:
            self._end_unless_described(row, but=posted.id, reason=WithdrawReason.SUPERSEDED)
        return self._share_anew(posted, ready, of=row)

    def _share_anew(self, posted: Posted, ready: ParsedRows, *, of: Signal) -> str:
        """Share the signal of a face's newer version, in place of its old signal."""
        shared = share_all([(posted, ready)], by=self._by, now=self._now)[posted.id]
        if not shared.created:
            why = "your party shares this value under another id: send newer versions of that one"
            raise ConflictError(why) if shared.existing else PostedError(listed(shared.notes))
        (new,) = shared.created
        self._store.reassign(posted.id, to=new)
        if (of.kind, of.value) == (new.kind, new.value):
            PatternPart.objects.filter(signal=of).update(signal=new)
        self._store.store(posted, position=new.position, signal=new)
        return ""

    def change_former(self, posted: Posted, *, row: Signal) -> str:
        """Handle a newer version of a former face, revoked while others describe its signal."""
        if not posted.is_revoked and row.state == SignalState.LIVE:
            raise ConflictError("this was revoked: use a new id")
        if not posted.is_revoked:
            return self.change(posted, row=row)
        self._store.store(posted, signal=row, is_beside=True)
        return ""

    def change_parts(self, posted: Posted, *, parts: Sequence[Signal]) -> str:
        """Handle a newer version of an indicator that has parts.

        1 If it is revoked, end its signals unless something else describes them.  2 Otherwise end
        those that it no longer has or whose fields differ, and share or describe the new ones.
        """
        if posted.is_revoked:
            gone = [
                self._end_unless_described(row, but=posted.id, reason=reason_of(posted))
                for row in parts
            ]
            self._store.store(posted, is_private=True)
            why = [self._why_live(row) for row in parts if row.state == SignalState.LIVE]
            return f"{gone.count(False)} of its signals: {why[0]}" if why else ""
        requested, _ = self._readings.of(posted)
        if not requested.signals:
            raise _NOT_COMPARED
        live = [row for row in parts if row.state == SignalState.LIVE]
        for row in live:
            self.join_crisis(row)
        ready = self._prepare(requested, crisis=self._crisis_of(live))
        same = collection.equal_to_drafts(ready.drafts, errors=ready.errors, viewer=self._by.party)
        stay = {row.uid for row in live} & set(same.values())
        by_value = {(draft.kind.value, draft.value): draft for draft in ready.drafts}
        for row in parts:
            if row.uid not in stay:
                self._end_unless_described(
                    row,
                    but=posted.id,
                    reason=WithdrawReason.SUPERSEDED,
                    replaced_by=by_value.get((row.kind, row.value)),
                )
                PatternPart.objects.filter(stix_id=posted.id, signal=row).delete()
        new = [draft for draft in ready.drafts if same.get(draft.row) not in stay]
        self.acts += len(new)
        shared = share_all([(posted, ParsedRows.of(new))], by=self._by, now=self._now)[posted.id]
        self._store.reserve()
        self._store.store_with_parts(posted, shared.created, existing=shared.existing)
        ids = [row.uid for row in live if row.uid in stay] + [row.uid for row in shared.created]
        return describe_result(ids, requested, shared.notes)

    def withdraw(self, posted: Posted, *, row: Signal) -> str:
        """Withdraw the signal of a generated indicator; return why it stays, if it does.

        raises: NotAllowedError.
        """
        self._withdraw(row, reason=reason_of(posted))
        is_live = row.state == SignalState.LIVE
        return f"its signal: {self._why_live(row)}" if is_live else ""

    def _one_signal(self, posted: Posted, *, row: Signal) -> tuple[SignalIn, ParsedRows]:
        """Return the signal of a face's newer version, in the crisis of the current signal."""
        requested, _ = self._readings.of(posted)
        if requested.is_several:
            raise InvalidError(
                "pattern",
                "had one comparison: revoke it, and post several comparisons as a new indicator",
            )
        if not requested.signals:
            raise _NOT_COMPARED
        ready = self._prepare(requested, crisis=self._crisis_of([row]))
        if ready.errors:
            raise InvalidError(ready.errors[0].field, ready.errors[0].message)
        return ready.drafts[0].body, ready

    def _prepare(self, requested: IndicatorSignals, *, crisis: UUID | None) -> ParsedRows:
        """Return the signals of an indicator, prepared for sharing in a crisis."""
        bodies = [signal.model_copy(update={"crisis": crisis}) for signal in requested.signals]
        return checks.read(bodies, now=self._now)

    def _crisis_of(self, rows: Sequence[Signal]) -> UUID | None:
        """Return the crisis of newer versions: the collection's, or that of their signals."""
        if self._to.crisis is not None:
            return self._to.crisis
        there = [row.crisis for row in rows if row.crisis is not None]
        is_taken = there and reads.takes_posts(there[0], viewer=self._by.party, now=self._now)
        return there[0].uid if is_taken else None

    def _end_unless_described(
        self,
        row: Signal,
        *,
        but: str,
        reason: WithdrawReason,
        replaced_by: SignalDraft | None = None,
    ) -> bool:
        """End a signal unless something else describes it; return whether it ended.

        but: the id of the indicator that no longer describes it. If another one has other fields
        than the signal, the signal is shared again with them.
        """
        if row.state != SignalState.LIVE:
            return True
        face = reads.faces([row.pk]).get(row.pk)
        if face is not None and face.stix_id != but:
            return False
        parts = PatternPart.objects.filter(signal=row).exclude(stix_id=but)
        is_by_itself = (
            face is None and not PatternPart.objects.filter(signal=row, is_made=True).exists()
        )
        for stix_id in parts.values_list("stix_id", flat=True).distinct():
            latest = StixObject.objects.filter(stix_id=stix_id, is_latest=True).first()
            if latest is not None and self._update_from(row, json.loads(latest.body)):
                return False
        if is_by_itself:
            return False
        self._withdraw(row, reason=reason, replaced_by=replaced_by)
        return row.state != SignalState.LIVE

    def _why_live(self, row: Signal) -> str:
        """Return why a signal stays live whose indicator was revoked."""
        waits = approvals.waiting_end(row.uid, WaitingAct.WITHDRAW, viewer=self._by.party)
        return _STAYS_LIVE if waits is None else _WAITS

    def _update_from(self, row: Signal, stix: dict[str, object]) -> bool:
        """Update a signal to an indicator of its value; return whether the indicator is valid."""
        draft = _draft_of(row, stix, crisis=self._crisis_of([row]), now=self._now)
        if draft is None:
            return False
        own_part = PatternPart.objects.filter(stix_id=stix["id"])
        if collection.equals(row, draft.body, viewer=self._by.party, now=self._now):
            own_part.filter(signal=row).update(is_made=True)
            self._move_to_end(row)
            return True
        try:
            with transaction.atomic():
                self._withdraw(row, reason=WithdrawReason.SUPERSEDED, replaced_by=draft)
                shared = signals.share(
                    draft.body, by=self._by.party, now=self._now, actor_ref=self._by.ref
                )
                if shared.state is SignalState.WAITING:
                    raise ConflictError("it would wait for a second look")  # rolls back
                new = collection.by_uid({shared.id}, viewer=self._by.party)[shared.id]
                PatternPart.objects.filter(signal=row).update(signal=new)
                own_part.filter(signal=new).update(is_made=True)
        except RefusalError:  # its signal is refused, for example because it has expired
            row.refresh_from_db()
            return False
        return True

    def _move_to_end(self, row: Signal) -> int:
        """Move a signal to the end of the feed; return its new position."""
        self.acts += 1
        return entries.republish(row.uid, by=self._by.party, now=self._now, through=self._by.ref)

    def _withdraw(
        self, row: Signal, *, reason: WithdrawReason, replaced_by: SignalDraft | None = None
    ) -> None:
        """Withdraw a signal if it is live; it stays live while the withdrawal waits.

        replaced_by: the signal of the same value that follows. Unless it asks for less, this is no
                     withdrawal that may wait.

        raises: ConflictError if it asks for less, and withdrawals of the party wait by now.
        """
        if row.state != SignalState.LIVE:
            return
        self.acts += 1
        party = self._by.party
        signals.withdraw(
            row.uid,
            body=WithdrawIn(reason=reason),
            by=party,
            now=self._now,
            actor_ref=self._by.ref,
            is_counted=replaced_by is None or collection.asks_less(row, replaced_by, viewer=party),
        )
        row.refresh_from_db()
        if replaced_by is not None and row.state == SignalState.LIVE:
            raise ConflictError(_ASKS_LESS)

    def _position(self, row: Signal) -> int | None:
        """Return the position of a signal, None if an object has that position already."""
        at = collection.by_uid({row.uid}, viewer=self._by.party)[row.uid].position
        return None if StixObject.objects.filter(position=at).exists() else at


def _draft_of(
    row: Signal, stix: dict[str, object], *, crisis: UUID | None, now: datetime
) -> SignalDraft | None:
    """Return an indicator's draft for a signal's value; None if it is revoked or has none."""
    try:
        posted = read_object(stix)
        requested = signals_of(posted, crisis=crisis, exercise=row.exercise)
    except PostedError:  # it was taken when less was refused
        return None
    if posted.is_revoked:
        return None
    drafts = checks.read(requested.signals, now=now).drafts
    same = [draft for draft in drafts if (draft.body.kind, draft.value) == (row.kind, row.value)]
    return same[0] if same else None
