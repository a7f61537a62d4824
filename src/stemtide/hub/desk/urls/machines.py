# SPDX-License-Identifier: Apache-2.0
"""URLs of exchanges with other hubs, of keys and webhooks, and of data protection officers."""

from django.urls import path

from stemtide.hub.desk.machines import hub_settings, keys, signing_keys, webhook_form, webhooks
from stemtide.hub.desk.machines.exchanges import acts, form, pages
from stemtide.hub.desk.officer import ledger, records, rights
from stemtide.hub.desk.retention import views as retention

urlpatterns = [
    path("exchanges", pages.exchanges, name="exchanges"),
    path("exchanges/new/exchange", form.new, name="exchange-new"),
    path("exchanges/<slug:name>", pages.exchange, name="exchange"),
    path("exchanges/<slug:name>/all/<slug:verb>", pages.withdrawal, name="exchange-withdrawal"),
    path("exchanges/<slug:name>/<slug:verb>", acts.act, name="exchange-act"),
    path("retention", retention.overview, name="retention"),
    path("retention/<slug:row_class>/<uuid:uid>", retention.row, name="retention-row"),
    path("retention/<slug:row_class>/<uuid:uid>/<slug:verb>", retention.act, name="retention-act"),
    path("records", records.records, name="records"),
    path("ledger", ledger.entries, name="ledger"),
    path("ledger/export", ledger.export, name="ledger-export"),
    path("rights-requests", rights.requests, name="rights-requests"),
    path("rights-requests/new", rights.new, name="rights-request-new"),
    path("rights-requests/<uuid:uid>", rights.request_page, name="rights-request"),
    path("rights-requests/<uuid:uid>/<slug:verb>", rights.act, name="rights-request-act"),
    path("hub-settings", hub_settings.hub_settings, name="hub-settings"),
    path("hub-settings/restore", hub_settings.confirm_restore, name="restore-confirm"),
    path("hub-settings/<slug:name>/<slug:verb>", hub_settings.act, name="hub-setting-act"),
    path("keys", keys.keys, name="keys"),
    path("keys/new", keys.new, name="key-new"),
    path("keys/<slug:prefix>/replace", keys.replace, name="key-replace"),
    path("keys/<slug:prefix>/revoke", keys.revoke, name="key-revoke"),
    path("signing-keys", signing_keys.signing_keys, name="signing-keys"),
    path("signing-keys/new", signing_keys.new, name="signing-key-new"),
    path("signing-keys/revoke", signing_keys.revoke, name="signing-key-revoke"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/new", webhook_form.new, name="webhook-new"),
    path("webhooks/<uuid:uid>", webhooks.webhook, name="webhook"),
    path("webhooks/<uuid:uid>/<slug:verb>", webhooks.act, name="webhook-act"),
    path("webhooks/<uuid:uid>/again/<uuid:delivery>", webhooks.again, name="webhook-again"),
]
