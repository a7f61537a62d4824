# SPDX-License-Identifier: Apache-2.0
"""URLs of alerts, deliveries and drills."""

from django.urls import path

from stemtide.hub.desk.alerts import deliveries, drills, page, views
from stemtide.hub.desk.receipts import answers, views as receipts

urlpatterns = [
    path("alerts", views.alerts, name="alerts"),
    path("alerts/_blocks", views.blocks, name="alerts-blocks"),
    path("alerts/_bar", views.bar, name="alerts-bar"),
    path("alerts/<uuid:uid>", page.alert, name="alert"),
    path("alerts/<uuid:uid>/do/<slug:verb>", page.act, name="alert-act"),
    path("alerts/<uuid:uid>/acknowledge", views.acknowledge, name="alert-acknowledge"),
    path("acknowledge/<str:token>", receipts.receipt, name="receipt"),
    path("acknowledge/<str:token>/renew", receipts.renew, name="receipt-renew"),
    path("acknowledge/<str:token>/do/<slug:verb>", answers.answer, name="receipt-answer"),
    path("acknowledge/<str:token>/files/<slug:name>", receipts.file, name="receipt-file"),
    path("deliveries", deliveries.deliveries, name="deliveries"),
    path("deliveries/<uuid:uid>/retry", deliveries.retry, name="delivery-retry"),
    path("deliveries/<uuid:uid>/drop", deliveries.drop, name="delivery-drop"),
    path("drills", drills.drills, name="drills"),
    path("drills/start", drills.start, name="drill-start"),
    path("drills/<uuid:uid>", drills.drill, name="drill"),
    path("drills/<uuid:uid>/_report", drills.drill_block, name="drill-block"),
]
