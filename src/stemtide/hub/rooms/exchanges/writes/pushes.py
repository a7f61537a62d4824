# SPDX-License-Identifier: Apache-2.0
"""Queue signals for another hub, and record the results.

1 Signals that changed since the last check are tested against the rules for pushing and queued.
2 Sent signals that have ended are queued for withdrawal there.
3 Batches are claimed, sent outside every transaction, and recorded: sent, refused, or tried again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.exchanges.models import Exchange, Outgoing, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads, pushes
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules import pushes as pushes_rules
from stemtide.hub.rooms.exchanges.writes.exchanges import write_line
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.exchanges import OutgoingState, Terms
from stemtide.protocol.enums import ExchangeKind, SignalState

_MAX_ATTEMPTS = 30_000

_NOT_BEGUN = (OutgoingState.WAITING, OutgoingState.HELD_BACK)
"""States of signals that did not arrive, unless sending was begun."""

LOOKED_AT_ONCE = 1_000
"""Signals that one transaction checks, so that other writers are not blocked."""


@needs_no_entry("what is sent is recorded")
@part()
def note_waiting(run: ClaimedRun, *, now: datetime) -> bool:
    """Queue signals that may leave, and ended ones for withdrawal; return whether there is more."""
    row = reads.claimed_exchange(run)
    if row is None:
        return False
    _end_unseen(row, now=now)
    changed = Signal.objects.filter(position__gt=row.pushed_to).order_by("position")
    signals = list(changed.select_related("crisis", "shared_by")[:LOOKED_AT_ONCE])
    if not signals:
        return False
    _end(row, signals, now=now)
    _begin(row, signals, now=now)
    row.pushed_to = signals[-1].position
    row.save(update_fields=["pushed_to"])
    return len(signals) == LOOKED_AT_ONCE


def _begin(row: Exchange, signals: Iterable[Signal], *, now: datetime) -> None:
    """Queue live signals that may leave, and remove others from the queue.

    A queued signal that is disputed meanwhile stays here, unless sending was begun: it may have
    arrived.
    """
    terms, kind = Terms.model_validate(row.terms), ExchangeKind(row.kind)
    live = [signal for signal in signals if signal.state == SignalState.LIVE]
    pks = [signal.pk for signal in live]
    visible_pks = set(
        Signal.objects.filter(visible(row.party), pk__in=pks).values_list("pk", flat=True)
    )
    at_partner = Record.objects.filter(exchange=row, signal__in=pks, ended=False)
    partner_pks = set(at_partner.values_list("signal_id", flat=True))
    bringers = pushes.bringers()
    leaving = {
        signal.pk
        for signal in live
        if signal.pk in visible_pks - partner_pks
        and signal.shared_by_id != row.party_id
        and pushes_rules.may_leave(
            pushes.facts(signal, is_brought=signal.shared_by_id in bringers),
            kind=kind,
            terms=terms,
            inside=row.inside,
            hub=row.hub,
        )
    }
    queued = Outgoing.objects.filter(exchange=row, signal__in=pks)
    waiting = queued.filter(state__in=_NOT_BEGUN, attempts=0)
    waiting.exclude(signal__in=leaving).delete()
    begun = set(queued.values_list("signal", flat=True))
    Outgoing.objects.bulk_create(
        _queued(row, signal, kind=kind, now=now) for signal in live if signal.pk in leaving - begun
    )


def _queued(row: Exchange, signal: Signal, *, kind: ExchangeKind, now: datetime) -> Outgoing:
    """Return a new row of the queue; a signal with an audience waits for a group that fits it."""
    if signal.audience and kind in pushes_rules.OF_MANY:
        return Outgoing(exchange=row, signal=signal, state=OutgoingState.HELD_BACK)
    return Outgoing(exchange=row, signal=signal, state=OutgoingState.WAITING, next_at=now)


def _end(row: Exchange, signals: Iterable[Signal], *, now: datetime) -> None:
    """Queue sent signals that have ended for withdrawal; remove those that were not sent.

    If another signal here has the same value, it takes over the record at the other hub.
    """
    ended = [signal.pk for signal in signals if signal.state != SignalState.LIVE]
    queued = Outgoing.objects.filter(exchange=row, signal__in=ended).select_related("signal")
    for outgoing in queued:
        # A begun one may have arrived without a response: it is withdrawn as well.
        is_unsure = outgoing.state == OutgoingState.WAITING and outgoing.attempts > 0
        if outgoing.state == OutgoingState.SENT or is_unsure:
            _hand_over(row, outgoing, now=now)
        elif outgoing.state in {*_NOT_BEGUN, OutgoingState.REFUSED}:
            outgoing.state, outgoing.next_at = OutgoingState.ENDED, None
        outgoing.save()


def _end_unseen(row: Exchange, *, now: datetime) -> None:
    """Remove queued signals that the partner's party no longer sees, though they did not change."""
    live = Outgoing.objects.filter(
        exchange=row, state__in=_NOT_BEGUN, signal__state=SignalState.LIVE
    )
    unseen = live.exclude(visible(row.party, "signal__")).select_related("signal")
    hidden = list(unseen[:LOOKED_AT_ONCE])
    for outgoing in hidden:
        if outgoing.attempts:
            _hand_over(row, outgoing, now=now)
            outgoing.save()
        else:
            # It never arrived. If it becomes visible, its next change here queues it again.
            outgoing.delete()
    if hidden:
        write_line(row, f"not pushed: {len(hidden)} that {row.party.name} may not see now", now=now)


