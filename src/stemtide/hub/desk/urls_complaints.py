# SPDX-License-Identifier: Apache-2.0
"""Addresses of complaints: the public pages of whoever was hit, and the pages of those who review.

Where /complain/… leads stands in statements of reasons that are sent already: it stays.
"""

from django.urls import path

from stemtide.hub.desk import complain

urlpatterns = [
    path("complain", complain.ask, name="complain-code"),
    path("complain/<str:token>", complain.complain, name="complain"),
]
