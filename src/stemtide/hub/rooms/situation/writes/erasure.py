# SPDX-License-Identifier: Apache-2.0
"""Erase the texts of a situation log; who wrote when stays, as the crisis' timeline has it."""

from collections.abc import Sequence
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.situation.models import Message, MessageReference


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def erase(rows: Sequence[Message], *, now: datetime) -> None:
    """Erase the text of messages, who wrote them, and whom they mention."""
    pks = [row.pk for row in rows]
    MessageReference.objects.filter(message__in=pks).delete()
    Message.objects.filter(pk__in=pks).update(text="", posted_ref="", erased_at=now)
