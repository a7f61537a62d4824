# SPDX-License-Identifier: Apache-2.0
"""Read the evidence that a removal order is authentic: its issuer, and who seals it.

source: Regulation (EU) 2021/784 Art. 3(4)(e), Art. 12(4), recital 35.
"""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from stemtide.hub.platform.documents import hub_seal, party_seals, timestamps
from stemtide.hub.platform.documents.seal_files import SealFileError
from stemtide.hub.rooms.orders.reads import entries, orders
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import authorities, competences
from stemtide.protocol.enums import Duty
from stemtide.protocol.messages.documents import OrderAuthenticity, SealCertificate


def authenticity(uid: UUID, *, viewer: Party, now: datetime) -> OrderAuthenticity:
    """Return the evidence that an order is from its issuer, as things stand now.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    row = orders.find(uid, viewer=viewer)
    issuer = row.issued_by
    listing = authorities.listing(
        row.issuer_title,
        country=row.issuer_state,
        duty=Duty.ISSUE,
        party=issuer.name if issuer else "",
    )
    facts = OrderAuthenticity(
        issuer=row.issuer_name,
        title=row.issuer_title,
        state=row.issuer_state,
        listing=listing,
        competent_since=competences.competent_since(issuer, Duty.ISSUE) if issuer else None,
    )
    if issuer is None or row.is_entered:
        document = entries.document_of(row)
        seals = list(document.seals) if document else []
        return facts.model_copy(update={"is_entered": True, "entered_seals": seals})
    own = party_seals.own_seal_of(issuer.name, now=now)
    seals_now = {
        "own_key": own.state,
        "own_seal": hub_seal.described(own.seal) if own.seal is not None else None,
        "hub_seal": _hub_certificate(now),
        "stamp": timestamps.state(),
        "stamp_host": urlsplit(settings.TIMESTAMP_URL).hostname or "",
    }
    return facts.model_copy(update=seals_now)


def _hub_certificate(now: datetime) -> SealCertificate | None:
    """Return the hub's certificate; None if it cannot be used, for the order must be readable."""
    try:
        return hub_seal.certificate(now)
    except SealFileError:
        return None
