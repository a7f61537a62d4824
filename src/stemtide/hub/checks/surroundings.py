# SPDX-License-Identifier: Apache-2.0
"""Check the connections of the hub: public address, proxy, mail."""

import smtplib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import get_connection
from django.http.request import validate_host

from stemtide.client.connection import is_loopback
from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.public_certificate import certificate_end
from stemtide.hub.rooms.crises.known_neighbours import NeighboursFileError, known_neighbours
from stemtide.hub.rooms.signals.refused_values import RefusedValuesError, read_refused_values

_TIMEOUT_S = 10
_OFF_S = 5.0
_RENEW_WITHIN = timedelta(days=14)
_WELL, _ILL = 200, 503


def address() -> Iterator[CheckResult]:
    """Check that settings of the public address agree with each other."""
    if not settings.HUB_ADDRESS:
        text = "STEMTIDE_ADDRESS is not set, so alerts have no links"
        yield CheckResult("address", Level.WARN, text, "set it to the public https:// address")
        return
    flaws = list(_address_flaws())
    for text, remedy in flaws:
        yield CheckResult("address", Level.FAIL, text, remedy)
    if not flaws:
        yield CheckResult("address", Level.OK, settings.HUB_ADDRESS)


def _address_flaws() -> Iterator[tuple[str, str]]:
    """Yield the flaws of the public address, with their remedies."""
    parts = urlsplit(settings.HUB_ADDRESS)
    host = parts.hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield f"STEMTIDE_ALLOWED_HOSTS lacks {host}", f"add {host} to it"
    if "*" in settings.ALLOWED_HOSTS:
        yield "STEMTIDE_ALLOWED_HOSTS allows every host", "name the hub's own hosts"
    if is_loopback(host):
        return
    if parts.scheme != "https":
        yield "STEMTIDE_ADDRESS is not https://", "put a TLS proxy in front of the hub"
    if not settings.SESSION_COOKIE_SECURE:
        yield "STEMTIDE_HTTPS is off, so cookies also go over plain HTTP", "set STEMTIDE_HTTPS=1"
    elif not settings.TRUSTED_PROXIES:
        yield (
            "STEMTIDE_TRUSTED_PROXIES names no proxy, so all callers seem to have its address",
            "name the proxy's address",
        )


def proxy(now: Callable[[], datetime]) -> Iterator[CheckResult]:
    """Request the hub at its public address, as others do."""
    if not settings.HUB_ADDRESS:
        return
    try:
        expires_at = certificate_end(settings.HUB_ADDRESS)
        response = httpx.get(f"{settings.HUB_ADDRESS}/health", timeout=_TIMEOUT_S, trust_env=False)
    except (OSError, httpx.HTTPError, ValueError) as error:
        reason = " ".join(str(error).split())
        text = f"{settings.HUB_ADDRESS} does not answer from here: {reason}"
        remedy = "start the hub and its proxy; check DNS, firewall and certificate"
        yield CheckResult("proxy", Level.FAIL, text, remedy)
        return
    flaws = list(
        proxy_flaws(response.status_code, response.headers, expires_at=expires_at, now=now())
    )
    yield from flaws
    if not flaws:
        yield CheckResult("proxy", Level.OK, "the hub answers at its public address")


def proxy_flaws(
    status: int, headers: Mapping[str, str], *, expires_at: datetime | None, now: datetime
) -> Iterator[CheckResult]:
    """Yield the flaws that a response at the public address shows.

    expires_at: of the TLS certificate; None over plain HTTP.
    """
    if status not in {_WELL, _ILL}:
        text = f"the public address answers {status} to /health"
        remedy = "let the proxy pass on every path, and the Host header as it came"
        yield CheckResult("proxy", Level.FAIL, text, remedy)
    elif expires_at is not None and "strict-transport-security" not in headers:
        text = "the hub takes requests over TLS for plain HTTP"
        remedy = "let the proxy set X-Forwarded-Proto, and set STEMTIDE_HTTPS=1"
        yield CheckResult("proxy", Level.FAIL, text, remedy)
    if expires_at is not None and expires_at < now + _RENEW_WITHIN:
        text = f"the TLS certificate expires on {expires_at:%Y-%m-%d}"
        yield CheckResult("proxy", Level.WARN, text, "renew it; let the proxy renew it by itself")
    try:
        off_s = abs((parsedate_to_datetime(headers.get("date", "")) - now).total_seconds())
    except ValueError:
        return
    if off_s > _OFF_S:
        text = f"the proxy's clock differs from this machine's by {off_s:.0f} s"
        yield CheckResult("clock", Level.WARN, text, "run NTP on both")


