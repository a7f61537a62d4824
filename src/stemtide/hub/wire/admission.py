# SPDX-License-Identifier: Apache-2.0
"""Which requests the wire may answer: the checks of Django's way, from memory.

A request is admitted if it would pass each of them; every other goes to Django, which says what is
wrong. So refusals are made in one place.

1 Headers: nothing that changes what Django answers, such as a cookie.
2 Host: one of the allowed ones.
3 Key: known, not revoked, not expired, of a party that is not suspended; with the client
  certificate that it needs, if any.
4 Scope: the one that the endpoint needs.
5 Rate: counted for the key and its party, once the answer is ready.
"""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest

from stemtide.hub.api import rate_limits
from stemtide.hub.api.asgi import Scope as AsgiScope
from stemtide.hub.api.client_certificates import certificate_in
from stemtide.hub.platform.rate_windows import RatePolicy, headers, windows
from stemtide.hub.rooms.ledger.reads import hub_settings
from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.wire.memory import memory
from stemtide.protocol.enums import Scope

_SINGLE = frozenset(
    {b"authorization", b"host", b"content-length", b"content-type", b"last-event-id"}
)
_TO_DJANGO = frozenset(
    {
        *(b"cookie", b"transfer-encoding", b"content-encoding", b"range", b"expect"),
        *(b"x-http-method-override", b"x-functions-key"),
    }
)
_BEARER = "Bearer "
_MAX_HOSTS = 100

_hosts: set[str] = set()


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that passed the checks. fields: its headers that are not repeated."""

    caller: Caller
    token: str
    fields: Mapping[bytes, str]


def admit(scope: AsgiScope, needed: Scope) -> Admitted | None:
    """Return a request whose caller may use an endpoint; None if Django must look at it.

    The caller of this function has made sure that the memory is current.
    """
    fields = _fields(scope)
    if fields is None or not _is_host_allowed(scope, fields):
        return None
    authorization = fields.get(b"authorization", "")
    if not authorization.startswith(_BEARER):
        return None
    token = authorization[len(_BEARER) :]
    caller = memory.caller(token)
    if caller is None or caller.party.is_suspended or needed not in caller.scopes:
        return None
    if caller.certificate and caller.certificate != certificate_in(scope):
        return None
    return Admitted(caller, token, fields)


def count(
    admitted: Admitted, policy_name: str, *, scope: AsgiScope | None = None
) -> dict[str, str] | None:
    """Count a request; return its rate limit headers. None if there were too many: ask Django.

    scope: of a request that may still go to Django, which then does not count it again.
    """
    quota = hub_settings.last_value(f"rate_{policy_name}")
    if quota is None:
        return {}
    now = time.monotonic()
    caller = admitted.caller
    policy = RatePolicy(policy_name, quota)
    states = windows.take_with_party(policy, who=caller.key, party=caller.party.pk, now=now)
    if states[0].is_over:
        return None
    if scope is not None:
        scope[rate_limits.COUNTED] = states
    return headers(states, now=now)


def _fields(scope: AsgiScope) -> dict[bytes, str] | None:
    """Return the headers by name; None if one is repeated or is for Django."""
    fields: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _TO_DJANGO or (name in fields and name in _SINGLE):
            return None
        fields[name] = value.decode("latin-1")
    return fields


def _is_host_allowed(scope: AsgiScope, fields: Mapping[bytes, str]) -> bool:
    """Whether the request names an allowed host. Hosts that Django allowed are remembered."""
    host = fields.get(b"host", "")
    if host in _hosts:
        return True
    try:
        ASGIRequest(scope, io.BytesIO()).get_host()
    except DisallowedHost:
        return False
    if len(_hosts) < _MAX_HOSTS:
        _hosts.add(host)
    return True
