# SPDX-License-Identifier: Apache-2.0
"""Addresses of complaints: the public pages of whoever was hit, and the pages of those who review.

Where /complain/… leads stands in statements of reasons that are sent already: it stays.
"""

from django.urls import path

from stemtide.hub.desk import complain, complaints, redress

urlpatterns = [
    path("complaints", complaints.complaints, name="complaints"),
    path("complaints/new", complaints.new, name="complaint-new"),
    path("complaints/links/new", complaints.new_link, name="complaint-link-new"),
    path("complaints/<uuid:uid>", complaints.complaint, name="complaint"),
    path("complaints/<uuid:uid>/do/<slug:verb>", complaints.act, name="complaint-act"),
    path("complaints/asked/<uuid:uid>", redress.asked, name="redress"),
    path("complaints/asked/<uuid:uid>/do/<slug:verb>", redress.answer, name="redress-act"),
    path("complain", complain.ask, name="complain-code"),
    path("complain/<str:token>", complain.complain, name="complain"),
]