def _hand_over(row: Exchange, outgoing: Outgoing, *, now: datetime) -> None:
    """Give the record at the other hub to another signal of the value, or queue its withdrawal.

    In a MISP, the heir is of the same TLP, and of the same event if that is in a sharing group.
    A signal with its own record there keeps that, and this one is withdrawn. A signal that was
    refused while this one's arrival is uncertain is sent again after the withdrawal.
    """
    signal = outgoing.signal
    heirs = Outgoing.objects.filter(
        visible(row.party, "signal__"),
        exchange=row,
        event=outgoing.event,
        signal__kind=signal.kind,
        signal__value=signal.value,
        signal__exercise=signal.exercise,
        signal__state=SignalState.LIVE,
    )
    if row.kind == ExchangeKind.MISP:  # MISP's event keeps the TLP
        heirs = heirs.filter(signal__tlp=signal.tlp)
    is_same_there = Q(state=OutgoingState.SENT, remote=outgoing.remote)
    heir = heirs.filter(is_same_there | Q(state=OutgoingState.REFUSED)).order_by("-state").first()
    is_unsure = outgoing.state == OutgoingState.WAITING
    if heir is None or (is_unsure and heir.state == OutgoingState.REFUSED):
        outgoing.state, outgoing.attempts, outgoing.next_at = OutgoingState.TAKING_BACK, 0, now
        if heir is not None:
            heir.state, heir.attempts, heir.next_at = OutgoingState.WAITING, 0, now
            heir.refused_since = None
            heir.save()
        return
    heir.state, heir.remote, heir.next_at = OutgoingState.SENT, outgoing.remote, None
    heir.sent_at = heir.sent_at or outgoing.sent_at
    heir.save()
    outgoing.state, outgoing.next_at = OutgoingState.ENDED, None


@needs_no_entry("the outcome of the push is recorded")
@transaction.atomic
def note_begun(run: ClaimedRun, outgoing_signals: Iterable[int]) -> bool:
    """Record, before sending, that signals are being sent; return False if another run took over.

    outgoing_signals: primary keys. After a crash, new ones among them may have arrived.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return False
    batch = Outgoing.objects.filter(
        exchange=row, pk__in=outgoing_signals, attempts__lt=_MAX_ATTEMPTS
    )
    batch.filter(state=OutgoingState.WAITING).update(attempts=F("attempts") + 1)
    return True


@needs_no_entry("the failed run is recorded")
@transaction.atomic
def note_all_refused(run: ClaimedRun, outgoing_signals: Iterable[int], *, now: datetime) -> None:
    """Record that signals were refused while nothing new was accepted.

    outgoing_signals: primary keys. The response proves that they did not arrive, so their attempt
    is undone. Only a long period of such refusals counts.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return
    batch = Outgoing.objects.filter(
        exchange=row, pk__in=outgoing_signals, state=OutgoingState.WAITING
    )
    batch.filter(attempts__gt=0).update(attempts=F("attempts") - 1)
    batch.filter(refused_since=None).update(refused_since=now)


