# SPDX-License-Identifier: Apache-2.0
"""URLs of the interfaces for programs."""

from functools import partial

from django.urls import URLPattern, URLResolver, include, path
from ninja.openapi.views import openapi_json

from stemtide.hub.api import (
    agents,
    alerts,
    batches,
    complaints,
    crises,
    documents,
    exchanges,
    exports,
    feed,
    health,
    holds,
    leads,
    order_answers,
    orders,
    outliers,
    participants,
    previews,
    progress,
    rechecks,
    referrals,
    reports,
    schemas,
    search,
    signals,
    situation,
    snapshots,
    taxii,
    webhooks,
    yearly,
)
from stemtide.hub.api.machine import machine

api = machine()
"""The API with all its endpoints."""

for _room in (
    exports,  # before signals: "export" is not a signal's id
    *(signals, previews, feed, snapshots, crises, participants),
    *(situation, leads, reports, search, agents, outliers, alerts),
    *(documents, progress, yearly, rechecks, exchanges),
    *(referrals, batches, holds),
    *(orders, order_answers),
    *(complaints, webhooks),
):
    api.add_router("", _room.router)

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("stopncii/v1/", include("stemtide.hub.api.stopncii")),
    *taxii.urlpatterns,
    *schemas.urlpatterns,
    path("misp/", include("stemtide.hub.api.misp")),
    path("misp/", include("stemtide.hub.api.misp_rest")),
    path("misp/", include("stemtide.hub.api.misp_sharing")),
    path("openapi.json", partial(openapi_json, api=api), name="openapi"),
    path("health", health.health, name="health"),
    path("metrics", health.scrape, name="metrics"),
]
