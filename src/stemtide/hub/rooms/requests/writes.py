# SPDX-License-Identifier: Apache-2.0
"""Act on the request behind a link, without an account. Decision 0059.

The rooms of the requests write and record, under their own rules. An answer also acknowledges.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from pydantic import BaseModel

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.alerts import links
from stemtide.hub.rooms.alerts.reads.alerts import AlertRow
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.writes import answers, endings
from stemtide.hub.rooms.referrals.writes import answers as referral_answers
from stemtide.hub.rooms.requests import reads
from stemtide.hub.rooms.requests.reads import LinkedAlert
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.referrals import AnswerIn


@needs_no_entry("the alert records it, with the digest of what was shown")
def acknowledge_as_shown(token: str, *, now: datetime) -> AlertRow:
    """Acknowledge the alert behind a link, and record which request was shown.

    raises: NotFoundError; ConflictError for a settled alert.
    """
    links.read_token(token, now=now)
    link = reads.alert_behind(token, now=now)
    return alerts.acknowledge_by_link(token, now=now, shown=_digest(link))


@needs_no_entry("renew_link records it once something is left to do")
def send_new_link(token: str, *, now: datetime) -> None:
    """Send a new link to the contact point of an expired one.

    raises: NotFoundError; ConflictError if nothing is left to answer, or a new link was just sent.
    """
    link = reads.alert_behind(token, now=now)
    alerts.renew_link(token, is_open=link.is_open, now=now)


@needs_no_entry("orders records the act, and alerts the receipt")
@transaction.atomic
def act_on_order(token: str, verb: str, *, body: BaseModel | None, now: datetime) -> None:
    """Answer a removal order, or add to the answer: one of reads.BY_LINK.

    body: of the act in the room of orders; None if it takes none.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming a field of the form.
    source: Regulation (EU) 2021/784 Art. 3(6) to (8), Art. 4(4).
    """
    ledger.lock_ledger()
    link = _settled(token, now=now)
    if link.order is None or verb not in link.may:
        raise ConflictError("this action is not possible for the order now: see its state")
    answers.record_receipt(link.order.id, via=ReceiptVia.LINK, at=now, now=now, by=link.by)
    arguments = {} if body is None else {"body": body}
    _ACTS[verb](link.order.id, by=link.by, now=now, **arguments)


@needs_no_entry("the room of referrals records the answers")
@transaction.atomic
def answer_referrals(token: str, *, uids: Iterable[UUID], body: AnswerIn, now: datetime) -> int:
    """Answer several referrals alike; return how many. uids: a selection of those behind the link.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming the field.
    """
    ledger.lock_ledger()
    link = _settled(token, now=now)
    answerable = {referral.id for referral in link.referrals}
    selected = list(dict.fromkeys(uids))
    if not selected or not answerable.issuperset(selected):
        raise ConflictError("this referral cannot be answered now: see its state")
    party = link.party
    referral_answers.record_receipts(
        selected, provider=party, via=ReceiptVia.LINK, at=now, by=link.by
    )
    if len(selected) > 1:
        return referral_answers.answer_many(selected, body=body, by=link.by, now=now)
    referral_answers.answer(selected[0], body=body, by=link.by, now=now)
    return 1


def _settled(token: str, *, now: datetime) -> LinkedAlert:
    """Acknowledge the alert behind a link if needed, and return it. raises: NotFoundError."""
    links.read_token(token, now=now)
    link = reads.alert_behind(token, now=now)
    if not link.alert.is_waiting:
        return link
    alerts.acknowledge_by_link(token, now=now, shown=_digest(link))
    return reads.alert_behind(token, now=now)


def _digest(link: LinkedAlert) -> str:
    """Return the SHA-256 of the request shown behind a link, or "" if there was none."""
    return link.request.digest if link.request else ""


_ACTS: Mapping[str, Callable[..., object]] = {
    "execute": answers.execute,
    "suspend": answers.suspend,
    "resume": answers.resume,
    "reinstate": answers.reinstate,
    "ask_scrutiny": endings.open_scrutiny,
}
"""The functions of the actions in the room of orders. All but a reinstatement take a body."""
