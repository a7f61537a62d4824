# SPDX-License-Identifier: Apache-2.0
"""What a bulk of signals meets when it is shared, and a dry run that only says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from stemtide.hub.crises import reads as crises, rules as crisis_rules
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties import reads as parties
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import ConflictError, InvalidError, NotFoundError
from stemtide.hub.signals import long_values, reads, rules, rules_ready
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.rules import Draft
from stemtide.hub.signals.rules_ready import Ready
from stemtide.protocol.signals import BulkCheckOut, CheckedRow, RowError, SignalIn
from stemtide.protocol.words import PartyKind, WouldBe

_BESIDE = frozenset({"signal.shared", "signals.shared", "outcomes.reported", "outlier.decided"})
"""Acts that change nothing for the bulk of another party."""

_FEW_ENTRIES = 100


def check_bulk(
    bodies: Sequence[SignalIn | RowError], *, by: Party, now: datetime, names_others: bool = True
) -> BulkCheckOut:
    """What would become of each row of a bulk if it were shared now. Nothing is written.

    It reads what share_many reads, and waits for nobody: what others change meanwhile it does not
    know. Of others' signals it names those that the party may see anyway.

    names_others: whether who asks may read these, and not only write.

    raises: NotAllowedError for observers; TooManyError.
    """
    rules.check_share(kind=PartyKind(by.kind))
    found = plan(rules_ready.read(bodies, now=now), by=by, now=now)
    new, placed, errors = found.new, found.placed, found.errors
    long_values.weigh(new, by=by, now=now)
    others = _shared_by_others(placed.values(), viewer=by) if names_others else {}
    rows = [_checked(row, at, others=others.get(at.key, ())) for row, at in placed.items()]
    rows += [
        CheckedRow(
            row=error.row, would_be=WouldBe.REFUSED, field=error.field, message=error.message
        )
        for error in errors
    ]
    return BulkCheckOut(
        created=len(new),
        existing=len(placed) - len(new),
        refused=len(bodies) - len(placed),
        rows=sorted(rows, key=lambda one: one.row),
    )


def _checked(row: int, at: Draft, *, others: Iterable[UUID]) -> CheckedRow:
    """What would become of a good row. at: its draft, or that of what it repeats."""
    is_first = row == at.row
    return CheckedRow(
        row=row,
        would_be=WouldBe.CREATED if is_first and at.is_new else WouldBe.EXISTING,
        id=None if at.is_new else at.uid,
        same_as=None if is_first or not at.is_new else at.row,
        others=list(others),
    )


def _shared_by_others(drafts: Iterable[Draft], *, viewer: Party) -> dict[reads.Key, list[UUID]]:
    """Live signals of other parties with the values of drafts, of those that a party may see.

    One query finds and filters them: a second one for what was found would let a curious party
    measure that somebody has a value which it may not see.
    """
    values: dict[str, set[str]] = {}
    for draft in drafts:
        values.setdefault(draft.body.kind.value, set()).add(draft.value)
    found: dict[reads.Key, list[UUID]] = {}
    for kind, of_kind in values.items():
        for batch in long_values.batches(sorted(of_kind)):
            rows = Signal.objects.filter(reads.visible(viewer), kind=kind, value__in=batch)
            # The state stands in the text, so that the index of live signals is seen to fit.
            rows = rows.extra(where=["signals_signal.state = 'live'"])
            facts = rows.exclude(shared_by=viewer).order_by()
            for value, exercise, uid in facts.values_list("value", "exercise", "uid"):
                found.setdefault((kind, value, exercise), []).append(uid)
    return {key: sorted(uids) for key, uids in found.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the rows of a bulk, as long as nobody writes.

    new: drafts to store; placed: by row the draft that stands for it; errors: of the other rows.
    entries: the last ledger entry before anything was looked up.
    """

    new: list[Draft]
    placed: dict[int, Draft]
    errors: list[RowError]
    around: "Surroundings"
    entries: int

    def still_holds(self, *, by: Party) -> bool:
        """Whether nothing was written since that changes what becomes of a row.

        Every write leaves a ledger entry. What other parties add beside it changes nothing here.
        """
        since = ledger.unabridged(after=self.entries, limit=_FEW_ENTRIES, by=by.ref)
        is_known = len(since) < _FEW_ENTRIES
        return is_known and all(one.kind in _BESIDE and one.actor != by.ref for one in since)


