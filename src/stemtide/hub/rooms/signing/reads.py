# SPDX-License-Identifier: Apache-2.0
"""Read the keys with which parties sign signals: they are public to all members."""

from django.db.models import QuerySet

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signing.models import SigningKey
from stemtide.protocol.signing.messages import KeyEnd, SigningKeyOut
from stemtide.protocol.signing.signatures import SignerKey


@needs_no_viewer("all members read the keys of all, to compare them")
def describe_all() -> list[SigningKeyOut]:
    """Return all keys, by party and time, those that ended included."""
    rows = SigningKey.objects.select_related("party").order_by("party__name", "added_at", "pk")
    return [describe(row) for row in rows]


def describe(row: SigningKey) -> SigningKeyOut:
    """Return a key in its wire format."""
    return SigningKeyOut(
        party=row.party.name,
        key=row.text,
        added_at=row.added_at,
        ended_at=row.ended_at,
        end=KeyEnd(row.end) if row.end else None,
    )


def valid_rows(*, by: Party) -> QuerySet[SigningKey]:
    """Return the rows of a party's valid keys, for writes."""
    return SigningKey.objects.filter(party=by, ended_at=None)


def valid_keys(*, by: Party) -> list[SignerKey]:
    """Return the keys with which a party may sign now."""
    return [SignerKey.read(text) for text in valid_rows(by=by).values_list("text", flat=True)]
