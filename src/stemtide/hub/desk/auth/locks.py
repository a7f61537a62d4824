# SPDX-License-Identifier: Apache-2.0
"""The sign-in lock, by django-axes: counts failures by account and by network.

A locked account or network may try no password and no code; passkeys and sign-in through an
organisation still work.
"""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from stemtide.hub.platform import networks
from stemtide.hub.rooms.parties.rules.people import FAILURES, NETWORK_FAILURES
from stemtide.hub.rooms.parties.writes import locks


def network_of_caller(request: HttpRequest) -> str | None:
    """Return the network that a request's failures count for; None if it is not known."""
    if not settings.NETWORKS_ARE_KNOWN:
        return None
    return networks.network_of(str(request.META.get("REMOTE_ADDR", "")))


def is_locked(request: HttpRequest, email: str) -> bool:
    """Whether the account, or the request's network, may not try passwords and codes."""
    return not AxesProxyHandler.is_allowed(request, {"username": email})


class SignInLock(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Sign-in failures in the database, counted by account and by network."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of the account, or of the network scaled to the account's limit."""
        account, network = self.get_user_attempts(request, credentials)
        of_network = _sum(network) if request.axes_ip_address else 0  # type: ignore[attr-defined]  # axes sets it
        return max(_sum(account), of_network * FAILURES // NETWORK_FAILURES)

    def user_login_failed(
        self,
        sender: object,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **extra: object,
    ) -> None:
        """Count a failure; if it locks the account, alert its person."""
        if request is None or request.axes_locked_out:  # type: ignore[attr-defined]  # axes sets it
            return
        with locks.one_failure():
            super().user_login_failed(sender, credentials, request, **extra)
        account, _ = self.get_user_attempts(request, credentials)
        if _sum(account) >= FAILURES:
            locks.note_lock(
                str(credentials.get("username")),
                now=request.axes_attempt_time,  # type: ignore[attr-defined]  # axes sets it
            )


def _sum(attempts: QuerySet[Any]) -> int:
    """Return the number of failures in some rows."""
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
