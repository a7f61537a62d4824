# SPDX-License-Identifier: Apache-2.0
"""Record on a request that its alert arrived or was acknowledged. Decision 0049.

The rooms of the requests write and record; this file decides which arrivals count.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert, Result
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.rules.alerts import Channel, Via
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.orders.writes import answers as answers_writes
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.referrals.writes import answers
from stemtide.protocol.enums.referrals import ReceiptVia
from stemtide.protocol.messages.referrals import AcknowledgeIn

_VIA = {Channel.WEBHOOK: ReceiptVia.WEBHOOK, Channel.MAIL: ReceiptVia.MAIL}


@needs_no_entry("the room of the request records its receipt")
def note_arrival(outgoing: OutgoingAlert, *, result: Result, now: datetime) -> bool:
    """Record that a request reached its addressee's own server; return whether that is new.

    Only if the addressee's own server accepted it: for mail the caller decides that, because most
    hubs hand mail to a server of their own.
    """
    via = _VIA.get(outgoing.channel)
    record = _ARRIVES.get(outgoing.kind)
    if via is None or record is None:
        return False
    party = parties.party(outgoing.party)
    return record(UUID(outgoing.subject.partition(":")[2]), party, via, result.proof, now)


@needs_no_entry("the room of the request records its acknowledgement")
def settle_request(alert: Alert, *, by: Actor, via: Via, now: datetime) -> bool:
    """Acknowledge the request that an acknowledged alert carries; return whether that is new.

    Errors because of the request's state are ignored: the alert is acknowledged all the same.
    """
    settle = _SETTLES.get(alert.kind)
    if settle is None:
        return False
    try:
        settle(UUID(alert.subject.partition(":")[2]), by, via, now)
    except (ConflictError, NotAllowedError, NotFoundError):
        return False
    return True


def _order_arrived(uid: UUID, party: Party, via: ReceiptVia, proof: str, now: datetime) -> bool:
    """Record the receipt of a removal order: its hour begins."""
    del party  # the order knows its addressee
    return answers_writes.record_receipt(uid, via=via, at=now, now=now, proof=proof)


def _copy_arrived(uid: UUID, party: Party, via: ReceiptVia, proof: str, now: datetime) -> bool:
    """Record the receipt of an order's copy at an authority: its 72 hours begin."""
    del via, proof  # a copy's receipt has its moment alone
    return answers_writes.receive_copy(uid, by=Actor(party, CLOCK), now=now)


def _referral_arrived(uid: UUID, party: Party, via: ReceiptVia, proof: str, now: datetime) -> bool:
    """Record the receipt of a referral."""
    del proof  # it stands in the delivery
    return answers.record_receipt(uid, provider=party, via=via, at=now)


def _batch_arrived(uid: UUID, party: Party, via: ReceiptVia, proof: str, now: datetime) -> bool:
    """Record the receipt of the referrals in a batch."""
    del proof
    uids = referrals.unreceived(viewer=party, batch=uid)
    return answers.record_receipts(uids, provider=party, via=via, at=now) > 0


_ARRIVES: Mapping[str, Callable[[UUID, Party, ReceiptVia, str, datetime], bool]] = {
    "order": _order_arrived,
    "order_copy": _copy_arrived,
    "referral": _referral_arrived,
    "referrals": _batch_arrived,
}


def _settle_order(uid: UUID, by: Actor, via: Via, now: datetime) -> None:
    """Acknowledge an order. By a link, that is its receipt as well."""
    if via is Via.LINK:
        answers_writes.record_receipt(uid, via=ReceiptVia.LINK, at=now, now=now, by=by)
    answers_writes.acknowledge(uid, by=by, now=now)


def _settle_referral(uid: UUID, by: Actor, via: Via, now: datetime) -> None:
    """Acknowledge a referral. By a link, that is its receipt as well."""
    if via is Via.LINK:
        answers.record_receipt(uid, provider=by.party, via=ReceiptVia.LINK, at=now, by=by)
    answers.acknowledge(uid, body=AcknowledgeIn(), by=by, now=now)


def _settle_batch(uid: UUID, by: Actor, via: Via, now: datetime) -> None:
    """Record the receipt of each referral of a batch that is acknowledged by a link."""
    if via is Via.LINK:
        uids = referrals.unreceived(viewer=by.party, batch=uid)
        answers.record_receipts(uids, provider=by.party, via=ReceiptVia.LINK, at=now, by=by)


def _settle_copy(uid: UUID, by: Actor, via: Via, now: datetime) -> None:
    """Record the receipt of an authority's copy."""
    del via
    answers_writes.receive_copy(uid, by=by, now=now)


_SETTLES: Mapping[str, Callable[[UUID, Actor, Via, datetime], None]] = {
    "order": _settle_order,
    "order_copy": _settle_copy,
    "referral": _settle_referral,
    "referrals": _settle_batch,
}
