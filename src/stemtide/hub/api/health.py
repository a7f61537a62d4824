# SPDX-License-Identifier: Apache-2.0
"""Two addresses for those who run the hub: is it well, and how much of what."""

from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from stemtide import __version__
from stemtide.client.line import is_loopback
from stemtide.hub.alerts import reads as alerts, reads_deliveries as deliveries
from stemtide.hub.api import metrics, problems
from stemtide.hub.api.bodies import answer
from stemtide.hub.api.callers import called, now
from stemtide.hub.api.machine import answer_to
from stemtide.hub.exchanges import reads as exchanges
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties import reads as parties
from stemtide.hub.signals import reads as signals
from stemtide.hub.signals.reads_times import last_position
from stemtide.hub.vitals import Trouble, vitals
from stemtide.protocol.problems import ProblemType, problem
from stemtide.protocol.words import Scope

_PROXY_HEADERS = (
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"),
)


class Alive(BaseModel):
    """What everybody hears: nothing that moves with what the hub does."""

    status: str = "ok"


class Health(Alive):
    """Details of a healthy hub. hub: its id; entries, positions: the highest numbers given out."""

    version: str
    hub: str
    entries: int
    positions: int


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 200 while disk and database work and the tables are up to date; else 503."""
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
    """Whether the caller may see more than that the hub is alive: with a key, or on its machine.

    raises: UnknownKeyError, ProblemError where a key is shown that does not open the details:
        whoever watches with a wrong key must hear of it.
    """
    if "Authorization" in request.headers:
        return bool(called(request, Scope.METRICS_READ))
    return is_local(request)


def is_local(request: HttpRequest) -> bool:
    """Whether somebody on the hub's machine asks by its loopback address, and no proxy for others.

    A proxy hands on the name that its caller asked for, or says for whom it asks.
    """
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    return is_loopback(host) and is_loopback(request.META.get("REMOTE_ADDR", ""))


def _failing(troubles: Iterable[Trouble]) -> HttpResponse:
    """Say that the hub cannot do its work, and why where the caller may know."""
    known = "; ".join(trouble.text for trouble in troubles)
    detail = known or "the hub cannot do its work now: ask with a key that has metrics:read"
    return problems.answer(problem(ProblemType.NOT_READY, detail))


def _details() -> Health:
    """Collect the details."""
    heads = ledger.heads()
    return Health(
        version=__version__,
        hub=str(heads.hub),
        entries=heads.entries,
        positions=heads.positions,
    )


@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """Prometheus' text, for a key with metrics:read; counts only what its party may see."""
    try:
        found = called(request, Scope.METRICS_READ)
        text = metrics.text(
            signals.totals(viewer=found.party),
            agents=parties.agents(viewer=found.party, now=now(), head=last_position(by="api")),
            alerts=alerts.counts(viewer=found.party),
            deliveries=deliveries.counts(viewer=found.party),
            exchanges=exchanges.states(viewer=found.party),
            troubles=vitals.troubles(),
        )
    except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
        return answer_to(request, error)
    return HttpResponse(text, content_type=metrics.MEDIA_TYPE)


@cache  # tables that were up to date once stay so while this code runs
def _check_tables() -> None:
    """Refuse a database that lacks migrations.

    raises: ImproperlyConfigured, django.db.DatabaseError.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise ImproperlyConfigured("the database lacks tables")
