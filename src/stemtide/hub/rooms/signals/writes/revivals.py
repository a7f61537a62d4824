# SPDX-License-Identifier: Apache-2.0
"""Share signals again whose withdrawal at once, in a crisis, nobody confirmed. Decision 0119."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.signals.writes.opinions import WEIGHED, weigh
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.signals import RowError, SignalIn
from stemtide.protocol.trust.second_look import WaitReason


@needs_no_entry("the shares record themselves")
@transaction.atomic
def share_again(row: Approval, *, now: datetime) -> None:
    """Share the signals of a withdrawal again, in the name of their sharers, under new ids.

    A withdrawn signal stays withdrawn: agents have forgotten it, and STIX allows no new version of
    what was revoked. The opinions of others go with the new one, so that as many stand behind it.
    Those that the rules of now refuse are named in not_done.
    """
    errors = []
    for number, uid in enumerate(row.affected.values_list("uid", flat=True)):
        rows = Signal.objects.select_related("shared_by", "content", "crisis")
        signal = rows.filter(uid=uid, state=SignalState.WITHDRAWN).first()
        if signal is not None:
            errors += _share_one(signal, number=number, through=row.ref, now=now)
    row.not_done = [error.model_dump() for error in errors]
    row.save(update_fields=["not_done"])


def _share_one(signal: Signal, *, number: int, through: str, now: datetime) -> list[RowError]:
    """Share one signal again with the opinions of it; return why it is refused, if it is."""
    facts = reads.describe(signal, viewer=signal.shared_by)
    values = facts.model_dump(include=set(SignalIn.model_fields))
    body = SignalIn.model_validate({**values, "value": facts.url or facts.value})
    out = signals.share_approved(
        checks.read([body], now=now),
        by=signal.shared_by,
        now=now,
        reasons=frozenset(WaitReason),
        through=through,
    )
    shared = out.signals[0]
    if shared is None:
        return [error.model_copy(update={"row": number}) for error in out.errors]
    if shared.created:
        _copy_opinions(signal, to=Signal.objects.select_related("shared_by").get(uid=shared.id))
    return []


def _copy_opinions(signal: Signal, *, to: Signal) -> None:
    """Give a signal the opinions of another one, and weigh them."""
    for opinion in signal.opinions.all():
        opinion.pk, opinion.signal = None, to
        opinion.save(force_insert=True)
    weigh(to)
    to.save(update_fields=WEIGHED)
