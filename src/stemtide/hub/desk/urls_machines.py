# SPDX-License-Identifier: Apache-2.0
"""Addresses of what machines do by themselves: exchanges with other hubs, and webhooks."""

from django.urls import path

from stemtide.hub.desk import exchanges

urlpatterns = [
    path("exchanges", exchanges.exchanges, name="exchanges"),
    path("exchanges/<slug:name>", exchanges.exchange, name="exchange"),
    path("exchanges/<slug:name>/<slug:verb>", exchanges.act, name="exchange-act"),
]
