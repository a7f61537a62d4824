# SPDX-License-Identifier: Apache-2.0
"""Create, replace and revoke API keys. Decisions 0130 and 0198.

1 A replacement has the name and scopes of the key that it replaces. Both are valid for an overlap.
  If the replacement is lost, a person revokes it, and replaces the old key again.
2 The old key expires by itself. The clock then revokes it, so that the ledger has its end as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ApiKey
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor, Caller
from stemtide.hub.rooms.parties.rules import keys as rules
from stemtide.hub.rooms.parties.writes import parties
from stemtide.protocol.enums import Scope


@dataclass(frozen=True, slots=True)
class Replacement:
    """A key that replaces another one. text: the new key.

    old, old_expires_at: the key that goes on, and until when.
    """

    key: ApiKey
    text: str
    old: ApiKey
    old_expires_at: datetime


@needs_no_entry("new_key() records it")
@transaction.atomic
def create_key(
    name: str,
    *,
    scopes: Iterable[Scope],
    expires_at: datetime | None,
    certificate: str = "",
    by: Actor,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Create a key of one's own party. Its text is returned once and never stored.

    certificate: a client certificate (PEM) or its fingerprint that the key needs; "" for none.

    raises: NotAllowedError, InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    chosen = set(scopes)
    rules.check_grant(chosen, role=by.role, kind=by.kind)
    key, text = parties.new_key(
        name,
        party=by.party,
        scopes=chosen,
        expires_at=expires_at,
        certificate=rules.fingerprint(certificate),
        actor=by.ref,
        now=now,
    )
    key.controllers = " ".join(sorted(independence.users_of(by.ref)))
    key.save(update_fields=["controllers"])
    return key, text


@transaction.atomic
def replace_own_key(
    prefix: str, *, overlap_hours: int, certificate: str = "", by: Actor, now: datetime
) -> Replacement:
    """Replace a key of one's own party; whoever may not give its scopes may not replace it.

    certificate: of the new key; "" for that of the old key.

    raises: NotAllowedError, NotFoundError also for keys of others, ConflictError, InvalidError.
    """
    check_person_may_manage(by.role)
    ledger.lock_ledger()
    old = ApiKey.objects.filter(prefix=prefix, party=by.party).select_related("party").first()
    if old is None:
        raise NotFoundError("your party has no key {prefix!r}", prefix=prefix[:20])
    rules.check_grant(map(Scope, old.scopes), role=by.role, kind=by.kind)
    replaced = _replace(
        old, overlap_hours=overlap_hours, certificate=certificate, actor=by.ref, now=now
    )
    users = {*replaced.key.controllers.split(), *independence.users_of(by.ref)}
    replaced.key.controllers = " ".join(sorted(users))
    replaced.key.save(update_fields=["controllers"])
    return replaced


@transaction.atomic
def replace_calling_key(*, overlap_hours: int, by: Caller, now: datetime) -> Replacement:
    """Replace the key of a machine that calls. The new key ends when the old one would have ended.

    raises: ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    old = ApiKey.objects.select_related("party").get(prefix=by.key)
    return _replace(old, overlap_hours=overlap_hours, actor=by.ref, now=now, is_renewed=False)


@transaction.atomic
def replace_key(
    prefix: str, *, overlap_hours: int, certificate: str = "", actor: str, now: datetime
) -> Replacement:
    """Replace a key of any party, as the operator.

    raises: NotFoundError, ConflictError, InvalidError.
    """
    ledger.lock_ledger()
    old = ApiKey.objects.filter(prefix=prefix).select_related("party").first()
    if old is None:
        raise NotFoundError(
            "there is no key {prefix!r}: the prefix is the part after st_", prefix=prefix[:20]
        )
    return _replace(old, overlap_hours=overlap_hours, certificate=certificate, actor=actor, now=now)


