# SPDX-License-Identifier: Apache-2.0
"""Process the records of one page: new, changed, confirmed, overruled, ended or dropped.

This runs inside the transaction of writes/pulls.py.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from stemtide.hub.rooms.exchanges.models import Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.reads.exchanges import SameValueSignal
from stemtide.hub.rooms.exchanges.rules import exchanges as rules
from stemtide.hub.rooms.exchanges.rules.exchanges import Marks, NotTakenError
from stemtide.hub.rooms.exchanges.writes import feedback
from stemtide.hub.rooms.exchanges.writes.exchanges import write_records
from stemtide.hub.rooms.exchanges.writes.states import RecordLinks
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import collection
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.signals.rules.opinions import OpinionChangedError
from stemtide.hub.rooms.signals.rules.signals import SignalDraft, read_rows, unpack_audience
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import (
    Pull,
    RecordOutcome,
    SourceRecord,
    Terms,
)
from stemtide.protocol.enums import Opinion, PartyKind, SignalState, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import RowError, SignalIn


@dataclass(slots=True)
class Candidate:
    """A record that fits the terms, as a draft signal, with the record known here if any."""

    source_record: SourceRecord
    draft: SignalDraft
    record: Record | None

    def tighten(self, other: Marks, *, party: str) -> None:
        """Adopt the stricter marks of another signal, and its audience. party: that shares it."""
        self.draft.body = rules.with_stricter_marks(self.draft.body, other, party=party)


def _is_stricter(candidate: Candidate, row: Signal | SameValueSignal) -> bool:
    """Whether a candidate has a stricter mark than a signal."""
    return rules.is_stricter(candidate.draft.body, _marks_of(row))


def _marks_of(row: Signal | SameValueSignal) -> Marks:
    """Return what restricts a signal here."""
    return Marks(Tlp(row.tlp), Pap(row.pap), unpack_audience(row.audience))


@dataclass
class PageImport(RecordLinks):
    """The processing of one page.

    is_full: the day's limit was reached on an earlier page: nothing new is accepted.
    named: log lines about single records. held_back: new ones beyond the day's limit.
    beside: the number of comparisons that are no signals, for records that were accepted.
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
        """Whether the page must be fetched again on a day with room."""
        return self.is_full or self.held_back > 0

    def take(self, pull: Pull) -> None:
        """Process the records of a page in numbered steps.

        1 Records that the source withdrew, or that are invalid, end: only the source's own signals.
        2 Records in a known version change nothing; our own records are echoes.
        3 Records that fit the terms are compared with the signals of the same value here.
        4 Changed facts replace a signal; new signals are shared in one act. If several records have
          the same value, the strictest mark counts.
        5 Parts that newer versions no longer have end: only now, as other records may represent
        them.
        6 The party disputes what the source disputes.
        """
        source_records = list(
            {source_record.key: source_record for source_record in pull.told}.values()
        )
        self._look_up(source_records, pull.faults)
        for fault in pull.faults:  # 1
            self._drop(fault.key, fate=RecordOutcome.REFUSED, words=fault.words)
        for source_record in source_records:
            if source_record.facts is None:
                self._end(source_record.key, reason=source_record.reason, fate=RecordOutcome.ENDED)
        fresh = self._fresh(
            [source_record for source_record in source_records if source_record.facts is not None]
        )  # 2
        candidates = self._fitting(fresh)
        self._settle(candidates)  # 3, 4
        self._end_left()  # 5
        self._write()
        for source_record in fresh:  # 6
            self._judge(source_record)
        self._note_beside(source_records, fresh=fresh)
        if not self.is_to_come_again:
            self._note(pull.events)

    def _fresh(self, source_records: Iterable[SourceRecord]) -> list[SourceRecord]:
        """Return records in a version that is not known here, without our own."""
        source_records = [
            source_record for source_record in source_records if not self._is_known(source_record)
        ]
        here = reads.signals_here(
            {uid for source_record in source_records for uid in source_record.signals}
        )
        makers, hub = reads.own_makers(), ledger.heads().hub
        fresh, echoes = [], []
        for source_record in source_records:
            if rules.is_own(source_record, hub=hub, signals=here, makers=makers):
                self.counts[RecordOutcome.ECHO] += 1
                echoes.append(source_record)
                if source_record.is_from_us:  # what others state may name any signal
                    self._hear(source_record)
            else:
                fresh.append(source_record)
        if self.terms.feedback:
            self._link_echoes(echoes)
        hubs = (source_record.via[-1] for source_record in fresh if source_record.via)
        # Members of a group may name any hub in their tags.
        is_hub = self.row.kind not in rules.OF_THE_PACKAGE
        if is_hub and not self.row.hub and (other := next(hubs, "")):
            self.row.hub = other
        return fresh

    def _link_echoes(self, source_records: Iterable[SourceRecord]) -> None:
        """Let copies of our own signals represent them, so that opinions there reach them."""
        pairs: list[tuple[SourceRecord, SignalIn]] = []
        for source_record in source_records:
            try:
                body = rules.signal_of(source_record, terms=self.terms, now=self.now)
            except NotTakenError:
                continue
            pairs.append((source_record, body))
        drafts = list(read_rows([body for _, body in pairs], errors=[], now=self.now))
        party = self.row.party
        rivals = reads.same_value_signals({draft.key for draft in drafts}, of=party)
        for draft in drafts:
            for rival in rivals.get(draft.key, []):
                if rival.is_live and rival.is_seen and not rival.is_own:
                    self._link(pairs[draft.row][0], signal=rival.pk, is_own=False)
                    break

    def take_feedback(self, pull: Pull) -> None:
        """Take the opinions and sightings of a page, after its records."""
        ended = {record.key for record in self._records.values() if record.ended}
        feedback.note_ended(self.row, ended)
        self.counts += feedback.take(self.row, pull, now=self.now)
        for fault in pull.feedback.faults:
            self.counts[RecordOutcome.REFUSED] += 1
            self.named.append(f"refused: {fault.key}: {fault.words}")

    def _is_known(self, source_record: SourceRecord) -> bool:
        """Whether a record is known in this version."""
        record = self._records.get(source_record.key)
        return (
            record is not None and record.version == source_record.version[:80] and not record.ended
        )

    def _fitting(self, source_records: Iterable[SourceRecord]) -> list[Candidate]:
        """Return records that fit the terms and are valid signals."""
        pairs: list[tuple[SourceRecord, SignalIn]] = []
        for source_record in source_records:
            try:
                pairs.append(
                    (source_record, rules.signal_of(source_record, terms=self.terms, now=self.now))
                )
            except NotTakenError as error:
                self._drop(source_record.key, fate=error.fate, words=str(error))
        errors: list[RowError] = []
        drafts = list(read_rows([body for _, body in pairs], errors=errors, now=self.now))
        for wrong in errors:
            words = f"{wrong.field}: {wrong.message}"
            self._drop(pairs[wrong.row][0].key, fate=RecordOutcome.REFUSED, words=words)
        candidates = []
        for draft in drafts:
            source_record = pairs[draft.row][0]
            self._adopt(source_record, kind=draft.body.kind, value=draft.value)
            candidates.append(Candidate(source_record, draft, self._records.get(source_record.key)))
        return candidates

    def _settle(self, candidates: list[Candidate]) -> None:
        """Compare candidates with existing signals, and share the new ones."""
        party = self.row.party
        rivals = reads.same_value_signals(
            {candidate.draft.key for candidate in candidates}, of=party
        )
        with_record = [candidate for candidate in candidates if candidate.record is not None]
        bodies = [candidate.draft.body for candidate in with_record]
        unchanged = collection.equal_signals(bodies, viewer=party, now=self.now)
        self._said = {with_record[place].source_record.key: uid for place, uid in unchanged.items()}
        new: dict[tuple[str, str, bool], Candidate] = {}
        twins: list[Candidate] = []
        for candidate in candidates:
            if candidate.draft.key in new:
                twins.append(candidate)
                body = candidate.draft.body
                marks = Marks(body.tlp, body.pap, frozenset(body.audience))
                new[candidate.draft.key].tighten(marks, party=party.name)
            elif self._is_new(candidate, rivals.get(candidate.draft.key, [])):
                new[candidate.draft.key] = candidate
        self._share(list(new.values()))
        self._hand_over()
        for candidate in twins:  # several records of one value stand for one signal
            first = self._records.get(new[candidate.draft.key].source_record.key)
            if first is not None and first.signal_id is not None and not first.ended:
                self._link(candidate.source_record, signal=first.signal_id)

    def _is_new(self, candidate: Candidate, rivals: list[SameValueSignal]) -> bool:
        """Whether a record is to be shared; if not, it is settled here."""
        record = candidate.record
        if record is not None and record.signal is not None and not record.ended:
            state = SignalState(record.signal.state)
            if record.is_own and state is SignalState.LIVE:
                return self._says_else(candidate, record)
            if record.is_own and state is SignalState.WITHDRAWN:
                return self._overrule(candidate)  # withdrawn here, for good
        # Signals that this page withdrew still look live in the rows read before.
        rivals = [rival for rival in rivals if rival.pk not in self._given_up]
        own = next((rival for rival in rivals if rival.is_own and rival.is_live), None)
        if own is not None:
            return self._meet_own(candidate, own)
        other = next((rival for rival in rivals if rival.is_live and rival.is_seen), None)
        if other is not None:
            self._link(candidate.source_record, signal=other.pk, is_own=False)
            self.counts[RecordOutcome.CONFIRMED] += 1
            return False
        # A source may share again what it withdrew itself.
        is_back = record is not None and record.ended
        ended = [
            rival.withdrawn_at
            for rival in rivals
            if rival.withdrawn_at and not rival.is_live and not (rival.is_own and is_back)
        ]
        if ended and rules.is_overruled(candidate.source_record.said_at, withdrawn_at=max(ended)):
            return self._overrule(candidate)
        return self._has_room()

    def _has_room(self) -> bool:
        """Whether the day's limit allows a new signal; if not, it is held back."""
        if self._room <= 0:
            self.held_back += 1
            return False
        self._room -= 1
        return True

    def _overrule(self, candidate: Candidate) -> bool:
        """Skip a candidate whose value was withdrawn here; return False."""
        self.counts[RecordOutcome.OVERRULED] += 1
        self.named.append(
            f"overruled: {candidate.source_record.key}: its value was withdrawn here: look at it"
        )
        return False

    def _says_else(self, candidate: Candidate, record: Record) -> bool:
        """Whether a record has other facts than its signal, which must then be replaced."""
        row = record.signal
        assert row is not None  # noqa: S101  # checked by the caller
        is_same = row.value == candidate.draft.value and row.kind == candidate.draft.body.kind
        says = self._said.get(candidate.source_record.key) == row.uid
        is_stricter = is_same and _is_stricter(candidate, row)
        is_shared = self._told_by[row.pk] > 1
        if is_stricter and is_shared:
            return self._replace(candidate, row)
        if is_same and (says or is_shared):
            self._link(candidate.source_record, signal=row.pk)
            return False
        if not self._has_room():
            if is_stricter:
                # A stricter mark must apply at once, not when the day has room.
                self._end(
                    candidate.source_record.key,
                    reason=WithdrawReason.SUPERSEDED,
                    fate=RecordOutcome.ENDED,
                    is_counted=False,
                )
            return False
        self._leave(candidate.source_record.key)
        self._give_up(record, reason=WithdrawReason.SUPERSEDED, is_counted=not is_same)
        self._changed.add(candidate.source_record.key)
        return True

    def _meet_own(self, candidate: Candidate, own: SameValueSignal) -> bool:
        """Link a record to its party's signal, or return True if it replaces it as stricter."""
        if _is_stricter(candidate, own) and reads.shared_keys([own.pk], exchange=self.row.pk):
            return self._replace(candidate, Signal.objects.get(pk=own.pk))
        self._link(candidate.source_record, signal=own.pk)
        return False

    def _replace(self, candidate: Candidate, row: Signal) -> bool:
        """Replace a signal that several records represent, because a mark is stricter; return True.

        It needs no room in the day's limit: the signal had its place already, and marks only get
        stricter.
        """
        candidate.tighten(_marks_of(row), party=self.row.party.name)
        self._leave(candidate.source_record.key)
        self._withdraw(row, reason=WithdrawReason.SUPERSEDED, is_counted=False)
        self._heirs[row.pk] = candidate
        self._changed.add(candidate.source_record.key)
        return True

    def _hand_over(self) -> None:
        """Let the other records of replaced signals represent the replacements.

        Records whose replacement could not be shared end, and are accepted again when they change.
        """
        for old, candidate in self._heirs.items():
            heir = self._linked.get(candidate.source_record.key)
            others = Record.objects.filter(exchange=self.row, signal=old, ended=False)
            others = others.exclude(key=candidate.source_record.key)
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
        """Share new signals in one act. raises: RefusalError."""
        if not new:
            return
        out = signals.share_many(
            [candidate.draft.body for candidate in new],
            by=self.row.party,
            now=self.now,
            partial=True,
            actor_ref=self.row.ref,
        )
        self.row.day_count += out.created + out.waiting
        why = {error.row: f"{error.field}: {error.message}" for error in out.errors}
        uids = {signal.id for signal in out.signals if signal}
        rows = collection.by_uid(uids, viewer=self.row.party)
        for number, placed in enumerate(out.signals):
            candidate = new[number]
            if placed is None:
                self._drop(
                    candidate.source_record.key, fate=RecordOutcome.REFUSED, words=why[number]
                )
                continue
            if placed.state is SignalState.WAITING:
                self._note_waiting(candidate.source_record, placed.id)
                self.counts[RecordOutcome.WAITING] += 1
                continue
            self._link(candidate.source_record, signal=rows[placed.id].pk)
            is_changed = candidate.source_record.key in self._changed
            self.counts[RecordOutcome.CHANGED if is_changed else RecordOutcome.SHARED] += 1

    def _judge(self, source_record: SourceRecord) -> None:
        """Dispute signals on behalf of the party for as long as the source disputes them."""
        record = self._records.get(source_record.key)
        if record is None or record.ended or not record.is_own:
            return
        if record.is_disputed is source_record.is_disputed or record.signal is None:
            return
        try:
            self._opine(record.signal, is_disputed=source_record.is_disputed)
        except OpinionChangedError:
            return  # it goes back and forth: the signal stays disputed until its next change
        Record.objects.filter(exchange=self.row, key=source_record.key).update(
            is_disputed=source_record.is_disputed
        )

    def _hear(self, source_record: SourceRecord) -> None:
        """Record what the source says of a signal that this hub sent there.

        Its party disputes the signal for as long as the source does; an agency does not, as its
        dispute would stop the signal everywhere.
        """
        party = self.row.party
        if party.kind == PartyKind.AGENCY:
            return
        rows = Signal.objects.filter(
            visible(party), uid__in=source_record.signals, state=SignalState.LIVE
        )
        for row in rows.exclude(shared_by=party):
            mine = row.opinions.filter(party=party, opinion=Opinion.DISPUTE)
            if mine.exists() is not source_record.is_disputed:
                with suppress(OpinionChangedError):  # it goes back and forth
                    self._opine(row, is_disputed=source_record.is_disputed)

    def _note(self, events: Mapping[str, str]) -> None:
        """Record which events were read, in which version."""
        facts = {"exchange": self.row, "seen_at": self.now}
        write_records(Record(key=key[:300], version=of[:80], **facts) for key, of in events.items())

    def _note_beside(
        self, source_records: Iterable[SourceRecord], *, fresh: Iterable[SourceRecord]
    ) -> None:
        """Record how many comparisons of newly accepted records could not become signals."""
        new = {source_record.key for source_record in fresh}
        unchanged_wholes = {
            source_record.whole for source_record in source_records if source_record.key not in new
        }
        for source_record in fresh:
            record = self._linked.get(source_record.key)
            is_taken = record is not None and record.version == source_record.version[:80]
            if source_record.beside and is_taken and source_record.whole not in unchanged_wholes:
                self.beside[source_record.whole] = source_record.beside

    def _drop(self, key: str, *, fate: RecordOutcome, words: str) -> None:
        """Reject a record and log the reason; a signal of its earlier version ends."""
        self.counts[fate] += 1
        self.named.append(f"{fate.value.replace('_', ' ')}: {key}: {words}")
        self._end(key, reason=WithdrawReason.OTHER, fate=None)
