# SPDX-License-Identifier: Apache-2.0
"""Health check and metrics endpoints for operators."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from stemtide import __version__
from stemtide.client.connection import is_loopback
from stemtide.hub.api import metrics, problems
from stemtide.hub.api.app import answer_to
from stemtide.hub.api.auth import authenticate_request, now
from stemtide.hub.api.bodies import answer
from stemtide.hub.first_tables import waiting_migrations
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.seal_files import SealFileError
from stemtide.hub.platform.postgresql.replica import reading
from stemtide.hub.platform.postgresql.standbys import Standby, connected_standbys
from stemtide.hub.public_certificate import watch
from stemtide.hub.rooms.alerts.reads import alerts, deliveries
from stemtide.hub.rooms.exchanges.reads import exchanges
from stemtide.hub.rooms.ledger.reads import backups, ledger
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.reads import signals
from stemtide.hub.rooms.signals.reads.times import last_position
from stemtide.hub.rooms.transparency.reads import log
from stemtide.hub.rooms.webhooks.reads import events
from stemtide.hub.vitals import Trouble, vitals
from stemtide.protocol.enums import Scope
from stemtide.protocol.problems import ProblemType, problem

_DAY = timedelta(days=1)
_PROXY_HEADERS = (
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"),
)


class Alive(BaseModel):
    """Public health response, without anything that changes with the hub's activity."""

    status: str = "ok"


class Health(Alive):
    """Details of a healthy hub. hub: its id; entries, positions: highest numbers assigned."""

    version: str
    hub: str
    entries: int
    positions: int


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Respond 200 while disk and database work and migrations are complete; else 503."""
    try:
        _check_tables()
        shows_details = may_see_details(request)
        if troubles := vitals.troubles():
            return _failing(troubles if shows_details else ())
        return answer(_details() if shows_details else Alive())
    except (DatabaseError, ImproperlyConfigured):
        if is_local(request) and (troubles := vitals.troubles()):
            return _failing(troubles)
        detail = "the database is not there or not up to date: start the hub, or migrate it"
        return problems.answer(problem(ProblemType.NOT_READY, detail))
    except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
        return answer_to(request, error)


def may_see_details(request: HttpRequest) -> bool:
    """Whether the caller may see details: with a key, or from the hub's own machine.

    raises: UnknownKeyError, ProblemError if a key is sent that does not allow it: monitoring with a
        wrong key should fail visibly.
    """
    if "Authorization" in request.headers:
        return bool(authenticate_request(request, Scope.METRICS_READ))
    return is_local(request)


def is_local(request: HttpRequest) -> bool:
    """Whether the request comes from the hub's own machine, by loopback and without a proxy.

    A proxy passes on the host name of its client, or names the client in a header.
    """
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    return is_loopback(host) and is_loopback(request.META.get("REMOTE_ADDR", ""))


def _failing(troubles: Iterable[Trouble]) -> HttpResponse:
    """Return a 503 response, with the reasons if the caller may see them."""
    reasons = "; ".join(trouble.text for trouble in troubles)
    detail = reasons or "the hub cannot do its work now: ask with a key that has metrics:read"
    return problems.answer(problem(ProblemType.NOT_READY, detail))


def _details() -> Health:
    """Return the details."""
    heads = ledger.heads()
    return Health(
        version=__version__,
        hub=str(heads.hub),
        entries=heads.entries,
        positions=heads.positions,
    )


@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """Return metrics in Prometheus' text format, limited to the rights of the key's party."""
    try:
        caller = authenticate_request(request, Scope.METRICS_READ)
        troubles, operation = vitals.troubles(), _operation_facts(now())
        with reading():
            text = metrics.text(
                signals.totals(viewer=caller.party),
                agents=parties.agents(viewer=caller.party, now=now(), head=last_position()),
                alerts=alerts.counts(viewer=caller.party),
                deliveries=deliveries.counts(viewer=caller.party),
                exchanges=exchanges.states(viewer=caller.party),
                troubles=troubles,
                log_leaves=_log_leaves(),
                free_bytes=_free_bytes(),
                operation=operation,
            )
    except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
        return answer_to(request, error)
    return HttpResponse(text, content_type=metrics.MEDIA_TYPE)


def _log_leaves() -> int:
    """Return how many entries of the ledger are in the transparency log."""
    facts = log.facts()
    return max(0, facts.size - 1) if facts else 0  # leaf 0 is no entry


def _free_bytes() -> int | None:
    """Return the free space of the data folder; None if it cannot be read."""
    try:
        return shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return None


def _operation_facts(now: datetime) -> metrics.OperationFacts:
    """Return the facts. raises: django.db.Error."""
    backup = backups.last_backup()
    return metrics.OperationFacts(
        oldest_waiting_s={
            "alerts": _overdue_s(deliveries.oldest_due(), now=now),
            "webhooks": _overdue_s(events.oldest_due(), now=now),
        },
        certificate_days=_certificate_days(now),
        backup_age_s=(now - backup.at).total_seconds() if backup else None,
        clock_offset_s=_clock_offset_s(),
        tls_days=watch.days_left(settings.HUB_ADDRESS, now=now),
        standbys=_standby_facts(),
    )


def _overdue_s(due: datetime | None, *, now: datetime) -> float:
    """Return how long ago something was due, in seconds; 0 if it is not yet."""
    return max(0.0, (now - due).total_seconds()) if due else 0.0


def _certificate_days(now: datetime) -> dict[str, float]:
    """Return the days until the hub's seal expires; nothing if it cannot be read."""
    try:
        return {"hub": (hub_seal.certificate(now).valid_until - now) / _DAY}
    except SealFileError:
        return {}


def _clock_offset_s() -> float | None:
    """Return this machine's clock minus that of the database server, half of the way counted.

    None for SQLite, which has no clock of its own.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
        after = datetime.now(UTC)
    offset: timedelta = before + (after - before) / 2 - theirs
    return offset.total_seconds()


def _standby_facts() -> metrics.StandbyFacts | None:
    """Return how the standbys are; None if none are expected."""
    if connection.vendor != "postgresql" or not settings.STANDBYS:
        return None
    return facts_of_standbys(connected_standbys())


def facts_of_standbys(standbys: Sequence[Standby]) -> metrics.StandbyFacts | None:
    """Return how standbys are; None if the hub's user may not see it: nobody is paged for that."""
    if any(standby.state is None for standby in standbys):
        return None
    following = [standby for standby in standbys if standby.is_following]
    return metrics.StandbyFacts(
        expected=settings.STANDBYS,
        following=len(following),
        lag_bytes=max((standby.lag_bytes or 0 for standby in following), default=0),
        lag_s=max((standby.lag_s for standby in following), default=0.0),
    )


@cache  # tables that were up to date once stay so while this code runs
def _check_tables() -> None:
    """Refuse a database that lacks migrations.

    raises: ImproperlyConfigured, django.db.DatabaseError.
    """
    if waiting_migrations(connection):
        raise ImproperlyConfigured("the database lacks tables")
