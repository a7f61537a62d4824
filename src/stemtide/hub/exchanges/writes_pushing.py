# SPDX-License-Identifier: Apache-2.0
"""Writes what is to be pushed to another hub, and what became of it.

1 Signals that changed since the last look are held against the rules of leaving: new ones wait.
2 What was sent and has ended waits to be taken back there.
3 Parcels are taken, sent outside every transaction, and noted: sent, refused, or tried again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from stemtide.hub.exchanges import reads, reads_pushing, rules_pushing
from stemtide.hub.exchanges.models import Exchange, Outgoing, Record
from stemtide.hub.exchanges.reads import Errand
from stemtide.hub.exchanges.writes import CLOCK, write_line
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.ledger.writes_parts import part
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol.exchanges import OutgoingState, Terms
from stemtide.protocol.words import ExchangeKind, SignalState

_MAX_ATTEMPTS = 30_000

LOOKED_AT_ONCE = 1_000
"""Signals that one look goes over, so that other writers get their turn."""


@part()
def note_waiting(errand: Errand, *, now: datetime) -> bool:
    """Let what may leave, and what ended, wait to be told; whether there is more."""
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return False
    _end_unseen(row, now=now)
    changed = Signal.objects.filter(position__gt=row.pushed_to).order_by("position")
    some = list(changed.select_related("crisis", "shared_by")[:LOOKED_AT_ONCE])
    if not some:
        return False
    _end(row, some, now=now)
    _begin(row, some, now=now)
    row.pushed_to = some[-1].position
    row.save(update_fields=["pushed_to"])
    return len(some) == LOOKED_AT_ONCE


def _begin(row: Exchange, some: Iterable[Signal], *, now: datetime) -> None:
    """Let live signals that may leave wait to be sent, and others wait no more.

    What waits and is disputed meanwhile stays here, unless it was begun: it may be there already.
    """
    terms, kind = Terms.model_validate(row.terms), ExchangeKind(row.kind)
    live = [one for one in some if one.state == SignalState.LIVE]
    pks = [one.pk for one in live]
    seen = set(Signal.objects.filter(visible(row.party), pk__in=pks).values_list("pk", flat=True))
    there = Record.objects.filter(exchange=row, signal__in=pks, ended=False)
    theirs = set(there.values_list("signal_id", flat=True))
    leaving = {
        one.pk
        for one in live
        if one.pk in seen - theirs
        and one.shared_by_id != row.party_id
        and rules_pushing.may_leave(
            reads_pushing.facts(one, by=CLOCK),
            kind=kind,
            terms=terms,
            inside=row.inside,
            hub=row.hub,
        )
    }
    mine = Outgoing.objects.filter(exchange=row, signal__in=pks)
    waiting = mine.filter(state=OutgoingState.WAITING, attempts=0)
    waiting.exclude(signal__in=leaving).delete()
    begun = set(mine.values_list("signal", flat=True))
    Outgoing.objects.bulk_create(
        Outgoing(exchange=row, signal=one, state=OutgoingState.WAITING, next_at=now)
        for one in live
        if one.pk in leaving - begun
    )


def _end(row: Exchange, some: Iterable[Signal], *, now: datetime) -> None:
    """Let what was sent and has ended wait to be taken back; what was not sent is let go.

    Where another signal here still says the same value, that one stands for it there from now on.
    """
    ended = [one.pk for one in some if one.state != SignalState.LIVE]
    mine = Outgoing.objects.filter(exchange=row, signal__in=ended).select_related("signal")
    for one in mine:
        # What was begun may be there, though no answer came: then it is taken back as well.
        is_unsure = one.state == OutgoingState.WAITING and one.attempts > 0
        if one.state == OutgoingState.SENT or is_unsure:
            _hand_over(row, one, now=now)
        elif one.state in {OutgoingState.WAITING, OutgoingState.REFUSED}:
            one.state, one.next_at = OutgoingState.ENDED, None
        one.save()


def _end_unseen(row: Exchange, *, now: datetime) -> None:
    """End what waits and the partner's party may see no more, though the signal did not change."""
    live = Outgoing.objects.filter(
        exchange=row, state=OutgoingState.WAITING, signal__state=SignalState.LIVE
    )
    unseen = live.exclude(visible(row.party, "signal__")).select_related("signal")
    some = list(unseen[:LOOKED_AT_ONCE])
    for one in some:
        if one.attempts:
            _hand_over(row, one, now=now)
            one.save()
        else:
            # It is not there. It waits anew where it may be seen when it next changes here.
            one.delete()
    if some:
        write_line(row, f"not pushed: {len(some)} that {row.party.name} may not see now", now=now)


