# SPDX-License-Identifier: Apache-2.0
"""URLs of the statistics and of the yearly report."""

from django.urls import path

from stemtide.hub.desk.progress import views, yearly

urlpatterns = [
    path("progress", views.referrals, name="progress"),
    path("progress/orders", views.orders, name="progress-orders"),
    path("progress/yearly", yearly.yearly, name="progress-yearly"),
    path("progress/yearly/write", yearly.write, name="progress-yearly-write"),
]
