# SPDX-License-Identifier: Apache-2.0
"""Orders that were made elsewhere: documents and entries for tests."""

import hashlib
from datetime import datetime

from stemtide.hub.rooms.orders.writes import entries as writes
from stemtide.hub.rooms.parties.models import Party
from stemtide.protocol.messages.documents import SealVerdict, Verification
from stemtide.protocol.messages.orders import EnterIn, OrderDocumentOut, OrderOut
from tests.hub.orders.cast import URL, after
from tests.world import World

OUTSIDE = {"name": "Polizeipräsidium Nord", "state": "DE", "contact": "lage@polizei.example"}


def report(pdf: bytes, *, verdict: str = "unsealed", why: str = "") -> Verification:
    """What was seen of a file, without opening it."""
    return Verification(
        verdict=SealVerdict(verdict),
        sha256=hashlib.sha256(pdf).hexdigest(),
        size_bytes=len(pdf),
        why=why,
    )


def keep(
    world: World,
    party: Party | None = None,
    *,
    pdf: bytes = b"%PDF-1.7 a scan",
    now: datetime | None = None,
    **facts: str,
) -> OrderDocumentOut:
    """Keep a document of the small provider, or of another party."""
    by = world.actor(party or world.small_provider)
    return writes.keep_document(
        pdf, name="order.pdf", report=report(pdf, **facts), by=by, now=now or after(0)
    )


def enter(
    world: World,
    party: Party | None = None,
    *,
    now: datetime | None = None,
    pdf: bytes | None = None,
    role: str | None = None,
    **facts: object,
) -> OrderOut:
    """An order of the Belgian authority from PERCI, received twenty minutes before noon."""
    party = party or world.small_provider
    reference = str(facts.get("reference", "BE/2026/7"))
    document = keep(world, party, pdf=pdf or f"%PDF-1.7 {reference}".encode(), now=now)
    is_provider = party.kind == "provider"
    plain: dict[str, object] = {
        "document": document.id,
        "reference": reference,
        "issuer": "be-crisis-centre" if is_provider and "outside_issuer" not in facts else "",
        "to": "" if is_provider else "small-forum",
        "channel": "perci",
        "issued_at": after(-30),
        "received_at": after(-20),
        "annex": {"urls": [URL]},
    }
    body = EnterIn.model_validate(plain | facts)
    return writes.enter(body, by=world.actor(party, role=role), now=now or after(0))