def _hand_over(row: Exchange, one: Outgoing, *, now: datetime) -> None:
    """Give what stands there to another signal of the same value, or let it be taken back.

    An heir that stands there under a name of its own keeps that, and this one is taken back. One
    that was refused beside something that may not be there is told again, after that is taken back.
    """
    signal = one.signal
    heirs = Outgoing.objects.filter(
        visible(row.party, "signal__"),
        exchange=row,
        signal__kind=signal.kind,
        signal__value=signal.value,
        signal__exercise=signal.exercise,
        signal__state=SignalState.LIVE,
    )
    is_same_there = Q(state=OutgoingState.SENT, remote=one.remote)
    heir = heirs.filter(is_same_there | Q(state=OutgoingState.REFUSED)).order_by("-state").first()
    is_unsure = one.state == OutgoingState.WAITING
    if heir is None or (is_unsure and heir.state == OutgoingState.REFUSED):
        one.state, one.attempts, one.next_at = OutgoingState.TAKING_BACK, 0, now
        if heir is not None:
            heir.state, heir.attempts, heir.next_at = OutgoingState.WAITING, 0, now
            heir.refused_since = None
            heir.save()
        return
    heir.state, heir.remote, heir.next_at = OutgoingState.SENT, one.remote, None
    heir.sent_at = heir.sent_at or one.sent_at
    heir.save()
    one.state, one.next_at = OutgoingState.ENDED, None


@transaction.atomic
def note_begun(errand: Errand, parcels: Iterable[int]) -> bool:
    """Note, before they leave, that parcels are being sent; False: not ours any more.

    parcels: primary keys. Whatever dies after this, what is new of them may be there.
    """
    ledger.take_turn()
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return False
    some = Outgoing.objects.filter(exchange=row, pk__in=parcels, attempts__lt=_MAX_ATTEMPTS)
    some.filter(state=OutgoingState.WAITING).update(attempts=F("attempts") + 1)
    return True


@transaction.atomic
def note_all_refused(errand: Errand, parcels: Iterable[int], *, now: datetime) -> None:
    """Note that parcels were refused while nothing new was taken: long enough, and that counts.

    parcels: primary keys. By this answer they are not there: their begun try is one no more.
    """
    ledger.take_turn()
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return
    some = Outgoing.objects.filter(exchange=row, pk__in=parcels, state=OutgoingState.WAITING)
    some.filter(attempts__gt=0).update(attempts=F("attempts") - 1)
    some.filter(refused_since=None).update(refused_since=now)


@transaction.atomic
def note_sent(
    errand: Errand, said: Mapping[int, str], *, remotes: Mapping[int, str], now: datetime
) -> tuple[int, int] | None:
    """Note what another hub said of parcels: how many it took and refused. None: not ours any more.

    said: words of a refusal, "" for what it took.
    remotes: by what each is known there.
    """
    ledger.take_turn()
    row = reads.held(errand, by=CLOCK)
    if row is None:
        return None
    took = refused = 0
    kept = 0
    for outgoing in Outgoing.objects.filter(exchange=row, pk__in=said).select_related("signal"):
        words = said[outgoing.pk]
        is_back = outgoing.state == OutgoingState.TAKING_BACK
        outgoing.last_error, outgoing.next_at = words[:300], None
        if words:
            refused += 1
            if is_back:
                _try_again(outgoing, now=now)
            else:
                outgoing.state = OutgoingState.REFUSED
            kept += is_back and outgoing.state == OutgoingState.REFUSED
        else:
            outgoing.state = OutgoingState.ENDED if is_back else OutgoingState.SENT
            outgoing.remote, outgoing.sent_at = (
                remotes.get(outgoing.pk, outgoing.remote),
                outgoing.sent_at or now,
            )
            took += 1
        outgoing.save()
    _tell(row, said=said, kept=kept, counts=(took, refused), now=now)
    return took, refused


def _try_again(one: Outgoing, *, now: datetime) -> None:
    """Let a withdrawal that was refused wait longer, or give it up."""
    one.attempts += 1
    one.next_at = rules_pushing.take_back_at(one.attempts, now=now)
    if one.next_at is None:
        one.state = OutgoingState.REFUSED


def _tell(
    row: Exchange,
    *,
    said: Mapping[int, str],
    kept: int,
    counts: tuple[int, int],
    now: datetime,
) -> None:
    """Say in the log and in the ledger what another hub took. kept: how many stay there.

    Which those are the desk says, to those who may see them.
    """
    took, refused = counts
    for words in dict.fromkeys(one for one in said.values() if one):
        write_line(row, f"refused there: {words}", now=now)
    write_line(row, f"pushed: {took} taken, {refused} refused", now=now)
    if kept:
        words = f"not taken back there: {kept} of them: ask the partner to end what it keeps"
        write_line(row, words, now=now)
        row.counts["not_taken_back"] = row.counts.get("not_taken_back", 0) + kept
        row.save(update_fields=["counts"])
    detail: dict[str, object] = {"taken": took, "refused": refused}
    ledger.append("exchange.pushed", actor=CLOCK, subject=row.ref, now=now, detail=detail)
