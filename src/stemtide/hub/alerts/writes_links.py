# SPDX-License-Identifier: Apache-2.0
"""What whoever holds a link does with the request behind it, without an account. Decision 0059.

The rooms of the requests write and record, under their own rules; to answer is to acknowledge.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from pydantic import BaseModel

from stemtide.hub.alerts import links, reads_links, writes
from stemtide.hub.alerts.reads import AlertRow
from stemtide.hub.alerts.reads_links import Linked
from stemtide.hub.ledger import writes as ledger
from stemtide.hub.orders import writes_answers as orders, writes_endings
from stemtide.hub.parties.rules import ConflictError
from stemtide.hub.referrals import writes_answers as referrals
from stemtide.protocol.referrals import AnswerIn
from stemtide.protocol.words_referrals import ReceiptVia

_HOLDER = "holder of a link"


def acknowledge_as_shown(token: str, *, now: datetime) -> AlertRow:
    """Say that somebody has the alert, and record what lay before them.

    raises: NotFoundError; ConflictError for an alert that is settled.
    """
    links.read(token, now=now)
    found = reads_links.linked(token, by=_HOLDER, now=now)
    return writes.acknowledge_by_link(token, now=now, shown=_digest(found))


def send_anew(token: str, *, now: datetime) -> None:
    """Send a new link to the contact point that an expired one went to.

    raises: NotFoundError; ConflictError where nothing is left to answer, or one is on its way.
    """
    found = reads_links.linked(token, by=_HOLDER, now=now)
    writes.renew_link(token, is_open=found.is_open, now=now)


@transaction.atomic
def act_on_order(token: str, verb: str, *, body: BaseModel | None, now: datetime) -> None:
    """Answer a removal order, or say more of it: one of reads_links.BY_LINK.

    body: as the act takes it in the room of orders; None where it takes none.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming a field of the form.
    source: Regulation (EU) 2021/784 Art. 3(6) to (8), Art. 4(4).
    """
    ledger.take_turn()
    found = _settled(token, now=now)
    if found.order is None or verb not in found.may:
        raise ConflictError("that cannot be done with this order now: see where it stands")
    orders.record_receipt(found.order.id, via=ReceiptVia.LINK, at=now, now=now, by=found.by)
    told = {} if body is None else {"body": body}
    _ACTS[verb](found.order.id, by=found.by, now=now, **told)


@transaction.atomic
def answer_referrals(token: str, *, uids: Iterable[UUID], body: AnswerIn, now: datetime) -> int:
    """Answer referrals in one way, and say how many. uids: which of those behind the link.

    raises: NotFoundError, NotAllowedError, ConflictError; InvalidError naming the field.
    """
    ledger.take_turn()
    found = _settled(token, now=now)
    open_ones = {referral.id for referral in found.referrals}
    wanted = list(dict.fromkeys(uids))
    if not wanted or not open_ones.issuperset(wanted):
        raise ConflictError("this referral cannot be answered now: see where it stands")
    party = found.party
    referrals.record_receipts(wanted, provider=party, via=ReceiptVia.LINK, at=now, by=found.by)
    if len(wanted) > 1:
        return referrals.answer_many(wanted, body=body, by=found.by, now=now)
    referrals.answer(wanted[0], body=body, by=found.by, now=now)
    return 1


def _settled(token: str, *, now: datetime) -> Linked:
    """What a link leads to, once its alert is acknowledged. raises: NotFoundError."""
    links.read(token, now=now)
    found = reads_links.linked(token, by=_HOLDER, now=now)
    if not found.alert.is_waiting:
        return found
    writes.acknowledge_by_link(token, now=now, shown=_digest(found))
    return reads_links.linked(token, by=_HOLDER, now=now)


def _digest(found: Linked) -> str:
    """The digest of what lay behind a link; "" where nothing did."""
    return found.request.digest if found.request else ""


_ACTS: Mapping[str, Callable[..., object]] = {
    "execute": orders.execute,
    "suspend": orders.suspend,
    "resume": orders.resume,
    "reinstate": orders.reinstate,
    "ask_scrutiny": writes_endings.open_scrutiny,
}
"""What each act is in the room of orders. All but a reinstatement take a body."""
