# SPDX-License-Identifier: Apache-2.0
"""URLs of removal orders, for issuers, providers and authorities with a copy."""

from django.urls import path

from stemtide.hub.desk.orders import (
    answers,
    drafts,
    entries,
    views,
)

urlpatterns = [
    path("orders", views.orders, name="orders"),
    path("orders/_blocks", views.orders_blocks, name="orders-blocks"),
    path("orders/new", drafts.new, name="order-new"),
    path("orders/enter", entries.enter, name="order-enter"),
    path("orders/inform", drafts.inform, name="order-inform"),
    path("orders/final", views.final_orders, name="final-orders"),
    path("orders/<uuid:uid>", views.order, name="order"),
    path("orders/<uuid:uid>/_blocks", views.order_blocks, name="order-blocks"),
    path("orders/<uuid:uid>/draft", drafts.draft, name="order-draft"),
    path("orders/<uuid:uid>/answer/<slug:name>", answers.answer, name="order-answer"),
    path(
        "orders/<uuid:uid>/papers/<slug:name>.<slug:kind>",
        answers.paper,
        name="order-paper",
    ),
    path("orders/<uuid:uid>/document", entries.document, name="order-document"),
    path("orders/<uuid:uid>/do/<slug:verb>", views.act, name="order-act"),
]
