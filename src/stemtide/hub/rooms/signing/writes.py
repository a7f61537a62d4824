# SPDX-License-Identifier: Apache-2.0
"""Write the keys with which parties sign signals: add, replace and revoke them.

Each act is an entry of the ledger with the whole key, and so a leaf of the transparency log: a hub
that gives a party another key has to write that down, too.
"""

from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import check_may_manage_signing_keys
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signing import reads, rules
from stemtide.hub.rooms.signing.models import SigningKey
from stemtide.protocol.signing.messages import KeyEnd, SigningKeyIn, SigningKeyOut


@transaction.atomic
def add_key(body: SigningKeyIn, *, by: Actor, now: datetime) -> SigningKeyOut:
    """Add a key of one's own party, in place of another one if it says so.

    raises: NotAllowedError, InvalidError, ConflictError, NotFoundError.
    """
    check_may_manage_signing_keys(by.role)
    ledger.lock_ledger()
    key = rules.read_key(body.key, party=by.name, kind=by.kind)
    detail: dict[str, object] = {"key": str(key)}
    if body.replaces is not None:
        old = _find(body.replaces, by=by)
        _end(old, KeyEnd.REPLACED, now=now)
        detail["replaces"] = old.text
    is_known = SigningKey.objects.filter(text=str(key)).exists()
    rules.check_add(key, is_known=is_known, valid=reads.valid_rows(by=by.party).count())
    row = SigningKey.objects.create(party=by.party, text=str(key), added_at=now)
    ledger.append_by(
        "signing_key.added",
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=by.party.exercise,
    )
    return reads.describe(row)


@transaction.atomic
def revoke_key(text: str, *, by: Actor, now: datetime) -> SigningKeyOut:
    """Revoke a key of one's own party. raises: NotAllowedError, NotFoundError."""
    check_may_manage_signing_keys(by.role)
    ledger.lock_ledger()
    row = _find(text, by=by)
    _end(row, KeyEnd.REVOKED, now=now)
    ledger.append_by(
        "signing_key.revoked",
        by=by,
        subject=row.ref,
        now=now,
        detail={"key": row.text},
        exercise=by.party.exercise,
    )
    return reads.describe(row)


def _find(text: str, *, by: Actor) -> SigningKey:
    """Return a valid key of one's own party. raises: NotFoundError."""
    row = reads.valid_rows(by=by.party).select_related("party").filter(text=text).first()
    if row is None:
        raise NotFoundError("your party has no valid signing key {key!r}", key=text[:140])
    return row


def _end(row: SigningKey, end: KeyEnd, *, now: datetime) -> None:
    """End a key."""
    row.end, row.ended_at = end, now
    row.save(update_fields=["end", "ended_at"])
