# SPDX-License-Identifier: Apache-2.0
"""URLs of exchanges with other hubs, and of webhooks."""

from django.urls import path

from stemtide.hub.desk.machines import exchanges, webhooks

urlpatterns = [
    path("exchanges", exchanges.exchanges, name="exchanges"),
    path("exchanges/<slug:name>", exchanges.exchange, name="exchange"),
    path("exchanges/<slug:name>/<slug:verb>", exchanges.act, name="exchange-act"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/<uuid:uid>", webhooks.webhook, name="webhook"),
    path("webhooks/<uuid:uid>/<slug:verb>", webhooks.act, name="webhook-act"),
    path("webhooks/<uuid:uid>/again/<uuid:delivery>", webhooks.again, name="webhook-again"),
]
