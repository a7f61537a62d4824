# SPDX-License-Identifier: Apache-2.0
"""Deadlines of an order, and its timeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.utils.translation import gettext as _

from stemtide.hub.desk.documents import VERDICTS
from stemtide.hub.desk.labels.orders import LABELS
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.enums.orders import OrderState, PreservationBasis, ScrutinyState
from stemtide.protocol.law import deadlines as law_deadlines
from stemtide.protocol.messages.orders import OrderOut

PRESERVATION_ARTICLES = {
    PreservationBasis.TCO: "Art. 6",
    PreservationBasis.E_EVIDENCE: "(EU) 2023/1543 Art. 11",
    PreservationBasis.NATIONAL: "",
}
"""Articles by which content is preserved; "" for national law, which the row names."""

_OVER = frozenset({OrderState.WITHDRAWN, OrderState.ANNULLED, OrderState.REINSTATED})
_UNDECIDED = frozenset({ScrutinyState.OPENED, ScrutinyState.ANNOUNCED})


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline. article: of Regulation (EU) 2021/784. last_day: where a whole day counts."""

    title: str
    at: datetime
    article: str
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event in the timeline."""

    title: str
    at: datetime
    note: str = ""


def hour_context(order: OrderOut, *, now: datetime) -> dict[str, object]:
    """Return the values that the block of the one-hour limit shows beside the order."""
    is_suspended = order.state is OrderState.SUSPENDED and bool(order.answers)
    minutes = order.minutes_taken
    return {
        "is_over": order.due_at is not None and now > order.due_at,
        "verdict": VERDICTS[order.document.verdict] if order.document else None,
        "urls": order.annex.get("urls") or [],
        "stopped_at": order.answers[-1].answered_at if is_suspended else None,
        "taken_s": None if minutes is None else minutes * 60,
    }


def deadlines(order: OrderOut) -> list[Deadline]:
    """Return the deadlines of an order other than the one-hour limit, sorted by time."""
    due = []
    if order.state not in _OVER and order.state is not OrderState.UNDONE:
        if order.received_at and order.copies and not order.scrutinies:
            until = law_deadlines.ask_scrutiny_until(order.received_at)
            due.append(Deadline(_("The provider may ask for scrutiny until"), until, "Art. 4(4)"))
        due += [
            Deadline(
                _("An authority with a copy may examine it until"), copy.scrutiny_until, "Art. 4(3)"
            )
            for copy in order.copies
            if copy.scrutiny_until and not order.scrutinies
        ]
    last_day = order.finality.appeal_until
    if last_day and order.state in IN_EFFECT and order.finality.final_on is None:
        end = law_deadlines.end_of_day(datetime.combine(last_day, time(), tzinfo=UTC))
        due.append(Deadline(_("An appeal can be lodged until"), end, "Art. 3(9)", last_day))
    due += [
        Deadline(_("Scrutiny is decided by"), scrutiny.due_at, "Art. 4(3)")
        for scrutiny in order.scrutinies
        if scrutiny.state in _UNDECIDED
    ]
    if order.secret_until and order.state not in _OVER:
        title = _("The content provider is not told before")
        due.append(Deadline(title, order.secret_until, "Art. 11(3)"))
    title = _("What was removed is preserved until")
    due += [
        Deadline(
            title, preservation.until, PRESERVATION_ARTICLES[preservation.basis] or preservation.law
        )
        for preservation in order.preservations
        if preservation.until and not preservation.destroyed_at and not preservation.ended_at
    ]
    return sorted(due, key=lambda deadline: deadline.at)


def steps(order: OrderOut, *, titles: Mapping[str, str]) -> list[TimelineEvent]:
    """Return the timeline of an order, sorted by time. titles: titles of parties by name."""
    events: list[tuple[str, datetime | None, str]] = [
        *_entry(order, titles=titles),
        (_("drafted"), None if order.entry else order.drafted_at, ""),
        *_second_look(order),
        (_("issued"), order.issued_at, ""),
        *[
            (_("arrived"), receipt.at, str(LABELS["order_via"][receipt.via]))
            for receipt in order.receipts
        ],
        *[
            (_("copy received"), copy.received_at, titles.get(copy.to, copy.to))
            for copy in order.copies
        ],
        (_("acknowledged"), order.acknowledged_at, ""),
        (_("the hour had passed"), order.missed_at, ""),
        (_("content acted upon"), order.executed_at, _("as the provider says")),
        (_("order lost its effect"), order.ended_at, ""),
        (_("content reinstated"), order.reinstated_at, ""),
    ]
    for answer in order.answers:
        events.append((str(LABELS["annex"][answer.form]), answer.answered_at, ""))
        events.append((_("the hour began anew"), answer.resumed_at, ""))
    for scrutiny in order.scrutinies:
        events.append(
            (
                _("scrutiny opened"),
                scrutiny.opened_at,
                str(LABELS["scrutiny_basis"][scrutiny.basis]),
            )
        )
        events.append((_("infringement announced"), scrutiny.announced_at, ""))
        events.append(
            (_("scrutiny decided"), scrutiny.decided_at, str(LABELS["scrutiny"][scrutiny.state]))
        )
    events += _appeals(order)
    moments = [TimelineEvent(title, at, note) for title, at, note in events if at is not None]
    return sorted(moments, key=lambda moment: moment.at)


def _entry(order: OrderOut, *, titles: Mapping[str, str]) -> list[tuple[str, datetime | None, str]]:
    """Return how an order that was made elsewhere was received, and came here."""
    entry = order.entry
    if entry is None:
        return []
    channel = str(LABELS["order_channel"][entry.channel])
    answer = str(LABELS["entry"][entry.state])
    return [
        (_("received elsewhere"), order.received_at, channel),
        (_("entered by hand"), entry.entered_at, titles.get(entry.entered_by, entry.entered_by)),
        (answer, entry.answered_at, ""),
    ]


def _appeals(order: OrderOut) -> list[tuple[str, datetime | None, str]]:
    """Return the appeals against an order, their outcomes, and when it became final."""
    events: list[tuple[str, datetime | None, str]] = []
    for appeal in order.finality.appeals:
        by = str(LABELS["appellant"][appeal.lodged_by])
        events.append((_("appeal lodged"), _start(appeal.lodged_on), by))
        outcome = str(LABELS["appeal"][appeal.outcome])
        events.append((_("appeal decided"), _start(appeal.decided_on), outcome))
    ground = order.finality.ground
    note = str(LABELS["final_ground"][ground]) if ground else ""
    return [*events, (_("final"), _start(order.finality.final_on), note)]


def _start(day: date | None) -> datetime | None:
    """Return the start of a day, in UTC; None for no day."""
    return datetime.combine(day, time(), tzinfo=UTC) if day else None


def _second_look(order: OrderOut) -> list[tuple[str, datetime | None, str]]:
    """Return the result of the second look at an order, for parties that may read it."""
    look = order.second_look
    if look is None:
        return []
    titles = {
        ApprovalState.APPROVED: _("confirmed by a second person"),
        ApprovalState.REFUSED: _("refused by a second person"),
    }
    events: list[tuple[str, datetime | None, str]] = []
    if not look.at_once:
        events.append((_("submitted"), look.asked_at, ""))
    if look.state in titles:
        events.append((titles[look.state], look.decided_at, ""))
    return events
