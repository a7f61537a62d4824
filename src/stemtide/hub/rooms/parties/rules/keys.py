# SPDX-License-Identifier: Apache-2.0
"""Rules for the API keys that people create for their own party at the desk. Decision 0130."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.protocol.enums import PartyKind, Role, Scope
from stemtide.protocol.key_files import MAX_OVERLAP_HOURS

READING = frozenset({Scope.FEED_READ, Scope.REQUESTS_READ, Scope.METRICS_READ, Scope.PRIVATE_MATCH})
"""Scopes with which a key changes nothing."""

_FINGERPRINT = re.compile("[0-9a-f]{64}")
_MAX_CERTIFICATE = 20_000
_OF_LEADERS = frozenset({Scope.PARTIES_WRITE, Scope.EXERCISES_RUN})
_NOT_OF: dict[PartyKind, frozenset[Scope]] = {
    PartyKind.AGENCY: frozenset(),
    PartyKind.AUTHORITY: frozenset({Scope.PARTIES_WRITE}),
}
"""Scopes that a key of a party of this kind cannot have; of other kinds: _OF_LEADERS."""


def grantable(*, role: Role | None, kind: PartyKind) -> frozenset[Scope]:
    """Return the scopes that a person may give to a key of their party.

    A key acts without a role. A person who may not decide gives no scope that decides: an
    administrator gives those that read, and at a provider that of an agent.
    """
    if role is Role.COORDINATOR:
        return frozenset(Scope) - _NOT_OF.get(kind, _OF_LEADERS)
    return READING | ({Scope.FEEDBACK_WRITE} if kind is PartyKind.PROVIDER else set())


def check_grant(scopes: Iterable[Scope], *, role: Role | None, kind: PartyKind) -> None:
    """Refuse scopes that a person may not give."""
    check_person_may_manage(role)
    refused = sorted(set(scopes) - grantable(role=role, kind=kind))
    if refused:
        raise NotAllowedError(
            "you cannot give the scope {scope}: ask a coordinator of your party", scope=refused[0]
        )


def check_overlap(hours: int) -> timedelta:
    """Return how long a replaced key goes on. raises: InvalidError."""
    if not 0 <= hours <= MAX_OVERLAP_HOURS:
        raise InvalidError(
            "overlap_hours", "must be between 0 and {most} hours", most=MAX_OVERLAP_HOURS
        )
    return timedelta(hours=hours)


def check_replace(
    prefix: str, *, is_valid: bool, replaced_at: datetime | None, replaces: str
) -> None:
    """Refuse to replace a key that has ended, was replaced, or itself replaces a valid key.

    replaces: the prefix of the valid key that it replaces; "" for none. So at most two keys of one
    name are valid at a time.
    """
    if replaced_at is not None:
        raise ConflictError("key {prefix} was already replaced", prefix=prefix)
    if not is_valid:
        raise ConflictError(
            "key {prefix} is no longer valid: create a new key instead", prefix=prefix
        )
    if replaces:
        raise ConflictError(
            "key {prefix} replaces {old}, which is still valid: revoke {old} first, or wait until "
            "it expires",
            prefix=prefix,
            old=replaces,
        )


def replacement_expires_at(
    *, created_at: datetime, expires_at: datetime | None, now: datetime, is_renewed: bool
) -> datetime | None:
    """Return when the replacement of a key expires; None for never.

    is_renewed: it is valid for as long as the old key was; else it ends when the old key would
    have ended, so that a program cannot prolong its own access.
    """
    if expires_at is None or not is_renewed:
        return expires_at
    return now + (expires_at - created_at)


def fingerprint(text: str) -> str:
    """Return the SHA-256 of a client certificate, in hex; "" for none.

    text: a certificate as PEM, or its fingerprint as hex digits, also with colons between them.

    raises: InvalidError.
    """
    digits = text.strip().replace(":", "").lower()
    if not digits or _FINGERPRINT.fullmatch(digits):
        return digits
    try:
        certificate = x509.load_pem_x509_certificate(text.strip()[:_MAX_CERTIFICATE].encode())
    except ValueError as error:
        raise InvalidError(
            "certificate",
            "is neither a certificate (PEM) nor its SHA-256 fingerprint of 64 hex digits",
        ) from error
    return certificate.fingerprint(hashes.SHA256()).hex()
