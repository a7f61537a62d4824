# SPDX-License-Identifier: Apache-2.0
"""Validate a bulk share against existing data; also used for dry runs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.approvals.models import WaitingSignal
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import crises as crises_rules
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals import long_values
from stemtide.hub.rooms.signals.models import RefusedTally, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.reads.sharing import second_looks
from stemtide.hub.rooms.signals.refused_values import refused_values
from stemtide.hub.rooms.signals.rules import checks, signals as rules
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.rules.signals import SignalDraft
from stemtide.hub.rooms.signing import reads as signing
from stemtide.hub.rooms.signing.rules import check_signature
from stemtide.protocol.enums import DryRunOutcome, PartyKind
from stemtide.protocol.messages.signals import BulkCheckOut, CheckedRow, RowError, SignalIn
from stemtide.protocol.signing.signatures import SignerKey
from stemtide.protocol.trust.second_look import WaitReason

_HARMLESS_KINDS = frozenset(
    {
        *("signal.shared", "signals.shared", "outcomes.reported", "outlier.decided"),
        *("allow_matches.reported", "approval.asked"),
    }
)
"""Ledger kinds that change nothing for the bulk of another party."""

_FEW_ENTRIES = 100


def check_bulk(
    bodies: Sequence[SignalIn | RowError], *, by: Party, now: datetime, names_others: bool = True
) -> BulkCheckOut:
    """Check each row of a bulk as if it were shared now. Nothing is written.

    It reads the same rows as share_many, and takes no lock: it does not see concurrent changes. It
    names only those signals of others that the party may see anyway.

    names_others: whether the caller may read signals, and not only write.

    raises: NotAllowedError for observers; RateLimitError.
    """
    rules.check_share(kind=PartyKind(by.kind))
    checked = plan(checks.read(bodies, now=now), by=by, now=now, is_dry_run=True)
    new, placed, errors = checked.new, checked.placed, checked.errors
    long_values.check_budget([*new, *checked.waiting], by=by, now=now)
    others = _shared_by_others(placed.values(), viewer=by) if names_others else {}
    rows = [_check_row(row, at, others=others.get(at.key, ())) for row, at in placed.items()]
    rows += [
        CheckedRow(
            row=error.row, would_be=DryRunOutcome.REFUSED, field=error.field, message=error.message
        )
        for error in errors
    ]
    return BulkCheckOut(
        created=len(new),
        waiting=len(checked.waiting),
        existing=len(placed) - len(new) - len(checked.waiting),
        refused=len(bodies) - len(placed),
        rows=sorted(rows, key=lambda row: row.row),
    )


def _check_row(row: int, draft: SignalDraft, *, others: Iterable[UUID]) -> CheckedRow:
    """Describe the result for a valid row. draft: its own, or that of the row that it repeats."""
    is_first = row == draft.row
    if_new = DryRunOutcome.WAITING if draft.is_waiting else DryRunOutcome.CREATED
    return CheckedRow(
        row=row,
        would_be=if_new if is_first and draft.is_new else DryRunOutcome.EXISTING,
        waiting_for=draft.wait.words if draft.wait else [],
        id=None if draft.is_new else draft.uid,
        same_as=None if is_first or not draft.is_new else draft.row,
        others=list(others),
    )


def _shared_by_others(
    drafts: Iterable[SignalDraft], *, viewer: Party
) -> dict[reads.Key, list[UUID]]:
    """Return live signals of other parties with the values of drafts, if the viewer may see them.

    A single query finds and filters them. A second query over the results of the first would let a
    party measure that somebody has a value which it may not see.
    """
    values: dict[str, set[str]] = {}
    for draft in drafts:
        values.setdefault(draft.body.kind.value, set()).add(draft.value)
    uids_by_key: dict[reads.Key, list[UUID]] = {}
    for kind, of_kind in values.items():
        for batch in long_values.batches(sorted(of_kind)):
            rows = Signal.objects.filter(reads.visible(viewer), kind=kind, value__in=batch)
            # The state is a literal, so that the planner sees that the partial index applies.
            rows = rows.extra(where=["signals_signal.state = 'live'"])
            facts = rows.exclude(shared_by=viewer).order_by()
            for value, exercise, uid in facts.values_list("value", "exercise", "uid"):
                uids_by_key.setdefault((kind, value, exercise), []).append(uid)
    return {key: sorted(uids) for key, uids in uids_by_key.items()}


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """The result of validating the rows of a bulk; it holds until somebody writes.

    new: drafts to store; waiting: drafts that wait for a second look; placed: the draft or stored
    signal for each row; errors: of the other rows. refused: rows of known abuse material.
    entries: the last ledger entry before anything was looked up.
    """

    new: list[SignalDraft]
    waiting: list[SignalDraft]
    placed: dict[int, SignalDraft]
    errors: list[RowError]
    context: "BulkContext"
    entries: int
    refused: int

    def still_holds(self, *, by: Party) -> bool:
        """Whether nothing was written since that could change the result for a row.

        Every write leaves a ledger entry. Entries of other parties in _BESIDE change nothing here.
        """
        since = ledger.unfiltered(after=self.entries, limit=_FEW_ENTRIES)
        is_known = len(since) < _FEW_ENTRIES
        return is_known and all(
            entry.kind in _HARMLESS_KINDS and entry.actor != by.ref for entry in since
        )


def plan(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    approved: Collection[WaitReason] | None = None,
    through: str | None = None,
    is_dry_run: bool = False,
) -> BulkPlan:
    """Look up the result for each row of a bulk. Nothing is written.

    approved: the reasons for which somebody has given the rows a second look; None: nobody has.
    through: the key, person or exchange that shares.
    is_dry_run: do not compare with the list of refused values, which would answer without a trace.

    raises: RefusedTooOftenError for too many refused values in a day.
    """
    heads = ledger.heads()
    errors = list(ready.errors)
    context = BulkContext(by, hub=heads.hub, now=now)
    fitting = [draft for draft in ready.drafts if context.accepts(draft, errors=errors)]
    checked = fitting
    if not is_dry_run and len(refused_values.current()):
        checked = _without_refused(fitting, errors=errors)
        if approved is None:
            check_refused(len(fitting) - len(checked), by=by, through=through or "", now=now)
    new, placed = deduplicate(checked, errors=errors, by=by)
    waits = second_looks.waits(new, by=by, active=context.active_crises, now=now, approved=approved)
    for place, wait in waits.items():
        new[place].wait = wait
    going = [draft for draft in new if not draft.is_waiting]
    waiting = [draft for draft in new if draft.is_waiting]
    refused = len(fitting) - len(checked)
    return BulkPlan(going, waiting, placed, errors, context, heads.entries, refused)


def _without_refused(drafts: list[SignalDraft], *, errors: list[RowError]) -> list[SignalDraft]:
    """Return the drafts whose values are not of known abuse material; add errors for the others."""
    flags = refused_values.current().holds((draft.kind.value, draft.value) for draft in drafts)
    if not any(flags):
        return drafts
    why = rules.refused_content()
    errors += [
        rules.RefusedRowError(row=draft.row, field=why.field, message=why.message)
        for draft, is_refused in zip(drafts, flags, strict=True)
        if is_refused
    ]
    return [draft for draft, is_refused in zip(drafts, flags, strict=True) if not is_refused]


def check_refused(refused: int, *, by: Party, through: str, now: datetime) -> None:
    """Refuse to go on after too many refused values in a day; those of exchanges do not count.

    raises: RefusedTooOftenError.
    """
    if through.startswith(rules.EXCHANGE):
        return
    today = now.astimezone(UTC).date()
    tally = RefusedTally.objects.filter(party=by, day=today).first()
    rules.check_refused_today(
        refused,
        before=tally.count if tally else 0,
        is_person=through.startswith("person:"),
        now=now,
    )


class BulkContext:
    """Cache of the crises and parties that rows refer to. crises: primary keys by public id."""

    def __init__(self, by: Party, *, hub: UUID, now: datetime) -> None:
        self._by = by
        self._hub = hub
        self._now = now
        self._crises: dict[UUID, rules.SignalCrisis | None] = {}
        self._parties: set[str] = set()
        self._keys: list[SignerKey] | None = None
        self.crises: dict[UUID | None, int | None] = {None: None}
        self.active_crises: set[UUID] = set()

    def accepts(self, draft: SignalDraft, *, errors: list[RowError]) -> bool:
        """Whether a draft fits its crisis and audience. If not, append the reason to errors."""
        try:
            self._check(draft.body)
        except InvalidError as error:
            errors.append(RowError(row=draft.row, field=error.field, message=error.message))
            return False
        return True

    def _check(self, body: SignalIn) -> None:
        """Refuse a row whose crisis or audience does not exist or does not fit.

        raises: InvalidError.
        """
        rules.check_hops(body.via, hub=self._hub)
        if body.crisis is not None:
            self.check_crisis(body.crisis, exercise=body.exercise)
        if missing := set(body.audience) - self._parties:
            self._parties.update(parties.existing(missing))
            rules.check_audience(body.audience, existing=self._parties)
        if body.signature is not None:
            self._check_signature(body)
        if body.retention is not None:
            kind = PartyKind(self._by.kind)
            rules.check_retention(
                body.retention, expires_at=body.expires_at, kind=kind, now=self._now
            )
            kinds = parties.kinds_of(body.audience)
            rules.check_readers(body.retention, sharer=self._by.name, audience=kinds)

    def _check_signature(self, body: SignalIn) -> None:
        """Refuse a signature that does not hold with a valid key. raises: InvalidError."""
        if self._keys is None:
            self._keys = signing.valid_keys(by=self._by)
        check_signature(body, party=self._by.name, keys=self._keys)

    def check_crisis(self, uid: UUID, *, exercise: bool) -> None:
        """Refuse a crisis that takes no signal of the party now. raises: InvalidError."""
        if uid not in self._crises:
            self._crises[uid] = self._find_crisis(uid)
        rules.check_crisis(self._crises[uid], crisis=uid, exercise=exercise)

    def _find_crisis(self, uid: UUID) -> rules.SignalCrisis | None:
        """Return the facts of a crisis for the rules; None if the sharer may not see it."""
        try:
            row = crises.find(uid, viewer=self._by)
        except NotFoundError:
            return None
        self.crises[uid] = row.pk
        facts = crises.facts(row)
        if facts.stage == facts.framework.active_stage:
            self.active_crises.add(uid)
        return rules.SignalCrisis(
            is_open=crises_rules.accepts_signals(facts, now=self._now),
            in_room=crises_rules.is_in_room(facts, self._by),
            exercise=row.exercise,
        )


def deduplicate(
    drafts: Iterable[SignalDraft], *, errors: list[RowError], by: Party
) -> tuple[list[SignalDraft], dict[int, SignalDraft]]:
    """Return the drafts of values that the party does not share yet, and the draft for every row.

    A row whose value the party shares already, or shares in an earlier row, maps to that signal.
    """
    drafts = list(drafts)
    before = reads.live_by_key({draft.value for draft in drafts}, by=by)
    waiting = approvals.waiting_by_key((draft.key for draft in drafts), party=by)
    first: dict[reads.Key, SignalDraft] = {}
    new: list[SignalDraft] = []
    placed: dict[int, SignalDraft] = {}
    for draft in drafts:
        match = first.get(key := draft.key)
        if match is None and (stored := before.get(key)):
            match = replace(draft, **stored._asdict(), is_new=False)
        elif match is None and (waits := waiting.get(key)):
            match = _waiting_already(draft, waits)
        elif match is None:
            match = draft
            new.append(draft)
        first[key] = match
        try:
            rules.check_same(draft.facts, match.facts)
        except ConflictError as error:
            errors.append(RowError(row=draft.row, field="conflict", message=str(error)))
        else:
            placed[draft.row] = match
    return new, placed


def _waiting_already(draft: SignalDraft, row: WaitingSignal) -> SignalDraft:
    """Return the draft of a value that waits already, with the id and facts of the waiting one."""
    facts = rules.facts_of(SignalIn.model_validate_json(row.body))
    wait = second_looks.wait_of(row)
    return replace(draft, uid=row.uid, facts=facts, is_new=False, wait=wait)
