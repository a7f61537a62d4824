# SPDX-License-Identifier: Apache-2.0
"""Record that the hub was backed up, or restored from a backup."""

from datetime import datetime

from django.db import transaction

from stemtide.hub.rooms.ledger.writes.ledger import append, lock_ledger


@transaction.atomic
def record_backup(name: str, *, is_encrypted: bool, actor: str, now: datetime) -> None:
    """Record a complete backup, by its name."""
    lock_ledger()
    detail: dict[str, object] = {"encrypted": is_encrypted}
    append("backup.created", actor=actor, subject=f"backup:{name}", now=now, detail=detail)


@transaction.atomic
def record_restore(name: str, *, repeated: int, actor: str, now: datetime) -> None:
    """Record that the hub was restored from a backup. repeated: erasures done again."""
    lock_ledger()
    detail: dict[str, object] = {"repeated": repeated}
    append("backup.restored", actor=actor, subject=f"backup:{name}", now=now, detail=detail)