def plan(ready: Ready, *, by: Party, now: datetime) -> Plan:
    """Look up what becomes of each row of a bulk. Nothing is written."""
    entries = ledger.heads().entries
    errors = list(ready.errors)
    around = Surroundings(by, now=now)
    fitting = [draft for draft in ready.drafts if around.takes(draft, errors=errors)]
    new, placed = tell_new(fitting, errors=errors, by=by)
    return Plan(new, placed, errors, around, entries)


class Surroundings:
    """The crises and parties that rows name, each looked up once. crises: primary keys by id."""

    def __init__(self, by: Party, *, now: datetime) -> None:
        self._by = by
        self._hub = ledger.heads().hub
        self._now = now
        self._crises: dict[UUID, rules.CrisisFacts | None] = {}
        self._parties: set[str] = set()
        self.crises: dict[UUID | None, int | None] = {None: None}

    def takes(self, draft: Draft, *, errors: list[RowError]) -> bool:
        """Whether a draft fits; errors learns why not."""
        try:
            self._check(draft.body)
        except InvalidError as error:
            errors.append(RowError(row=draft.row, field=error.field, message=error.message))
            return False
        return True

    def _check(self, body: SignalIn) -> None:
        """Refuse a row whose crisis or audience is not there or does not fit.

        raises: InvalidError.
        """
        rules.check_way(body.via, hub=self._hub)
        if body.crisis is not None:
            self.check_crisis(body.crisis, exercise=body.exercise)
        if missing := set(body.audience) - self._parties:
            self._parties.update(parties.existing(missing, viewer=self._by))
            rules.check_audience(body.audience, known=self._parties)

    def check_crisis(self, uid: UUID, *, exercise: bool) -> None:
        """Refuse a crisis that takes no signal of the party now. raises: InvalidError."""
        if uid not in self._crises:
            self._crises[uid] = self._find_crisis(uid)
        rules.check_crisis(self._crises[uid], crisis=uid, exercise=exercise)

    def _find_crisis(self, uid: UUID) -> rules.CrisisFacts | None:
        """What the rules must know of a crisis; None for one that the sharer may not see."""
        try:
            row = crises.find(uid, viewer=self._by)
        except NotFoundError:
            return None
        self.crises[uid] = row.pk
        facts = crises.facts(row, viewer=self._by)
        return rules.CrisisFacts(
            is_open=crisis_rules.accepts_signals(facts, now=self._now),
            in_room=crisis_rules.is_in_room(facts, self._by),
            exercise=row.exercise,
        )


def tell_new(
    drafts: Iterable[Draft], *, errors: list[RowError], by: Party
) -> tuple[list[Draft], dict[int, Draft]]:
    """The drafts of values that the party does not share yet, and for every good row its draft.

    A row whose value the party shares already, or shares in an earlier row, stands for that one.
    """
    drafts = list(drafts)
    before = reads.shared_before({draft.value for draft in drafts}, by=by)
    first: dict[reads.Key, Draft] = {}
    new: list[Draft] = []
    placed: dict[int, Draft] = {}
    for draft in drafts:
        known = first.get(key := draft.key)
        if known is None and (stored := before.get(key)):
            known = replace(draft, **stored._asdict(), is_new=False)
        elif known is None:
            known = draft
            new.append(draft)
        first[key] = known
        try:
            rules.check_same(draft.facts, known.facts)
        except ConflictError as error:
            errors.append(RowError(row=draft.row, field="conflict", message=str(error)))
        else:
            placed[draft.row] = known
    return new, placed
