# SPDX-License-Identifier: Apache-2.0
"""URLs of the statistics and of the yearly reports."""

from django.urls import path

from stemtide.hub.desk.progress import dsa, views, yearly

urlpatterns = [
    path("progress", views.referrals, name="progress"),
    path("progress/orders", views.orders, name="progress-orders"),
    path("progress/yearly", yearly.yearly, name="progress-yearly"),
    path("progress/dsa", dsa.dsa, name="progress-dsa"),
    path("progress/dsa/write", dsa.write, name="progress-dsa-write"),
    path("progress/dsa/finish", dsa.finish, name="progress-dsa-finish"),
    path("progress/yearly/finish", yearly.finish, name="progress-yearly-finish"),
    path("progress/yearly/write", yearly.write, name="progress-yearly-write"),
]
