# SPDX-License-Identifier: Apache-2.0
"""URLs of complaints: public pages of uploaders, and pages of reviewers.

Statements of reasons that were sent already contain /complain/…: these URLs must not change.
"""

from django.urls import path

from stemtide.hub.desk.complaints import public as complain, redress, views as complaints

urlpatterns = [
    path("complaints", complaints.complaints, name="complaints"),
    path("complaints/new", complaints.new, name="complaint-new"),
    path("complaints/links/new", complaints.new_link, name="complaint-link-new"),
    path("complaints/<uuid:uid>", complaints.complaint, name="complaint"),
    path("complaints/<uuid:uid>/do/<slug:verb>", complaints.act, name="complaint-act"),
    path("complaints/asked/<uuid:uid>", redress.asked, name="redress"),
    path("complaints/asked/<uuid:uid>/do/<slug:verb>", redress.answer, name="redress-act"),
    path("complain", complain.look_up, name="complain-code"),
    path("complain/<str:token>", complain.complain, name="complain"),
]