@transaction.atomic
def note_sent(
    run: ClaimedRun, results: Mapping[int, str], *, remotes: Mapping[int, str], now: datetime
) -> tuple[int, int] | None:
    """Record the results of sent signals; return how many were accepted and refused.

    returns: None if another run took over.
    results: words of a refusal, "" if accepted. remotes: the ids there.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return None
    accepted = refused = 0
    not_withdrawn = 0
    for outgoing in Outgoing.objects.filter(exchange=row, pk__in=results).select_related("signal"):
        words = results[outgoing.pk]
        is_back = outgoing.state == OutgoingState.TAKING_BACK
        outgoing.last_error, outgoing.next_at = words[:300], None
        if words:
            refused += 1
            if is_back:
                _try_again(outgoing, now=now)
            else:
                outgoing.state = OutgoingState.REFUSED
            not_withdrawn += is_back and outgoing.state == OutgoingState.REFUSED
        else:
            outgoing.state = OutgoingState.ENDED if is_back else OutgoingState.SENT
            outgoing.remote, outgoing.sent_at = (
                remotes.get(outgoing.pk, outgoing.remote),
                outgoing.sent_at or now,
            )
            accepted += 1
        outgoing.save()
    _tell(row, results=results, not_withdrawn=not_withdrawn, counts=(accepted, refused), now=now)
    return accepted, refused


@needs_no_entry("the push of the signal was recorded; a sighting says nothing more of it")
@needs_no_lock("it appends nothing")
@transaction.atomic
def note_sighting(run: ClaimedRun, pk: int, *, total: int) -> None:
    """Record up to which number of uploads the other hub learned of sightings."""
    if reads.claimed_exchange(run) is not None:
        Outgoing.objects.filter(pk=pk, exchange=run.pk).update(sighted=total)


@transaction.atomic
def note_reactions(
    run: ClaimedRun, results: Mapping[int, tuple[str, str]], *, now: datetime
) -> None:
    """Record which opinions a source has now. results: by record: the reaction, words of a refusal.

    A refused one is not sent again until the opinions here change.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return
    for pk, (reaction, _) in results.items():
        Record.objects.filter(exchange=row, pk=pk).update(reaction=reaction)
    refusals = [words for _, words in results.values() if words]
    for words in dict.fromkeys(refusals):
        write_line(row, f"opinion refused there: {words}", now=now)
    accepted = len(results) - len(refusals)
    write_line(row, f"opinions sent: {accepted} taken, {len(refusals)} refused", now=now)
    detail: dict[str, object] = {"taken": accepted, "refused": len(refusals)}
    ledger.append("exchange.pushed", actor=CLOCK, subject=row.ref, now=now, detail=detail)


def _try_again(outgoing: Outgoing, *, now: datetime) -> None:
    """Delay a refused withdrawal, or give it up."""
    outgoing.attempts += 1
    outgoing.next_at = pushes_rules.take_back_at(outgoing.attempts, now=now)
    if outgoing.next_at is None:
        outgoing.state = OutgoingState.REFUSED


def _tell(
    row: Exchange,
    *,
    results: Mapping[int, str],
    not_withdrawn: int,
    counts: tuple[int, int],
    now: datetime,
) -> None:
    """Log the result and append it to the ledger. not_withdrawn: how many stay at the partner.

    The desk shows these to parties that may see them.
    """
    accepted, refused = counts
    for words in dict.fromkeys(words for words in results.values() if words):
        write_line(row, f"refused there: {words}", now=now)
    write_line(row, f"pushed: {accepted} taken, {refused} refused", now=now)
    if not_withdrawn:
        words = (
            f"not taken back there: {not_withdrawn} of them: ask the partner to end what it keeps"
        )
        write_line(row, words, now=now)
        row.counts["not_taken_back"] = row.counts.get("not_taken_back", 0) + not_withdrawn
        row.save(update_fields=["counts"])
    detail: dict[str, object] = {"taken": accepted, "refused": refused}
    ledger.append("exchange.pushed", actor=CLOCK, subject=row.ref, now=now, detail=detail)
