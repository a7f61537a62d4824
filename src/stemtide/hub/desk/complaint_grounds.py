# SPDX-License-Identifier: Apache-2.0
"""What a decision rests on, as reviewers and those who are asked see it: facts, never media."""

from datetime import datetime
from uuid import UUID

from stemtide.hub.desk import prints
from stemtide.hub.media import reads as media, rules as media_rules
from stemtide.hub.orders import reads as orders
from stemtide.hub.parties.reads import Actor
from stemtide.hub.parties.rules import NotFoundError, allows
from stemtide.hub.referrals import reads as referrals
from stemtide.hub.signals import reads as signals
from stemtide.protocol.words_complaints import ComplaintBasis


def ground(
    basis: ComplaintBasis, uid: UUID | None, *, by: Actor, now: datetime
) -> dict[str, object]:
    """The signal, referral or order under its own name, and whether there is a preview to look at.

    Nothing where the reader's party may not see it any more, or where nothing stands behind it.
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
        # Its marks let the party in no longer; the complaint stays, and is decided by its words.
        return {}


def _signal(uid: UUID, *, by: Actor) -> dict[str, object]:
    """A signal, with its fingerprint short enough for a page.

    raises: NotFoundError.
    """
    found = signals.signal(uid, viewer=by.party)
    long = prints.describe(found.kind, found.value)
    if long:
        found = found.model_copy(update={"value": long.digest})
    known = media.facts(signals.find(uid, viewer=by.party), viewer=by.party)
    may_look = allows(media_rules.check_look, known, kind=by.kind, role=by.role)
    return {"signal": found, "may_look": may_look}
