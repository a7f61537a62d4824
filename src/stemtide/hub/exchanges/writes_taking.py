# SPDX-License-Identifier: Apache-2.0
"""Takes the records of one page: what is new, changed, confirmed, overruled, ended or dropped.

It works inside the transaction of writes_pulling.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stemtide.hub.exchanges import reads, rules
from stemtide.hub.exchanges.models import Record
from stemtide.hub.exchanges.reads import Rival
from stemtide.hub.exchanges.rules import NotTakenError
from stemtide.hub.exchanges.writes import CLOCK, write_records
from stemtide.hub.exchanges.writes_standing import Standing
from stemtide.hub.ledger import reads as ledger_reads
from stemtide.hub.signals import reads_collection, writes as signals
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules import Draft, read_rows
from stemtide.protocol.exchanges import Fate, Pull, Terms, Told
from stemtide.protocol.signals import RowError, SignalIn
from stemtide.protocol.words import SignalState, WithdrawReason


@dataclass(slots=True)
class Candidate:
    """A record that fits the terms: what it would be as a signal, and what of it is here."""

    told: Told
    draft: Draft
    record: Record | None

    def tighten(self, other: SignalIn | Signal) -> None:
        """Take over what is stricter of another's marks."""
        self.draft.body = rules.tightened(self.draft.body, tlp=other.tlp, pap=other.pap)


def _is_stricter(one: Candidate, row: Signal | Rival) -> bool:
    """Whether a mark that is said now is stricter than that of a signal."""
    return rules.is_stricter(one.draft.body, tlp=row.tlp, pap=row.pap)


