# SPDX-License-Identifier: Apache-2.0
"""The ground of a decision (signal, referral, order) for reviewers: text only, never media."""

from datetime import datetime
from uuid import UUID

from stemtide.hub.desk import long_fingerprints
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.media import reads, rules
from stemtide.hub.rooms.orders.reads import orders
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.referrals.reads import referrals
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums.complaints import ComplaintBasis


def ground(
    basis: ComplaintBasis, uid: UUID | None, *, by: Actor, now: datetime
) -> dict[str, object]:
    """Return the signal, referral or order, by its name, and whether a preview may be opened.

    Empty if the reader's party may no longer see it, or if the decision has no ground.
    """
    if uid is None:
        return {}
    try:
        if basis is ComplaintBasis.SIGNAL:
            return _signal(uid, by=by)
        if basis is ComplaintBasis.REFERRAL:
            return {"referral": referrals.referral(uid, viewer=by.party)}
        return {"order": orders.order(uid, viewer=by.party, now=now)}
    except NotFoundError:
        # The party may no longer see it (TLP); the complaint stays, and is decided by its text.
        return {}


def _signal(uid: UUID, *, by: Actor) -> dict[str, object]:
    """Return a signal, with its fingerprint shortened for a page.

    raises: NotFoundError.
    """
    signal = signals.signal(uid, viewer=by.party)
    summary = long_fingerprints.describe(signal.kind, signal.value)
    if summary:
        signal = signal.model_copy(update={"value": summary.digest})
    media_facts = reads.facts(signals.find(uid, viewer=by.party), viewer=by.party)
    may_look = allows(rules.check_look, media_facts, kind=by.kind, role=by.role)
    return {"signal": signal, "may_look": may_look}