def mail() -> Iterator[CheckResult]:
    """Sign in at the mail server; nothing is sent."""
    if not settings.EMAIL_HOST:
        text = "STEMTIDE_MAIL_URL is not set, so the hub sends no mail"
        yield CheckResult("mail", Level.WARN, text, "set it, or let every party use webhooks")
        return
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    smtp = get_connection("django.core.mail.backends.smtp.EmailBackend", timeout=_TIMEOUT_S)
    try:
        smtp.open()
        smtp.close()
    except (smtplib.SMTPException, OSError) as error:
        reason = " ".join(str(error).split())
        text = f"{server} cannot be used: {reason}"
        yield CheckResult("mail", Level.FAIL, text, "correct STEMTIDE_MAIL_URL")
        return
    if settings.DEFAULT_FROM_EMAIL.endswith("@localhost"):
        text = f"mail comes from {settings.DEFAULT_FROM_EMAIL}, which other servers refuse"
        yield CheckResult("mail", Level.WARN, text, "set STEMTIDE_MAIL_FROM")
    else:
        yield CheckResult("mail", Level.OK, f"{server} lets the hub send")


def switches() -> Iterator[CheckResult]:
    """Warn of settings that are for demos and tests only."""
    loopback = {
        "STEMTIDE_WEBHOOK_LOOPBACK": settings.WEBHOOK_LOOPBACK,
        "STEMTIDE_EXCHANGE_LOOPBACK": settings.EXCHANGE_LOOPBACK,
        "STEMTIDE_RECHECK_LOOPBACK": settings.RECHECK_LOOPBACK,
        "STEMTIDE_TIMESTAMP_LOOPBACK": settings.TIMESTAMP_LOOPBACK,
    }
    risky = [name for name, is_on in loopback.items() if is_on]
    if not settings.SECOND_FACTOR_REQUIRED:
        risky.append("STEMTIDE_SECOND_FACTOR=offered")
    for name in risky:
        text = f"{name} is for demos and tests"
        yield CheckResult("switches", Level.WARN, text, "unset it where people rely on the hub")
    if not risky:
        yield CheckResult("switches", Level.OK, "nothing for demos and tests is on")


def refused_list() -> Iterator[CheckResult]:
    """Check that the list of refused values can be read; show only how many it holds."""
    if not settings.REFUSED_VALUES_FILE:
        return
    try:
        count = len(read_refused_values(Path(settings.REFUSED_VALUES_FILE)))
    except RefusedValuesError as error:
        remedy = "correct it: until then the values of before are refused"
        yield CheckResult("refused values", Level.FAIL, str(error), remedy)
        return
    if count:
        yield CheckResult("refused values", Level.OK, f"{count:,} values are refused")
        return
    text = f"{settings.REFUSED_VALUES_FILE} holds no value"
    remedy = (
        "write the values: until then a running hub refuses those of before; to refuse none, unset"
        " STEMTIDE_REFUSED_VALUES_FILE and restart it"
    )
    yield CheckResult("refused values", Level.FAIL, text, remedy)


def neighbours() -> Iterator[CheckResult]:
    """Check that the file of neighbours can be used; show how many it names."""
    if not settings.NEIGHBOURS_FILE:
        return
    try:
        count = len(known_neighbours())
    except NeighboursFileError as error:
        remedy = "correct it: until then the hub accepts no message of a neighbour, and sends none"
        yield CheckResult("neighbours", Level.FAIL, str(error), remedy)
    else:
        yield CheckResult("neighbours", Level.OK, f"{count:,} exchange activations with this hub")
