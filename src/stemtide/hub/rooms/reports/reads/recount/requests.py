# SPDX-License-Identifier: Apache-2.0
"""Recount disputes, complaints, orders, referrals and crises, entry by entry."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.reports.reads.recount.acts import Recount, acts, name_in
from stemtide.hub.rooms.reports.reads.recount.signals import Recorded
from stemtide.hub.rooms.reports.rules.public_figures import (
    CLOSED,
    LAPSED,
    WARNING_CLOSED,
    Collected,
    Decided,
    EndedCrisis,
    Parts,
    Request,
)
from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.protocol.enums import SignalState
from stemtide.protocol.figures.messages import TableName

_ANNEX_3 = "tco-annex-3"
_ORDER_STATES = {
    "order.suspended": "not_executed",
    "order.resumed": "open",
    "order.withdrawn": "withdrawn",
    "order.annulled": "annulled",
}


@needs_no_viewer("an operator's check")
def count_requests(recount: Recount, *, ledger: Recorded, into: Collected) -> Collected:
    """Add all that is no signal to the counts of a quarter."""
    into.disputes = _disputes(recount, ledger=ledger)
    _complaints(recount, into)
    into.orders = _orders(recount)
    into.referrals = _referrals(recount)
    into.crises = _crises(recount)
    return into


def _disputes(recount: Recount, *, ledger: Recorded) -> dict[str, Parts]:
    """Return the disputes that were opened in the quarter, by outcome and party."""
    opened: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], str] = {}
    for entry in acts("opinion.given", head=recount.head):
        pair = (name_in(entry.subject), name_in(entry.actor))
        last[pair] = str(entry.detail["opinion"])
        if last[pair] == "dispute" and recount.is_within(entry.recorded_at):
            opened.add(pair)
    aside: dict[tuple[str, str], bool] = {}
    numbers: dict[tuple[str, str], int] = {}
    for kind in ("dispute.dismissed", "dispute.restored"):
        for entry in acts(kind, head=recount.head):
            pair = (name_in(entry.subject), name_in(entry.detail["party"]))
            if entry.number > numbers.get(pair, 0):
                aside[pair], numbers[pair] = kind == "dispute.dismissed", entry.number
    counts: dict[str, Parts] = {}
    for uid, party in sorted(opened):
        if uid in ledger.ends:
            outcome = "signal_withdrawn"
        elif last[uid, party] != "dispute":
            outcome = "taken_back"
        elif aside.get((uid, party)) or _is_set_aside(recount, uid, party):
            outcome = "set_aside"
        else:
            outcome = _rest_of(recount, uid)
        counts.setdefault(outcome, Counter())[party] += 1
    return counts


def _rest_of(recount: Recount, uid: str) -> str:
    """Return the outcome of a dispute that nobody decided: its signal may have ended by itself."""
    row = Signal.objects.get(uid=uid)
    if row.withdrawn_at is not None and row.withdrawn_at <= recount.at:
        return "signal_withdrawn"
    has_expired = row.expires_at is not None and row.expires_at <= recount.at
    return "signal_expired" if has_expired and row.state == SignalState.EXPIRED else "open"


def _is_set_aside(recount: Recount, uid: str, party: str) -> bool:
    """Whether a decision on all disputes of a party covers one. Its entries name no signal."""
    decided = [
        entry
        for kind in ("disputes.dismissed", "disputes.restored")
        for entry in Entry.objects.filter(kind=kind)
        if name_in(entry.detail["party"]) == party
    ]
    if not decided:
        return False
    row = OpinionRow.objects.filter(signal__uid=uid, party__name=party).first()
    if row is None or any(entry.number > recount.head for entry in decided):
        recount.gone.add(TableName.DISPUTES)
        return False
    return row.dismissal is not None


def _complaints(recount: Recount, into: Collected) -> None:
    """Count complaints that were filed and decided in the quarter."""
    filed_at: dict[str, datetime] = {}
    for entry in acts("complaint.filed", head=recount.head):
        filed_at[entry.subject] = entry.recorded_at
        if recount.is_within(entry.recorded_at):
            basis, party = str(entry.detail["basis"]), name_in(entry.detail["party"])
            into.filed.setdefault(basis, Counter())[party] += 1
    for entry in acts("complaint.decided", head=recount.head):
        if recount.is_within(entry.recorded_at):
            took = entry.recorded_at - filed_at[entry.subject]
            outcome = str(entry.detail["outcome"])
            into.decided.append(Decided(name_in(entry.actor), outcome, took.total_seconds()))


def _orders(recount: Recount) -> list[Request]:
    """Return the orders that were issued in the quarter and that both sides count."""
    counted: dict[str, datetime | None] = {}
    for entry in acts("order.issued", head=recount.head):
        counted[entry.subject] = entry.recorded_at
    for entry in acts("entry.confirmed", head=recount.head):
        counted[entry.subject] = None
    for kind in ("entry.disputed", "entry.voided"):
        for entry in acts(kind, head=recount.head):
            counted.pop(entry.subject, None)
    outcomes: dict[str, str] = {}
    executed: set[str] = set()
    later = Entry.objects.filter(
        kind__in=_ORDER_STATES, exercise=False, number__lte=recount.head
    ).order_by("number")
    for entry in later.iterator(chunk_size=2000):
        outcomes[entry.subject] = _ORDER_STATES[entry.kind]
    for entry in acts("order.executed", head=recount.head):
        executed.add(entry.subject)
    requests = []
    for subject, issued_at in counted.items():
        row = Order.objects.select_related("addressee").get(uid=name_in(subject))
        at = issued_at or row.issued_at
        if at is None or not recount.is_within(at):
            continue
        answer = "executed" if subject in executed else outcomes.get(subject, "open")
        took_s = _time_of(row) if subject in executed else None
        requests.append(
            Request(row.addressee.name, answer, row.ideology or "", row.language, took_s)
        )
    return requests


def _time_of(row: Order) -> float | None:
    """Return the seconds from receipt to execution, without those in which the hour stood."""
    if row.received_at is None or row.executed_at is None:
        return None
    passed = max(row.executed_at - row.received_at, timedelta())
    for answer in row.answers.filter(form=_ANNEX_3):
        stopped = min(max(answer.answered_at, row.received_at), row.executed_at)
        resumed = min(max(answer.resumed_at or row.executed_at, stopped), row.executed_at)
        passed -= resumed - stopped
    return max(passed, timedelta()).total_seconds()


def _referrals(recount: Recount) -> list[Request]:
    """Return the referrals that were sent in the quarter."""
    answers: dict[str, Entry] = {}
    for entry in acts("referral.answered", head=recount.head):
        answers[entry.subject] = entry
    withdrawn = {entry.subject for entry in acts("referral.withdrawn", head=recount.head)}
    requests = []
    for row in _sent(recount):
        subject = f"referral:{row.uid}"
        last = answers.get(subject)
        answer = str(last.detail["answer"]) if last else ""
        if answer in {"", "needs_context"}:
            answer = "withdrawn" if subject in withdrawn else "waiting"
        took_s = None
        if last is not None and row.sent_at is not None and answer in {"removed", "disabled"}:
            if row.answered_at != last.recorded_at:  # it answered again since, in its place
                recount.gone |= {TableName.REFERRALS_BY_TIME, TableName.REFERRALS_BY_IDEOLOGY}
                recount.gone.add(TableName.REFERRALS_BY_LANGUAGE)
            gone_at = row.measure_at or last.recorded_at
            took_s = max((gone_at - row.sent_at).total_seconds(), 0.0)
        requests.append(
            Request(row.provider.name, answer, row.ideology or "", row.language or "", took_s)
        )
    return requests


def _sent(recount: Recount) -> Iterable[Referral]:
    """Yield the referrals that entries of the quarter say were sent."""
    batches: Counter[tuple[str, str, datetime]] = Counter()
    for entry in acts("referral.sent", head=recount.head):
        if recount.is_within(entry.recorded_at):
            yield Referral.objects.select_related("provider").get(uid=name_in(entry.subject))
    for entry in acts("referrals.sent", head=recount.head):
        if recount.is_within(entry.recorded_at):
            party = name_in(entry.detail["party"])
            key = (name_in(entry.subject), party, entry.recorded_at)
            batches[key] += int(str(entry.detail["count"]))
    for (batch, party, at), count in batches.items():
        rows = Referral.objects.filter(batch__uid=batch, provider__name=party, sent_at=at)
        if rows.count() != count:
            recount.faults.append(f"{count} referrals were sent to {party} at {at}, by the ledger")
        yield from rows.select_related("provider")


def _crises(recount: Recount) -> list[EndedCrisis]:
    """Return the crises, and the activations without a second party, that ended in the quarter."""
    parties: dict[str, set[str]] = {}
    activated: dict[str, datetime] = {}
    ended = []
    rows = Entry.objects.filter(exercise=False, crisis__isnull=False, number__lte=recount.head)
    for entry in rows.order_by("number").iterator(chunk_size=2000):
        crisis = f"crisis:{entry.crisis}"
        if entry.actor.startswith("party:") and entry.kind != "participant.declined":
            parties.setdefault(crisis, set()).add(name_in(entry.actor))
        if entry.kind == "crisis.activated":
            activated[crisis] = entry.recorded_at
        if entry.kind in {"crisis.closed", "crisis.lapsed"}:
            began = activated.pop(crisis, None)
            if recount.is_within(entry.recorded_at):
                ended.append((crisis, entry, began))
    crises = []
    for crisis, entry, began in ended:
        outcome = LAPSED
        if entry.kind == "crisis.closed":
            outcome = WARNING_CLOSED if began is None else CLOSED
        lasted_s = None if began is None else (entry.recorded_at - began).total_seconds()
        crises.append(EndedCrisis(outcome, frozenset(parties[crisis]), lasted_s))
    return crises
