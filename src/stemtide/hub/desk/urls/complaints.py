# SPDX-License-Identifier: Apache-2.0
"""URLs of complaints: public pages of uploaders, and pages of reviewers.

Statements of reasons that were sent already contain /complain/…: these URLs must not change.
"""

from django.urls import path

from stemtide.hub.desk.complaints import public, redress, views

urlpatterns = [
    path("complaints", views.complaints, name="complaints"),
    path("complaints/new", views.new, name="complaint-new"),
    path("complaints/links/new", views.new_link, name="complaint-link-new"),
    path("complaints/<uuid:uid>", views.complaint, name="complaint"),
    path("complaints/<uuid:uid>/do/<slug:verb>", views.act, name="complaint-act"),
    path("complaints/asked/<uuid:uid>", redress.request_page, name="redress"),
    path("complaints/asked/<uuid:uid>/do/<slug:verb>", redress.answer, name="redress-act"),
    path("complain", public.look_up, name="complain-code"),
    path("complain/<str:token>", public.complain, name="complain"),
]
