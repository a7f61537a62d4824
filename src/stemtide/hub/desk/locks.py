# SPDX-License-Identifier: Apache-2.0
"""The lock on signing in: what counts as a failure of whom, by django-axes.

Failures count for the account and for the network that they come from. A locked account, or
network, is asked for no password and no code; passkeys and organisations open it as before.
"""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from stemtide.hub import networks
from stemtide.hub.parties import writes_locks
from stemtide.hub.parties.rules_people import FAILURES, NETWORK_FAILURES


def network_of_caller(request: HttpRequest) -> str | None:
    """Return the network that failures of a request count for; None where it is not known."""
    if not settings.NETWORKS_ARE_KNOWN:
        return None
    return networks.network_of(str(request.META.get("REMOTE_ADDR", "")))


def is_locked(request: HttpRequest, email: str) -> bool:
    """Whether no password and no code is tried for an address, or from a request's network."""
    return not AxesProxyHandler.is_allowed(request, {"username": email})


class SignInLock(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Failures in the database, counted for the account and for the network."""

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
        **facts: object,
    ) -> None:
        """Count a failure; where it locks the account, have its person told."""
        if request is None or request.axes_locked_out:  # type: ignore[attr-defined]  # axes sets it
            return
        with writes_locks.one_failure():
            super().user_login_failed(sender, credentials, request, **facts)
        account, _ = self.get_user_attempts(request, credentials)
        if _sum(account) >= FAILURES:
            writes_locks.note_lock(
                str(credentials.get("username")),
                now=request.axes_attempt_time,  # type: ignore[attr-defined]  # axes sets it
            )


def _sum(attempts: QuerySet[Any]) -> int:
    """Return how many failures some rows hold."""
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
