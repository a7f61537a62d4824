# SPDX-License-Identifier: Apache-2.0
"""Rules for the API keys that people create for their own party at the desk. Decision 0130."""

from collections.abc import Iterable

from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_manage
from stemtide.protocol.enums import PartyKind, Role, Scope

READING = frozenset({Scope.FEED_READ, Scope.REQUESTS_READ, Scope.METRICS_READ})
"""Scopes with which a key changes nothing."""


_OF_LEADERS = frozenset({Scope.PARTIES_WRITE, Scope.EXERCISES_RUN})
_NOT_OF: dict[PartyKind, frozenset[Scope]] = {
    PartyKind.AGENCY: frozenset(),
    PartyKind.AUTHORITY: frozenset({Scope.PARTIES_WRITE}),
}
"""Scopes that a key of a party of this kind cannot have; of other kinds: _OF_LEADERS."""


def check_manage_keys(role: Role | None) -> None:
    """Refuse keys to machines, and to roles that do not manage their party's people."""
    check_person_may_manage(role)


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
    check_manage_keys(role)
    refused = sorted(set(scopes) - grantable(role=role, kind=kind))
    if refused:
        raise NotAllowedError(
            "you cannot give the scope {scope}: ask a coordinator of your party", scope=refused[0]
        )
