# SPDX-License-Identifier: Apache-2.0
"""URLs of the interfaces for programs."""

from functools import partial

from django.urls import URLPattern, URLResolver, include, path
from ninja.openapi.views import openapi_json

from stemtide.hub.api import health
from stemtide.hub.api.app import machine
from stemtide.hub.api.compat import schemas
from stemtide.hub.api.compat.taxii import routes
from stemtide.hub.api.v1 import (
    agents,
    alerts,
    allowlists,
    approvals,
    documents,
    dsa,
    exchanges,
    exercises,
    feed,
    log,
    parties,
    progress,
    signing,
    snapshots,
    webhooks,
    yearly,
)
from stemtide.hub.api.v1.crises import (
    adoptions,
    crises,
    leads,
    participants,
    reports,
    response,
    situation,
)
from stemtide.hub.api.v1.officer import records, rights
from stemtide.hub.api.v1.orders import answers, entries, orders, preservation, retention
from stemtide.hub.api.v1.referrals import batches, complaints, holds, rechecks, referrals
from stemtide.hub.api.v1.signals import (
    disputes,
    exports,
    local_features,
    outliers,
    previews,
    private_matching,
    propagation,
    questions,
    runaways,
    search,
    signals,
)

api = machine()
"""The API with all its endpoints."""

for _room in (
    exports,  # before signals: "export" is not a signal's id
    *(signals, disputes, previews, local_features, feed, snapshots, crises, participants),
    adoptions,
    *(response, situation, leads, reports, search, agents, outliers, runaways, alerts),
    *(propagation, questions, private_matching),
    *(parties, signing),
    *(documents, progress, yearly, dsa, rechecks, exchanges, exercises),
    *(referrals, batches, holds),
    *(orders, answers, preservation, entries, retention, rights, records),
    *(complaints, webhooks, allowlists, approvals, log),
):
    api.add_router("", _room.router)

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("stopncii/v1/", include("stemtide.hub.api.compat.stopncii")),
    *routes.urlpatterns,
    *schemas.urlpatterns,
    path("misp/", include("stemtide.hub.api.compat.misp.feed")),
    path("misp/", include("stemtide.hub.api.compat.misp.search")),
    path("misp/", include("stemtide.hub.api.compat.misp.sharing")),
    path("log/", include("stemtide.hub.api.compat.tlog")),
    path("figures/", include("stemtide.hub.api.compat.figures")),
    path("neighbours/", include("stemtide.hub.api.compat.neighbours")),
    path("openapi.json", partial(openapi_json, api=api), name="openapi"),
    path("health", health.health, name="health"),
    path("metrics", health.scrape, name="metrics"),
]
