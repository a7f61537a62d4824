# SPDX-License-Identifier: Apache-2.0
"""Create and revoke API keys of one's own party. Decision 0130."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ApiKey
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import keys as rules
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Scope


@needs_no_entry("new_key() records it")
@transaction.atomic
def create_key(
    name: str, *, scopes: Iterable[Scope], expires_at: datetime | None, by: Actor, now: datetime
) -> tuple[ApiKey, str]:
    """Create a key of one's own party. Its text is returned once and never stored.

    raises: NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    chosen = set(scopes)
    rules.check_grant(chosen, role=by.role, kind=by.kind)
    key, text = parties.new_key(
        name, party=by.party, scopes=chosen, expires_at=expires_at, actor=by.ref, now=now
    )
    key.controllers = " ".join(sorted(independence.users_of(by.ref)))
    key.save(update_fields=["controllers"])
    return key, text


@needs_no_entry("revoke_key() records it")
@transaction.atomic
def revoke_own_key(prefix: str, *, by: Actor, now: datetime) -> ApiKey:
    """Revoke a key of one's own party, effective at once.

    raises: NotAllowedError, NotFoundError also for keys of others, ConflictError.
    """
    rules.check_manage_keys(by.role)
    ledger.lock_ledger()
    if not ApiKey.objects.filter(prefix=prefix, party=by.party).exists():
        raise NotFoundError("your party has no key {prefix!r}", prefix=prefix[:20])
    return parties.revoke_key(prefix, actor=by.ref, now=now)