def _replace(
    old: ApiKey,
    *,
    overlap_hours: int,
    actor: str,
    now: datetime,
    certificate: str = "",
    is_renewed: bool = True,
) -> Replacement:
    """Replace a key. is_renewed: as of replacement_expires_at(). The caller holds the lock.

    raises: ConflictError, InvalidError.
    """
    overlap = rules.check_overlap(overlap_hours)
    before = _valid(ApiKey.objects.filter(replacements=old), now=now).first()
    lost = _revoked_replacement(old) if is_renewed else None
    rules.check_replace(
        old.prefix,
        is_valid=_valid(ApiKey.objects.filter(pk=old.pk), now=now).exists(),
        replaced_at=None if lost else old.replaced_at,
        replaces=before.prefix if before else "",
    )
    expires_at = _replacement_expires_at(old, lost=lost, now=now, is_renewed=is_renewed)
    until = min(filter(None, (old.expires_at, now + overlap)))
    old.replaced_at, old.expires_at = now, until
    old.save(update_fields=["replaced_at", "expires_at"])
    key, text = parties.new_key(
        old.name,
        party=old.party,
        scopes=old.scopes,
        expires_at=expires_at,
        certificate=rules.fingerprint(certificate) or old.certificate_sha256,
        actor=actor,
        now=now,
        replaces=old,
    )
    key.controllers = old.controllers
    key.save(update_fields=["controllers"])
    detail: dict[str, object] = {
        "party": old.party.ref,
        "by": key.ref,
        "until": until.isoformat(),
    }
    ledger.append(
        "key.replaced",
        actor=actor,
        subject=old.ref,
        now=now,
        detail=detail,
        exercise=old.party.exercise,
    )
    return Replacement(key, text, old, until)


@needs_no_entry("revoke_key() records it")
@transaction.atomic
def revoke_own_key(prefix: str, *, by: Actor, now: datetime, with_related: bool = False) -> ApiKey:
    """Revoke a key of one's own party, effective at once.

    with_related: also the key that it replaces and the key that replaces it.

    raises: NotAllowedError, NotFoundError also for keys of others, ConflictError.
    """
    check_person_may_manage(by.role)
    ledger.lock_ledger()
    if not ApiKey.objects.filter(prefix=prefix, party=by.party).exists():
        raise NotFoundError("your party has no key {prefix!r}", prefix=prefix[:20])
    revoke = revoke_with_related if with_related else parties.revoke_key
    return revoke(prefix, actor=by.ref, now=now)


@needs_no_entry("revoke_key() records it")
@transaction.atomic
def revoke_with_related(prefix: str, *, actor: str, now: datetime) -> ApiKey:
    """Revoke a key with the key that it replaces and the key that replaces it, if still valid.

    raises: NotFoundError, ConflictError if the key itself was revoked.
    """
    key = parties.revoke_key(prefix, actor=actor, now=now)
    related = Q(replacements=key) | Q(replaces=key)
    for row in ApiKey.objects.filter(related, revoked_at=None):
        parties.revoke_key(row.prefix, actor=actor, now=now)
    return key


@needs_no_entry("revoke_key() records it")
@transaction.atomic
def end_replaced(now: datetime) -> int:
    """Revoke replaced keys whose overlap has ended; return how many. Nothing works with them."""
    due = ApiKey.objects.filter(replaced_at__isnull=False, revoked_at=None, expires_at__lte=now)
    if not due.exists():
        return 0
    ledger.lock_ledger()
    prefixes = list(due.values_list("prefix", flat=True))
    for prefix in prefixes:
        parties.revoke_key(prefix, actor=CLOCK, now=now)
    return len(prefixes)


def _replacement_expires_at(
    old: ApiKey, *, lost: ApiKey | None, now: datetime, is_renewed: bool
) -> datetime | None:
    """Return when the replacement of a key expires; None for never.

    lost: an earlier replacement, which had the full term: that of the old key was cut short.
    """
    if lost is not None:
        return lost.expires_at
    return rules.replacement_expires_at(
        created_at=old.created_at, expires_at=old.expires_at, now=now, is_renewed=is_renewed
    )


def _revoked_replacement(key: ApiKey) -> ApiKey | None:
    """Return the last replacement of a key if all of them were revoked, as one that got lost is."""
    latest = ApiKey.objects.filter(replaces=key).order_by("-pk").first()
    return latest if latest is not None and latest.revoked_at is not None else None


def _valid(keys: QuerySet[ApiKey], *, now: datetime) -> QuerySet[ApiKey]:
    """Return those of some keys that are neither revoked nor expired."""
    return keys.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