@dataclass
class Taking(Standing):
    """One page on its way in.

    is_full: the day is, by a page before it: nothing new is taken.
    named: what the log says of single records. held_back: new ones that the day has no room for.
    beside: of records that were taken, how many of their comparisons are no signals.
    """

    is_full: bool = False
    named: list[str] = field(default_factory=list)
    held_back: int = 0
    beside: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        row, today = self.row, self.now.date()
        if row.day != today:
            row.day, row.day_count = today, 0
        self.terms = Terms.model_validate(row.terms)
        self._changed: set[str] = set()
        self._heirs: dict[int, Candidate] = {}
        self._room = 0 if self.is_full else self.terms.most_a_day - row.day_count

    @property
    def is_to_come_again(self) -> bool:
        """Whether the page is to be asked for again, on a day that has room."""
        return self.is_full or self.held_back > 0

    def take(self, pull: Pull) -> None:
        """Take the records of a page in numbered steps.

        1 What the source took back, or says so that we cannot take it, ends: its own signal alone.
        2 What is known in this version changes nothing; what is our own is an echo.
        3 What fits the terms is held against what is here under the same value.
        4 Other facts of what is here replace it; what is new is shared in one act. Of several
          records of one value the strictest mark counts.
        5 What newer versions no longer say ends: only now, as others may stand for its signal.
        6 What the source disputes, its party disputes.
        """
        told = list({one.key: one for one in pull.told}.values())
        self._look_up(told, pull.faults)
        for fault in pull.faults:  # 1
            self._drop(fault.key, fate=Fate.REFUSED, words=fault.words)
        for one in told:
            if one.facts is None:
                self._end(one.key, reason=one.reason, fate=Fate.ENDED)
        fresh = self._fresh([one for one in told if one.facts is not None])  # 2
        candidates = self._fitting(fresh)
        self._settle(candidates)  # 3, 4
        self._end_left()  # 5
        self._write()
        for one in fresh:  # 6
            self._judge(one)
        self._note_beside(told, fresh=fresh)
        if not self.is_to_come_again:
            self._note(pull.events)

    def _fresh(self, told: Iterable[Told]) -> list[Told]:
        """Records in a version that is not here, and that are not our own."""
        told = [one for one in told if not self._is_known(one)]
        here = reads.signals_here({uid for one in told for uid in one.signals}, by=CLOCK)
        makers, hub = reads.own_makers(by=CLOCK), ledger_reads.heads().hub
        fresh = []
        for one in told:
            if rules.is_ours(one, hub=hub, signals=here, makers=makers):
                self.counts[Fate.ECHO] += 1
            else:
                fresh.append(one)
        if not self.row.hub and (other := next((one.via[-1] for one in fresh if one.via), "")):
            self.row.hub = other
        return fresh

    def _is_known(self, one: Told) -> bool:
        """Whether a record is here in this very version."""
        record = self._records.get(one.key)
        return record is not None and record.version == one.version[:80] and not record.ended

    def _fitting(self, told: Iterable[Told]) -> list[Candidate]:
        """What fits the terms and could be a signal."""
        pairs: list[tuple[Told, SignalIn]] = []
        for one in told:
            try:
                pairs.append((one, rules.fit(one, terms=self.terms, now=self.now)))
            except NotTakenError as error:
                self._drop(one.key, fate=error.fate, words=str(error))
        errors: list[RowError] = []
        drafts = list(read_rows([body for _, body in pairs], errors=errors, now=self.now))
        for wrong in errors:
            words = f"{wrong.field}: {wrong.message}"
            self._drop(pairs[wrong.row][0].key, fate=Fate.REFUSED, words=words)
        found = []
        for draft in drafts:
            one = pairs[draft.row][0]
            self._adopt(one, kind=draft.body.kind, value=draft.value)
            found.append(Candidate(one, draft, self._records.get(one.key)))
        return found

    def _settle(self, candidates: list[Candidate]) -> None:
        """Hold what fits against what is here; share what is new."""
        party = self.row.party
        rivals = reads.rivals({candidate.draft.key for candidate in candidates}, of=party, by=CLOCK)
        known = [candidate for candidate in candidates if candidate.record is not None]
        bodies = [one.draft.body for one in known]
        said = reads_collection.same(bodies, viewer=party, now=self.now)
        self._said = {known[place].told.key: uid for place, uid in said.items()}
        new: dict[tuple[str, str, bool], Candidate] = {}
        twins: list[Candidate] = []
        for one in candidates:
            if one.draft.key in new:
                twins.append(one)
                new[one.draft.key].tighten(one.draft.body)
            elif self._is_new(one, rivals.get(one.draft.key, [])):
                new[one.draft.key] = one
        self._share(list(new.values()))
        self._hand_over()
        for one in twins:  # several records of one value stand for one signal
            first = self._records.get(new[one.draft.key].told.key)
            if first is not None and first.signal_id is not None and not first.ended:
                self._link(one.told, signal=first.signal_id)

    def _is_new(self, one: Candidate, rivals: list[Rival]) -> bool:
        """Whether a record is to be shared; if not, it is settled here."""
        record = one.record
        if record is not None and record.signal is not None and not record.ended:
            state = SignalState(record.signal.state)
            if record.is_own and state is SignalState.LIVE:
                return self._says_else(one, record)
            if record.is_own and state is SignalState.WITHDRAWN:
                return self._overrule(one)  # by somebody here: for good
        # What another record of this page left is as it was before in what was read.
        rivals = [rival for rival in rivals if rival.pk not in self._given_up]
        own = next((rival for rival in rivals if rival.is_own and rival.is_live), None)
        if own is not None:
            return self._meet_own(one, own)
        other = next((rival for rival in rivals if rival.is_live and rival.is_seen), None)
        if other is not None:
            self._link(one.told, signal=other.pk, is_own=False)
            self.counts[Fate.CONFIRMED] += 1
            return False
        # What the source itself took back, it may say again.
        is_back = record is not None and record.ended
        ended = [
            rival.withdrawn_at
            for rival in rivals
            if rival.withdrawn_at and not rival.is_live and not (rival.is_own and is_back)
        ]
        if ended and rules.is_overruled(one.told.said_at, withdrawn_at=max(ended)):
            return self._overrule(one)
        return self._has_room()

    def _has_room(self) -> bool:
        """Whether today takes one more new signal; if not, it is held back."""
        if self._room <= 0:
            self.held_back += 1
            return False
        self._room -= 1
        return True

    def _overrule(self, one: Candidate) -> bool:
        """Leave out what was withdrawn here."""
        self.counts[Fate.OVERRULED] += 1
        self.named.append(f"overruled: {one.told.key}: its value was withdrawn here: look at it")
        return False

    def _says_else(self, one: Candidate, record: Record) -> bool:
        """Whether a record says other facts than its signal, which then makes room for another."""
        row = record.signal
        assert row is not None  # noqa: S101  # asked before
        is_same = row.value == one.draft.value and row.kind == one.draft.body.kind
        says = self._said.get(one.told.key) == row.uid
        is_stricter = is_same and _is_stricter(one, row)
        is_shared = self._told_by[row.pk] > 1
        if is_stricter and is_shared:
            return self._replace(one, row)
        if is_same and (says or is_shared):
            self._link(one.told, signal=row.pk)
            return False
        if not self._has_room():
            if is_stricter:
                # What may go less far must not go on as before until the day has room.
                self._end(one.told.key, reason=WithdrawReason.SUPERSEDED, fate=Fate.ENDED)
            return False
        self._leave(one.told.key)
        self._give_up(record, reason=WithdrawReason.SUPERSEDED)
        self._changed.add(one.told.key)
        return True

    def _meet_own(self, one: Candidate, own: Rival) -> bool:
        """Whether a record replaces its party's signal: where others told that looser; else not."""
        if _is_stricter(one, own) and reads.shared_keys([own.pk], exchange=self.row.pk, by=CLOCK):
            return self._replace(one, Signal.objects.get(pk=own.pk))
        self._link(one.told, signal=own.pk)
        return False

    def _replace(self, one: Candidate, row: Signal) -> bool:
        """Let a stricter mark replace a signal for which other records stand as well; True.

        It takes no room of the day: that is where the signal was, and marks end at the strictest.
        """
        one.tighten(row)
        self._leave(one.told.key)
        self._withdraw(row, reason=WithdrawReason.SUPERSEDED)
        self._heirs[row.pk] = one
        self._changed.add(one.told.key)
        return True

    def _hand_over(self) -> None:
        """Let the other records of signals that were replaced stand for what replaced them.

        Where that could not be shared they end, and are taken anew when they change.
        """
        for old, one in self._heirs.items():
            heir = self._linked.get(one.told.key)
            others = Record.objects.filter(exchange=self.row, signal=old, ended=False)
            others = others.exclude(key=one.told.key)
            if heir is not None and heir.signal is not None:
                if others.filter(is_disputed=True).exists():
                    self._opine(heir.signal, is_disputed=True)
                others.update(signal=heir.signal_id)
            else:
                others.update(ended=True)
            for record in self._records.values():
                if record.signal_id == old and not record.ended:
                    record.signal_id = heir.signal_id if heir else old
                    record.ended = heir is None

    def _share(self, new: list[Candidate]) -> None:
        """Share what is new in one act. raises: RefusalError."""
        if not new:
            return
        out = signals.share_many(
            [one.draft.body for one in new],
            by=self.row.party,
            now=self.now,
            partial=True,
            actor_ref=self.row.ref,
        )
        self.row.day_count += out.created
        why = {error.row: f"{error.field}: {error.message}" for error in out.errors}
        uids = {signal.id for signal in out.signals if signal}
        rows = reads_collection.by_uid(uids, viewer=self.row.party)
        for number, placed in enumerate(out.signals):
            one = new[number]
            if placed is None:
                self._drop(one.told.key, fate=Fate.REFUSED, words=why[number])
                continue
            self._link(one.told, signal=rows[placed.id].pk)
            is_changed = one.told.key in self._changed
            self.counts[Fate.CHANGED if is_changed else Fate.SHARED] += 1

    def _judge(self, one: Told) -> None:
        """Dispute what the source disputes, in its party's name, and no longer than it does."""
        record = self._records.get(one.key)
        if record is None or record.ended or not record.is_own:
            return
        if record.is_disputed is one.is_disputed or record.signal is None:
            return
        self._opine(record.signal, is_disputed=one.is_disputed)
        Record.objects.filter(exchange=self.row, key=one.key).update(is_disputed=one.is_disputed)

    def _note(self, events: Mapping[str, str]) -> None:
        """Note which events were read, and in which version."""
        facts = {"exchange": self.row, "seen_at": self.now}
        write_records(Record(key=key[:300], version=of[:80], **facts) for key, of in events.items())

    def _note_beside(self, told: Iterable[Told], *, fresh: Iterable[Told]) -> None:
        """Note of records that were taken now how many of their comparisons could not be."""
        new = {one.key for one in fresh}
        known = {one.whole for one in told if one.key not in new}
        for one in fresh:
            made = self._linked.get(one.key)
            is_taken = made is not None and made.version == one.version[:80]
            if one.beside and is_taken and one.whole not in known:
                self.beside[one.whole] = one.beside

    def _drop(self, key: str, *, fate: Fate, words: str) -> None:
        """Do not take a record, and say why; what it stood for ends, as it says that no more."""
        self.counts[fate] += 1
        self.named.append(f"{fate.value.replace('_', ' ')}: {key}: {words}")
        self._end(key, reason=WithdrawReason.OTHER, fate=None)
