# SPDX-License-Identifier: Apache-2.0
"""URLs of removal orders, for issuers, providers and authorities with a copy."""

from django.urls import path

from stemtide.hub.desk.orders import (
    answers as order_answers,
    drafts as order_drafts,
    views as orders,
)

urlpatterns = [
    path("orders", orders.orders, name="orders"),
    path("orders/_blocks", orders.orders_blocks, name="orders-blocks"),
    path("orders/new", order_drafts.new, name="order-new"),
    path("orders/inform", order_drafts.inform, name="order-inform"),
    path("orders/<uuid:uid>", orders.order, name="order"),
    path("orders/<uuid:uid>/_blocks", orders.order_blocks, name="order-blocks"),
    path("orders/<uuid:uid>/draft", order_drafts.draft, name="order-draft"),
    path("orders/<uuid:uid>/answer/<slug:name>", order_answers.answer, name="order-answer"),
    path(
        "orders/<uuid:uid>/papers/<slug:name>.<slug:kind>",
        order_answers.paper,
        name="order-paper",
    ),
    path("orders/<uuid:uid>/do/<slug:verb>", orders.act, name="order-act"),
]
