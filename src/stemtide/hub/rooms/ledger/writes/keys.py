# SPDX-License-Identifier: Apache-2.0
"""Record the fingerprints of the hub's keys: at its first start, and when a key is replaced."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.ledger.models import HubKey
from stemtide.hub.rooms.ledger.reads.keys import recorded_keys
from stemtide.hub.rooms.ledger.rules.keys import HostKey, check_keys, newer_keys
from stemtide.hub.rooms.ledger.writes.ledger import append, lock_ledger


def record_keys(keys: Sequence[HostKey], *, host: str, actor: str, now: datetime) -> None:
    """Record keys that are new, and those that their host has rotated.

    host: the name of the machine that has them. actor: who records them, as the ledger names it.

    raises: OtherKeyError for a key of which neither the newest nor an older one is recorded.
    """
    recorded = recorded_keys()
    check_keys(keys, recorded)
    if not newer_keys(keys, recorded):
        return
    with transaction.atomic():
        lock_ledger()
        recorded = recorded_keys()  # another host may have been first
        check_keys(keys, recorded)
        for key in newer_keys(keys, recorded):
            kind = "hub_key.replaced" if key.name in recorded else "hub_key.recorded"
            _record(key, kind, host=host, actor=actor, now=now)


@transaction.atomic
def accept_key(key: HostKey, *, host: str, actor: str, now: datetime) -> bool:
    """Record a key in place of another that no host has to show; return whether it is new."""
    lock_ledger()
    if not newer_keys([key], recorded_keys()):
        return False
    _record(key, "hub_key.accepted", host=host, actor=actor, now=now)
    return True


def _record(key: HostKey, kind: str, *, host: str, actor: str, now: datetime) -> None:
    """Store a key's fingerprint, and append to the ledger."""
    HubKey.objects.update_or_create(
        name=key.name,
        defaults={
            "fingerprint": key.fingerprints[0],
            "host": host,
            "place": key.place,
            "recorded_at": now,
        },
    )
    append(kind, actor=actor, subject=f"hub_key:{key.name}", now=now)
