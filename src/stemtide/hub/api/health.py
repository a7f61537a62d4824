# SPDX-License-Identifier: Apache-2.0
"""Two addresses for those who run the hub: is it well, and how much of what."""

from functools import cache

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from pydantic import BaseModel

from stemtide import __version__
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
from stemtide.protocol.problems import ProblemType, problem
from stemtide.protocol.words import Scope


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
    """Answer 200 while the database answers and its tables are up to date; else 503."""
    try:
        _check_tables()
        return answer(_details() if may_see_details(request) else Alive())
    except (DatabaseError, ImproperlyConfigured):
        detail = "the database is not there or not up to date: start the hub, or migrate it"
        return problems.answer(problem(ProblemType.NOT_READY, detail))
    except Exception as error:  # noqa: BLE001  # ninja, which would do this, is not in between
        return answer_to(request, error)


def may_see_details(request: HttpRequest) -> bool:
    """Whether the caller may see more than that the hub is alive.

    raises: UnknownKeyError, ProblemError where a key is shown that does not open the details:
        whoever watches with a wrong key must hear of it.
    """
    return "Authorization" in request.headers and bool(called(request, Scope.METRICS_READ))


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
